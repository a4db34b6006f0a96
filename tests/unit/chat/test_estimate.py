"""Estimates of tokens: no exact number, but what a budget can rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.estimate import estimate_tokens

ANY = st.text(st.characters())  # halves of characters too: no text may break it


@given(ANY)
def test_only_no_text_has_no_tokens(text: str) -> None:
    assert (estimate_tokens(text) > 0) == bool(text)


@given(ANY, ANY)
def test_more_text_never_has_fewer_tokens(text: str, more: str) -> None:
    assert estimate_tokens(text + more) >= max(estimate_tokens(text), estimate_tokens(more))


@given(ANY, ANY)
def test_parts_have_no_fewer_tokens_than_the_whole(left: str, right: str) -> None:
    apart = estimate_tokens(left) + estimate_tokens(right)
    assert apart - 1 <= estimate_tokens(left + right) <= apart


@given(st.text(), st.integers(1, 50))
def test_the_order_of_characters_does_not_matter(text: str, times: int) -> None:
    assert estimate_tokens(text * times) == estimate_tokens("".join(sorted(text * times)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # What SmolLM2's tokenizer counts; other tokenizers need fewer for the last three.
        ("The quick brown fox jumps over the lazy dog. " * 10, 101),
        ("def f(x: int) -> int:\n    return x * 2 + 1\n" * 10, 200),
        ("Die Größe der Häuser überraschte die Fußgänger. " * 10, 231),
        ("Быстрая коричневая лиса прыгает через собаку. " * 10, 381),
        ("今天天气很好,我们一起去公园散步。" * 10, 330),
    ],
)
def test_it_is_near_what_a_tokenizer_counts(text: str, tokens: int) -> None:
    assert 0.5 * tokens <= estimate_tokens(text) <= 1.3 * tokens
