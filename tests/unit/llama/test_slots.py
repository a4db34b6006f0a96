"""Which place of the shared context a request gets, and how its tokens are counted off."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.providers.llama.slots import Slot, Writing, choose

SYSTEM = [1, 2, 3, 4, 5]


def slot(number: int, tokens: list[int], used: int, conversation: str = "") -> Slot:
    return Slot(number, list(tokens), conversation, used)


def test_a_follow_up_finds_its_conversation() -> None:
    slots = [slot(0, [*SYSTEM, 10, 11], 2), slot(1, [*SYSTEM, 20, 21], 1)]
    assert choose(slots, [*SYSTEM, 10, 11, 12]) is slots[0]
    assert choose(slots, [*SYSTEM, 20, 21, 22]) is slots[1]


def test_what_nobody_begins_like_goes_to_the_longest_unused() -> None:
    slots = [slot(0, [10, 11], 7), slot(1, [20, 21], 3), slot(2, [30, 31], 5)]
    assert choose(slots, [40, 41]) is slots[1]


def test_an_unused_slot_comes_before_all_others() -> None:
    slots = [slot(0, [10, 11], 1), slot(1, [], 0)]
    assert choose(slots, [40, 41]) is slots[1]


def test_a_common_system_prompt_overwrites_no_long_conversation() -> None:
    long, empty = slot(0, [*SYSTEM, *range(100, 200)], 9), slot(1, [], 0)
    assert choose([long, empty], [*SYSTEM, 40]) is empty
    assert choose([long, slot(1, [50] * 9, 1)], [*SYSTEM, 40]).number == 1


def test_a_reply_that_is_written_anew_finds_its_question() -> None:
    # Most of what the slot holds is lost, but it is the same conversation's.
    mine = slot(0, [*SYSTEM, *range(100, 200)], 9, "c")
    other = slot(1, [], 0)
    assert choose([mine, other], [*SYSTEM, 100], "c") is mine
    assert choose([mine, other], [*SYSTEM, 100], "d") is other


def test_conversations_without_a_name_are_not_the_same() -> None:
    mine, other = slot(0, [*SYSTEM, *range(100, 200)], 9, ""), slot(1, [], 0)
    assert choose([mine, other], [*SYSTEM, 100], "") is other


def test_the_longest_beginning_wins_over_the_same_conversation() -> None:
    # The beginning of a conversation was cut off, so that another one begins more like it.
    mine, other = slot(0, [1, 50, 51], 9, "c"), slot(1, [1, 2, 3], 1, "d")
    assert choose([mine, other], [1, 2, 3, 4], "c") is other


@given(st.data())
def test_the_parts_of_a_sequence_make_the_whole(data: st.DataObject) -> None:
    prompt = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=20))
    written = data.draw(st.lists(st.integers(0, 9), max_size=20))
    reply = cast(Any, SimpleNamespace(written=written))
    writing = Writing(cast(Any, None), prompt, reply, cast(Any, None), 1)
    held = Slot(0, writing=writing)
    while held.rest:
        count = data.draw(st.integers(1, held.rest))
        part = writing.part(len(held.tokens), count)
        assert len(part) == count
        held.tokens += part
    assert held.tokens == prompt + written
