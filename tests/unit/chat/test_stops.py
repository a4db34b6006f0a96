"""A stop sequence ends the reply before it is shown, however the text comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.stops import StopMatcher

SHORT = st.text("ab", max_size=24)
STOPS = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def run(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    matcher = StopMatcher(stops)
    shown = "".join(matcher.feed(piece) for piece in pieces)
    return shown + ("" if matcher.hit else matcher.finish()), matcher.hit


def by_definition(stops: list[str], text: str) -> tuple[str, bool]:
    """The reply up to the stop sequence that is complete first (of those the longest)."""
    for end in range(1, len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            return text[: end - len(max(complete, key=len))], True
    return text, False


@given(STOPS, SHORT)
def test_the_first_complete_sequence_ends_the_reply(stops: list[str], text: str) -> None:
    assert run(stops, [text]) == by_definition(stops, text)
    assert run(stops, list(text)) == by_definition(stops, text)


@given(STOPS, st.lists(st.text("ab", max_size=5), max_size=8))
def test_no_more_is_held_back_than_may_become_a_stop_sequence(
    stops: list[str], pieces: list[str]
) -> None:
    matcher = StopMatcher(stops)
    seen = shown = ""
    for piece in pieces:
        seen += piece
        shown += matcher.feed(piece)
        if matcher.hit:
            break
        held = seen[len(shown) :]
        assert seen.startswith(shown)
        assert held == "" or any(stop.startswith(held) for stop in stops)


@pytest.mark.parametrize("pieces", [["one", " END two"], ["one E", "N", "D two"], ["one END"]])
def test_a_sequence_that_comes_in_pieces_is_never_shown(pieces: list[str]) -> None:
    assert run(["END"], pieces) == ("one ", True)


def test_nothing_follows_a_stop() -> None:
    matcher = StopMatcher(["."])
    assert matcher.feed("a.b") == "a"
    assert matcher.feed("c") == "" and matcher.finish() == ""


def test_empty_sequences_stop_nothing() -> None:
    assert run(["", ""], ["a", "b"]) == ("ab", False)
