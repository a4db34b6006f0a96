"""The tokens of finished replies are found again by their text, exactly or not at all."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.providers.llama.cache import Cuts, ReplyMemory, common_prefix

TEXTS = st.text(st.sampled_from("ab ñ€😀"), min_size=1, max_size=12)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A text and its bytes cut into tokens, possibly within characters."""
    text = draw(TEXTS)
    data = text.encode()
    cuts = sorted(draw(st.sets(st.integers(0, len(data)))) | {0, len(data)})
    return text, [data[a:b] for a, b in itertools.pairwise(cuts)]


@given(written(), st.data())
def test_tokens_and_the_rest_give_exactly_the_text(
    reply: tuple[str, list[bytes]], data: st.DataObject
) -> None:
    text, pieces = reply
    shown = text[: data.draw(st.integers(0, len(text)))]
    memory = ReplyMemory()
    memory.remember(shown, range(len(pieces)), pieces)
    found = memory.find(shown)
    if found is not None:
        assert list(found.tokens) == list(range(len(found.tokens)))
        kept = b"".join(pieces[: len(found.tokens)])
        assert kept.decode() + found.rest == shown
    if shown == text:
        assert found is not None and len(found.tokens) == len(pieces) and found.rest == ""


def test_text_that_the_tokens_do_not_give_is_not_remembered() -> None:
    memory = ReplyMemory()
    memory.remember("\ufffd", [1], [b"\xff"])
    memory.remember("", [1], [b"a"])
    assert memory.find("\ufffd") is None and memory.find("") is None


def test_the_longest_unused_replies_are_forgotten_first() -> None:
    memory = ReplyMemory(limit=4)
    memory.remember("aa", [1, 1], [b"a", b"a"])
    memory.remember("bb", [2, 2], [b"b", b"b"])
    assert memory.find("aa") is not None
    memory.remember("cc", [3, 3], [b"c", b"c"])
    assert memory.find("bb") is None
    assert memory.find("aa") is not None and memory.find("cc") is not None


def test_a_conversation_that_fits_again_has_no_cut() -> None:
    cuts = Cuts()
    cuts.set("c", "m3")
    assert cuts.get("c") == "m3"
    cuts.set("c", None)
    assert cuts.get("c") is None


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_the_common_prefix_is_the_longest(left: list[int], right: list[int]) -> None:
    count = common_prefix(left, right)
    assert left[:count] == right[:count]
    assert left[count : count + 1] != right[count : count + 1] or count == len(left) == len(right)
