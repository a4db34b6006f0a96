"""When a server is tried again, and what is told meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from faults import chunk, error, good, reply, status
from faulty_person import NOW, Person
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Waiting
from chatdesk.providers.remote.answers import retry_after
from chatdesk.providers.remote.backoff import Backoff, Patience
from chatdesk.providers.remote.problems import Again, ServerProblem

AGAIN: list[Again] = ["soon", "few", None]
SECONDS = st.none() | st.floats(0, 1e9)


@given(st.integers(1, 10_000), st.sampled_from(AGAIN), SECONDS, st.floats(0, 1))
def test_a_wait_is_bounded_and_never_shorter_than_asked(
    attempt: int, again: Again, after: float | None, chance: float
) -> None:
    backoff = Backoff()
    wait = backoff.seconds(attempt, ServerProblem("x", again=again, after=after), chance)
    if wait is not None:
        assert again is not None
        assert attempt < backoff.attempts
        assert (after or 0) <= wait <= max(backoff.most_s, after or 0)
        assert (after or 0) <= backoff.longest_s


def test_waits_grow_up_to_a_bound_by_chance() -> None:
    backoff = Backoff(first_s=2, most_s=10, attempts=9)
    busy = ServerProblem("busy", again="soon")
    assert [backoff.seconds(n, busy, 1.0) for n in range(1, 7)] == [2, 4, 8, 10, 10, 10]
    assert [backoff.seconds(n, busy, 0.25) for n in range(1, 4)] == [0.5, 1, 2]
    assert backoff.seconds(3, busy, 0.0) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 09:28:30 +0200"}, 30.0),
        ({"retry-after": "Tue, 20 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, 10 * 365 * 86400.0),
        ({"retry-after": "9" * 500}, 10 * 365 * 86400.0),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Wed, 99 Oct 99999999999999999999 07:28:30 GMT"}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(
    headers: Mapping[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_it(text: str) -> None:
    seconds = retry_after({"retry-after": text, "retry-after-ms": text})
    assert seconds is None or 0 <= seconds < 1e9


def test_a_wait_is_told_at_least_every_second() -> None:
    told: list[Waiting] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def attempt() -> str:
        if len(told) < 4:
            raise ServerProblem("Busy", again="soon", after=3.5, why="It is busy")
        return "done"

    patience = Patience(sleep=sleep, chance=lambda: 0.0, now=lambda: NOW)
    assert asyncio.run(patience.ask(attempt, told.append, again=lambda: True)) == "done"
    assert [event.seconds for event in told] == [3.5, 2.5, 1.5, 0.5]
    assert {event.why for event in told} == {"It is busy"}
    assert slept == [1, 1, 1, 0.5]


def test_waits_grow_from_attempt_to_attempt(person: Person) -> None:
    told = person.meets(*[error(429, "Slow down")] * 3, good("Now"))
    assert told.text == "Now"
    assert sum(person.clock.slept) == pytest.approx(2 + 4 + 8)
    assert {event.why for event in told.retries} == {"Faulty is busy"}


def test_a_server_that_wants_rest_for_long_says_until_when(person: Person) -> None:
    for after, when in ((5400, "13:30"), (172_800, "03 March 2026, 12:00")):
        told = person.meets(error(429, "Later", f"Retry-After: {after}"))
        assert len(person.server.asked) == 1
        assert when in told.error.what
        assert when in told.error.advice
        assert told.error.retryable


@pytest.mark.parametrize("code", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
def test_what_may_pass_is_tried_again(person: Person, code: int) -> None:
    assert person.meets(error(code, "Not now"), good("Now")).text == "Now"


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 410, 413, 422, 451])
def test_what_will_not_change_is_not(person: Person, code: int) -> None:
    told = person.meets(error(code, "No"))
    assert len(person.server.asked) == 1
    assert not told.retries


def test_a_server_that_says_that_trying_again_is_no_use_is_believed(person: Person) -> None:
    told = person.meets(error(500, "Broken", "x-should-retry: false"))
    assert len(person.server.asked) == 1
    assert told.error.retryable


def test_nothing_is_tried_again_after_the_first_word(person: Person) -> None:
    for first in (chunk("Half"), chunk(None, reasoning_content="Hm")):
        told = person.meets(reply(first), good("Other"))
        assert len(person.server.asked) == 1
        assert told.error.retryable
        assert (told.text, told.reasoning) in (("Half", ""), ("", "Hm"))


def test_a_server_that_loads_its_model_is_waited_for(person: Person) -> None:
    loading = status(503, {"error": {"message": "Loading model", "type": "unavailable_error"}})
    told = person.meets(loading, good("Now"))
    assert told.text == "Now"
    assert told.retries[0].why == "Faulty is loading its model"
