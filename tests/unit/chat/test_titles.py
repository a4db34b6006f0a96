"""Titles made from the first message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.titles import LONGEST, title_from


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Name the planets of the solar system", "Name the planets of the solar system"),
        ("\n\n  # Trip to *Lisbon*\nand more", "Trip to Lisbon"),
        ("> - 1) **Why?**", "Why?"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("a_b_c and x*y", "a_b_c and x*y"),
        ("ما هي الكواكب؟", "ما هي الكواكب؟"),
        ("   \n\t ", ""),
        ("", ""),
    ],
)
def test_the_first_line_that_says_something_is_the_title(text: str, title: str) -> None:
    assert title_from(text) == title


def test_a_long_line_is_cut_at_a_word() -> None:
    title = title_from("word " * 100)
    assert title.endswith("word…")
    assert len(title) <= LONGEST


def test_a_long_line_without_spaces_is_cut_at_the_limit() -> None:
    assert len(title_from("行" * 100)) == LONGEST


@given(st.text(max_size=300))
def test_a_title_is_one_printable_line(text: str) -> None:
    title = title_from(text)
    assert len(title) <= LONGEST
    assert title == title.strip()
    assert title.isprintable()
