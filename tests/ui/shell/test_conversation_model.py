"""The rows of the conversation list stay right whatever happens, and are told one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from chatdesk.chat.messages import Conversation
from chatdesk.ui.sidebar.model import HEADING, STREAMING, ConversationModel
from chatdesk.ui.sidebar.search import fold, matches, words

NOW = 1_795_000_000.0
DAY = 86_400.0
Make = Callable[..., Conversation]


def rows(model: ConversationModel) -> list[str]:
    """What the list shows, headings in brackets."""
    found = []
    for row in range(model.rowCount()):
        index = model.index(row)
        text = str(index.data())
        found.append(f"[{text}]" if index.data(HEADING) else text)
    return found


def filled(*conversations: Conversation, clock: Callable[[], float]) -> ConversationModel:
    model = ConversationModel(clock=clock)
    model.set_conversations(conversations)
    return model


def test_conversations_stand_below_their_dates_newest_first(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(
        conversation("a", "Old", days_ago=60),
        conversation("b", "Now"),
        conversation("c", "Before", days_ago=1),
        conversation("d", "Earlier today", days_ago=0.1),
        clock=clock,
    )
    assert rows(model) == [
        "[Today]", "Now", "Earlier today", "[Yesterday]", "Before", "[September 2026]", "Old",
    ]  # fmt: skip


def test_a_conversation_that_goes_on_moves_to_the_top_without_a_reset(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(conversation("a", "One"), conversation("b", "Two", days_ago=1), clock=clock)
    resets: list[None] = []
    model.modelReset.connect(lambda: resets.append(None))
    model.update(replace(conversation("b", "Two"), updated_at=clock() + 1))
    assert rows(model) == ["[Today]", "Two", "One"]
    assert not resets


def test_a_new_title_changes_only_its_row(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(conversation("a", "One"), conversation("b", "Two", days_ago=1), clock=clock)
    told: list[int] = []
    model.dataChanged.connect(lambda first, _last: told.append(first.row()))
    model.update(conversation("b", "Zwei", days_ago=1))
    assert rows(model) == ["[Today]", "One", "[Yesterday]", "Zwei"]
    assert told == [3]


def test_a_heading_goes_with_its_last_conversation(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(conversation("a", "One"), conversation("b", "Two", days_ago=1), clock=clock)
    model.remove(["a", "unknown"])
    assert rows(model) == ["[Yesterday]", "Two"]
    model.remove(["b"])
    assert rows(model) == []


def test_the_filter_knows_no_case_and_no_accents(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(
        conversation("a", "Éclairs à la CRÈME"),
        conversation("b", "Straße nach Süden", days_ago=1),
        conversation("c", "رِحلة", days_ago=2),
        clock=clock,
    )
    for query, found in (("creme eclair", "a"), ("STRASSE", "b"), ("suden", "b"), ("رحلة", "c")):
        model.set_filter(query)
        assert [model.id_at(row) for row in range(model.rowCount())] == ["", found], query
    model.set_filter("nothing like it")
    assert model.rowCount() == 0
    model.set_filter(" ")
    assert len(rows(model)) == 6


def test_what_changes_while_filtered_is_filtered_too(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(conversation("a", "Boats"), conversation("b", "Tides"), clock=clock)
    model.set_filter("boat")
    model.update(conversation("b", "Boat tides"))
    model.update(conversation("c", "Bread"))
    assert set(rows(model)) == {"[Today]", "Boats", "Boat tides"}
    model.update(conversation("a", "Ships"))
    assert rows(model) == ["[Today]", "Boat tides"]
    model.set_filter("")
    assert len(rows(model)) == 4


def test_a_renamed_conversation_is_found_by_its_new_title(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(conversation("a", "Boats"), conversation("b", "Tides"), clock=clock)
    assert model.prepare_search(1)
    assert not model.prepare_search(10)
    model.update(conversation("a", "Ships"))
    model.set_filter("boats")
    assert rows(model) == []
    model.set_filter("ships")
    assert rows(model) == ["[Today]", "Ships"]


def test_headings_change_at_midnight(qapp: QApplication, conversation: Make) -> None:
    now = [NOW]
    model = ConversationModel(clock=lambda: now[0])
    model.set_conversations([Conversation("a", "One", NOW, NOW)])
    assert not model.refresh_dates()
    now[0] += DAY
    assert model.refresh_dates()
    assert rows(model) == ["[Yesterday]", "One"]


def test_in_the_trash_the_time_of_deletion_counts(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(
        conversation("a", "New", deleted_days_ago=1),
        conversation("b", "Old", days_ago=90, deleted_days_ago=0),
        clock=clock,
    )
    assert rows(model) == ["[Today]", "Old", "[Yesterday]", "New"]


def test_a_title_is_one_line_and_never_empty(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    model = filled(conversation("a", "Two\nlines\tand  more"), clock=clock)
    assert rows(model)[1] == "Two lines and more"
    model.update(conversation("a", " "))
    assert rows(model)[1] == "New chat"


def test_streaming_conversations_are_marked_and_said(
    qapp: QApplication, conversation: Make, clock: Callable[[], float]
) -> None:
    from PySide6.QtCore import Qt

    model = filled(conversation("a", "One"), clock=clock)
    model.set_streaming(["a", "elsewhere"])
    index = model.index(1)
    assert index.data(STREAMING)
    assert "being written" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    model.set_streaming([])
    assert not index.data(STREAMING)


def test_many_conversations_are_removed_at_once(
    qapp: QApplication, clock: Callable[[], float]
) -> None:
    many = [Conversation(f"{i}", f"T{i}", i, clock() - i * 1000) for i in range(2_000)]
    model = filled(*many, clock=clock)
    model.remove([c.id for c in many[:1_990]])
    assert model.total == 10
    assert len([row for row in rows(model) if not row.startswith("[")]) == 10


steps = st.lists(
    st.tuples(
        st.sampled_from(["update", "remove", "title"]),
        st.integers(0, 7),
        st.sampled_from([0.0, 0.2, 1.0, 3.0, 3.0, 12.0, 40.0, 75.0, -1.0]),
    ),
    max_size=25,
)


@given(steps, st.sampled_from(["", "a"]))
def test_changes_one_by_one_end_where_a_new_list_would(
    qapp: QApplication, steps: list[tuple[str, int, float]], query: str
) -> None:
    titles = ("alpha", "beta", "cellar", "dig")
    model = ConversationModel(clock=lambda: NOW)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_filter(query)
    kept: dict[str, Conversation] = {}
    for kind, number, age in steps:
        identity = f"c{number}"
        if kind == "remove":
            kept.pop(identity, None)
            model.remove([identity])
            continue
        old = kept.get(identity)
        time = old.updated_at if old and kind == "title" else NOW - age * DAY
        title = titles[(number + int(age)) % len(titles)]
        kept[identity] = Conversation(identity, title, time, time)
        model.update(kept[identity])
    fresh = ConversationModel(clock=lambda: NOW)
    fresh.set_filter(query)
    fresh.set_conversations(kept.values())
    assert _by_time(model) == _by_time(fresh)
    for identity in kept:
        row = model.row_of(identity)
        assert row == -1 or model.id_at(row) == identity
    del tester


def _by_time(model: ConversationModel) -> list[object]:
    """The rows; conversations of the very same time may stand in any order."""
    found: list[object] = []
    for row in range(model.rowCount()):
        shown = model.conversation(model.id_at(row))
        if shown is None:
            found.append(model.index(row).data())
        elif found and isinstance(found[-1], tuple) and found[-1][0] == shown.updated_at:
            found[-1] = (shown.updated_at, found[-1][1] | {shown.id})
        else:
            found.append((shown.updated_at, frozenset({shown.id})))
    return found


@pytest.mark.parametrize("text", ["plain", "ÉCLAIR", "Straße", "ﬁne", "한국어", "İstanbul"])
def test_every_title_is_found_by_itself(text: str) -> None:
    assert matches(fold(text), words(text))
    assert matches(fold(text), words(text.upper()))
