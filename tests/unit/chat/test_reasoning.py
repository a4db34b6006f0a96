"""The reasoning of a reply is told apart from its text, in whatever pieces it comes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta
from chatdesk.chat.reasoning import ReasoningSplitter

FRAGMENTS = ["<think>", "</think>", "<thi", "nk>", "</th", "ink>", " ", "\n", "a", "b c", "<", ">"]


def split(pieces: Sequence[str], splitter: ReasoningSplitter | None = None) -> tuple[str, str]:
    """(reasoning, text) of a reply that comes in these pieces."""
    splitter = splitter or ReasoningSplitter()
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)]
    deltas += splitter.finish()
    assert all(delta.text for delta in deltas)
    return (
        "".join(delta.text for delta in deltas if delta.kind == "reasoning"),
        "".join(delta.text for delta in deltas if delta.kind == "text"),
    )


@pytest.mark.parametrize(
    ("reply", "reasoning", "text"),
    [
        ("Hello.", "", "Hello."),
        ("<think>\nHm. So?\n</think>\n\nYes.", "Hm. So?", "Yes."),
        ("\n <think>a</think>b", "a", "b"),
        ("<think></think>b", "", "b"),
        ("<think>never closed", "never closed", ""),
        ("<thinking> is no tag", "", "<thinking> is no tag"),
        ("The tag <think> opens </think> it", "", "The tag <think> opens </think> it"),
        ("<think>a</think>b <think>c</think>", "a", "b <think>c</think>"),
        ("<think>1 < 2 </thin </think>x", "1 < 2 </thin", "x"),
        ("  \n", "", "  \n"),
        ("<thi", "", "<thi"),
    ],
)
def test_only_a_block_at_the_beginning_is_reasoning(reply: str, reasoning: str, text: str) -> None:
    assert split([reply]) == (reasoning, text)
    assert split(list(reply)) == (reasoning, text)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.data())
def test_the_cut_into_pieces_makes_no_difference(fragments: list[str], data: st.DataObject) -> None:
    reply = "".join(fragments)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(reply)))) | {0, len(reply)})
    pieces = [reply[a:b] for a, b in itertools.pairwise(cuts)]
    assert split(pieces) == split([reply])


def test_text_without_a_block_is_delivered_at_once() -> None:
    splitter = ReasoningSplitter()
    assert splitter.feed("He") == [Delta("text", "He")]
    assert splitter.feed(" <think>") == [Delta("text", " <think>")]
    assert not splitter.reasoned


def test_a_template_may_open_the_block_itself() -> None:
    assert split(["I see.\n</think>\n\nYes."], ReasoningSplitter("reasoning")) == ("I see.", "Yes.")


def test_a_reply_that_goes_on_is_text() -> None:
    assert split([" <think>x"], ReasoningSplitter("text")) == ("", " <think>x")
