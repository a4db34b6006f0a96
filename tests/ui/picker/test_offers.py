"""Which rows of the model picker answer a search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.errors import ProviderError, Remedy
from chatdesk.ui.model_picker.offers import FEW, Offer, Row, Shelf, rows_for

HERE = Shelf(
    "On this computer",
    "nothing leaves it",
    (Offer("", "SmolLM2 135M Instruct", "98 MB"), Offer("qwen", "Qwen3 4B", "2.4 GB")),
)
MISTRAL = Shelf(
    "Mistral",
    "leaves this computer and goes to api.mistral.ai",
    (Offer("m:open-mixtral-8x7b", "open-mixtral-8x7b"), Offer("m:large", "large")),
    "m",
)
OLLAMA = Shelf("Ollama", "goes to Ollama, another program on this computer", (), "o")
MANY = Shelf("Router", "leaves", tuple(Offer(f"r:x{i}", f"x{i}") for i in range(300)), "r")
ALL = (HERE, MISTRAL, OLLAMA)


def texts(rows: list[Row], *kinds: str) -> list[str]:
    return [row.text for row in rows if not kinds or row.kind in kinds]


def test_every_place_has_a_heading_that_says_where_messages_go() -> None:
    headings = [row for row in rows_for(ALL) if row.kind == "heading"]
    assert [(row.text, row.note) for row in headings] == [
        ("On this computer", "nothing leaves it"),
        ("Mistral", "leaves this computer and goes to api.mistral.ai"),
        ("Ollama", "goes to Ollama, another program on this computer"),
    ]
    assert not any(row.selectable for row in headings)


@pytest.mark.parametrize("query", ["mixtral", "mistral mix", "MISTRAL:open", "m:open-mixtral-8x7b"])
def test_a_model_is_found_by_its_name_its_provider_and_both(query: str) -> None:
    assert texts(rows_for(ALL, query), "model") == ["open-mixtral-8x7b"]


def test_headings_without_an_answer_go() -> None:
    assert texts(rows_for(ALL, "qwen"), "heading") == ["On this computer"]


def test_a_name_that_is_in_no_list_can_be_used_at_each_provider() -> None:
    typed = [row for row in rows_for(ALL, " open-mistral-7b ") if row.kind == "typed"]
    assert [(row.text, row.key) for row in typed] == [
        ("Use “open-mistral-7b” at Mistral", "m:open-mistral-7b"),
        ("Use “open-mistral-7b” at Ollama", "o:open-mistral-7b"),
    ]


def test_names_that_are_in_no_list_stand_apart_from_the_models_above_them() -> None:
    rows = rows_for(ALL, "large")
    assert [row.kind for row in rows][-3:] == ["model", "title", "typed"]
    assert not rows[-2].selectable
    assert "title" not in {row.kind for row in rows_for((MISTRAL,), "large")}


def test_what_mends_a_list_is_said_shortly_where_the_name_is_long() -> None:
    refused = ProviderError("It refused the key.")
    for title, action in (("Mistral", "Manage Mistral"), ("A name that is rather long", "Manage")):
        (row,) = rows_for((Shelf(title, "leaves", provider="m", error=refused),))[1:]
        assert row.action == action


def test_a_name_with_its_provider_before_it_is_for_that_one_alone() -> None:
    typed = [row for row in rows_for(ALL, "mistral:tiny:latest") if row.kind == "typed"]
    assert [row.key for row in typed] == ["m:tiny:latest"]


def test_a_colon_in_a_models_name_is_no_provider() -> None:
    typed = [row for row in rows_for(ALL, "llama3.2:1b") if row.kind == "typed"]
    assert [row.key for row in typed] == ["m:llama3.2:1b", "o:llama3.2:1b"]


def test_what_is_in_the_list_need_not_be_typed() -> None:
    assert "typed" not in {row.kind for row in rows_for((MISTRAL,), "LARGE")}


def test_words_are_no_name() -> None:
    assert "typed" not in {row.kind for row in rows_for(ALL, "a good one")}


def test_a_long_list_is_shown_in_part_until_it_is_asked_for() -> None:
    rows = rows_for((MANY,))
    assert len(texts(rows, "model")) == FEW
    assert texts(rows, "more") == ["All 300 models of Router"]
    assert len(texts(rows_for((MANY,), unfolded=["r"]), "model")) == 300
    assert "more" not in {row.kind for row in rows_for((MANY,), "x")}
    assert len(texts(rows_for((MANY,), "x"), "model")) == 300


def test_one_model_more_takes_the_place_of_the_words_that_announce_it() -> None:
    shelf = Shelf("Router", "leaves", MANY.offers[: FEW + 1], "r")
    assert len(texts(rows_for((shelf,)), "model")) == FEW + 1


def test_a_list_that_is_asked_for_and_one_that_failed_say_so_in_their_place() -> None:
    error = ProviderError("Nothing answers.", "Start it.", retryable=True)
    rows = rows_for((Shelf("A", "", (), "a", loading=True), Shelf("B", "", (), "b", error=error)))
    assert texts(rows, "loading") == ["Asking A for its models"]
    (failed,) = (row for row in rows if row.kind == "error")
    assert (failed.text, failed.note, failed.action) == (
        "Nothing answers.",
        "Start it.",
        "Try again",
    )


@pytest.mark.parametrize("retryable", [False, True])
def test_nobody_is_told_the_way_that_a_button_goes(retryable: bool) -> None:
    way = Remedy("It is in Settings.", "Use: chatdesk.")
    error = ProviderError("No key.", "Check it.", remedy=way, retryable=retryable)
    (failed,) = (r for r in rows_for((Shelf("A", "", (), "a", error=error),)) if r.selectable)
    assert (failed.text, failed.note) == ("No key.", "Check it.")


def test_what_trying_again_does_not_mend_leads_to_the_providers_settings() -> None:
    error = ProviderError("There is no key for A.", "Add it.")
    (failed,) = (r for r in rows_for((Shelf("A", "", (), "a", error=error),)) if r.selectable)
    assert failed.action == "Manage A"


def test_a_provider_without_a_list_asks_for_a_name() -> None:
    assert texts(rows_for((OLLAMA,)), "empty") == ["Its list is empty: type a model's name"]


def test_the_model_in_use_and_that_of_new_chats_are_marked() -> None:
    rows = rows_for(ALL, in_use="m:large", for_new="")
    assert [row.text for row in rows if row.in_use] == ["large"]
    assert [row.text for row in rows if row.for_new] == ["SmolLM2 135M Instruct"]


def test_a_reader_hears_where_a_model_is() -> None:
    rows = {row.text: row.spoken for row in rows_for(ALL, in_use="m:large")}
    assert rows["large"] == "large, in use here, at Mistral"
    assert rows["Qwen3 4B"] == "Qwen3 4B, 2.4 GB, on this computer"


def test_what_cannot_be_used_cannot_be_chosen() -> None:
    shelf = Shelf("On this computer", "", (Offer("b", "broken", problem="Cannot be used"),))
    assert not any(row.selectable for row in rows_for((shelf,)))


@given(st.text(max_size=30))
def test_whatever_is_typed_a_chosen_key_belongs_to_its_shelf(query: str) -> None:
    for row in rows_for((*ALL, MANY), query):
        if row.selectable and row.shelf.remote:
            assert row.kind == "more" or row.key.startswith(f"{row.shelf.provider}:")
        assert row.identity == row.identity
