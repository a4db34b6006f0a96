"""What goes into one decode: every prompt moves on, the step stays short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.providers.llama.batching import (
    FIRST_ROOM,
    LEAST_ROOM,
    QUICK_STEP,
    SLOW_STEP,
    Pace,
    shares,
)

RESTS = st.lists(st.integers(0, 300), max_size=12)
ROOM = st.integers(0, 400)


@given(RESTS, ROOM)
def test_a_step_is_as_full_as_there_are_tokens(rests: list[int], room: int) -> None:
    given = shares(rests, room)
    assert len(given) == len(rests)
    assert sum(given) == min(room, sum(rests))
    assert all(0 <= part <= rest for part, rest in zip(given, rests, strict=True))


@given(RESTS, ROOM)
def test_everyone_gets_an_equal_share_or_all_it_needs(rests: list[int], room: int) -> None:
    waiting = sum(rest > 0 for rest in rests)
    given = shares(rests, room)
    assert all(
        part >= min(rest, room // waiting) for part, rest in zip(given, rests, strict=True) if rest
    )


@given(RESTS, ROOM)
def test_of_two_that_want_more_the_older_gets_no_less(rests: list[int], room: int) -> None:
    given = shares(rests, room)
    hungry = [part for part, rest in zip(given, rests, strict=True) if part < rest]
    assert hungry == sorted(hungry, reverse=True)


@given(RESTS, st.integers(1, 400))
def test_all_prompts_end_in_as_few_steps_as_there_can_be(rests: list[int], room: int) -> None:
    steps = -(-sum(rests) // room)
    for _ in range(steps):
        rests = [rest - part for rest, part in zip(rests, shares(rests, room), strict=True)]
    assert not any(rests)


def test_a_short_prompt_need_not_wait_for_a_long_one() -> None:
    assert shares([5000, 10], 64) == [54, 10]
    assert shares([5000, 5000, 10], 64) == [27, 27, 10]
    assert shares([9, 9, 9], 2) == [1, 1, 0]


@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.integers(0, 600), st.floats(0.0, 10.0)), max_size=40),
)
def test_the_room_stays_within_its_bounds(largest: int, steps: list[tuple[int, float]]) -> None:
    pace = Pace(largest)
    for tokens, seconds in steps:
        before = pace.room
        pace.took(min(tokens, before), seconds)
        assert min(LEAST_ROOM, largest) <= pace.room <= largest
        assert pace.room <= 2 * before


@given(st.floats(0.00001, 0.005), st.floats(0.0, 0.02))
def test_on_a_steady_computer_steps_come_to_be_neither_slow_nor_needlessly_short(
    per_token: float, for_the_others: float
) -> None:
    pace = Pace(512)

    def step() -> float:
        seconds = for_the_others + pace.room * per_token
        pace.took(pace.room, seconds)
        return seconds

    for _ in range(10):
        step()
    room = pace.room
    seconds = step()
    assert seconds <= SLOW_STEP or room == LEAST_ROOM
    assert seconds >= QUICK_STEP or room == 512


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_steps_without_a_prompt_say_nothing_of_prompts(seconds: float) -> None:
    pace = Pace(512)
    pace.took(0, seconds)
    assert pace.room == FIRST_ROOM


def test_a_quick_end_of_a_prompt_is_no_reason_for_more() -> None:
    pace = Pace(512)
    pace.took(3, 0.001)
    assert pace.room == FIRST_ROOM
