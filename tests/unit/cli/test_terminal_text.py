"""Text for the terminal: nothing in it is a command, however it was cut into pieces."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.terminal_text import safe_line, safe_text

# Surrogates too: they come from file names that are no text.
anything = st.text(st.characters(exclude_categories=()))
hostile = st.text(st.sampled_from("a \x1b[]0;\x07\x9b\x9d\x90\n\t\r\x08\x7f\u202e\u2066\ud800"))


def obeyed(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs")}


@given(anything | hostile)
def test_only_line_breaks_and_tabs_are_left_of_control_characters(text: str) -> None:
    assert obeyed(safe_text(text)) <= {"\n", "\t"}
    assert obeyed(safe_line(text)) == set()


@given(anything | hostile, anything | hostile)
def test_pieces_may_be_cut_anywhere(first: str, second: str) -> None:
    assert safe_text(first) + safe_text(second) == safe_text(first + second)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf"))))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_an_escape_sequence_is_seen_and_not_obeyed() -> None:
    assert safe_text("\x1b[2Jgone?") == "\u241b[2Jgone?"
    assert safe_line("a title\nin two\tlines") == "a title in two lines"
