"""What a worker refuses, in words, and of whom it takes any number."""

from __future__ import annotations

import pytest

from chatdesk.chat.messages import Role, SamplingParameters, Usage
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.worker.admission import Gate, Limits
from chatdesk.errors import ProviderError, UsageError
from chatdesk.providers.nats.subjects import ANYONE


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def asked(messages: int = 1, max_tokens: int = 0) -> Request:
    turns = (PromptMessage(Role.USER, "Hi"),) * messages
    return Request("c", turns, SamplingParameters(max_tokens=max_tokens))


def test_what_is_too_large_is_refused_and_says_how_large_it_may_be(clock: Clock) -> None:
    gate = Gate(Limits(request_bytes=1_000, messages=3, max_tokens=50), clock)
    gate.check_size(1_000)
    gate.check_request(asked(3, 50))
    gate.check_request(asked(1, 0))  # until its end: the worker sets the bound
    with pytest.raises(UsageError, match="1,001 of 1,000 bytes"):
        gate.check_size(1_001)
    with pytest.raises(UsageError, match="4 of 3 messages"):
        gate.check_request(asked(4))
    with pytest.raises(UsageError, match="at most 50 tokens"):
        gate.check_request(asked(1, 51))


def test_nothing_is_too_large_without_limits(clock: Clock) -> None:
    gate = Gate(Limits(0, 0, 0, 0, 0, 0), clock)
    gate.check_size(10**9)
    gate.check_request(asked(9_999, 10**9))
    for _ in range(1_000):
        gate.admit("anna", 999)
    gate.spend("anna", Usage(completion_tokens=10**9))
    gate.admit("anna", 0)


def test_a_user_has_so_many_replies_at_a_time(clock: Clock) -> None:
    gate = Gate(Limits(runs=2), clock)
    gate.admit("anna", 1)
    with pytest.raises(ProviderError, match="2 other replies of yours are") as caught:
        gate.admit("anna", 2)
    assert caught.value.retryable
    gate.admit("bob", 0)


def test_a_user_asks_so_often_in_a_minute(clock: Clock) -> None:
    gate = Gate(Limits(requests=3), clock)
    for _ in range(3):
        gate.admit("anna", 0)
        clock.now += 10
    with pytest.raises(ProviderError, match="3 times within a minute") as caught:
        gate.admit("anna", 0)
    assert caught.value.advice == "Try again in 30 s."
    gate.admit("bob", 0)
    clock.now += 30
    gate.admit("anna", 0)
    with pytest.raises(ProviderError):
        gate.admit("anna", 0)


def test_who_was_refused_is_not_counted(clock: Clock) -> None:
    gate = Gate(Limits(requests=1), clock)
    gate.admit("anna", 0)
    for _ in range(5):
        with pytest.raises(ProviderError):
            gate.admit("anna", 0)
    clock.now += 60
    gate.admit("anna", 0)


def test_a_user_has_so_many_tokens_in_a_minute(clock: Clock) -> None:
    gate = Gate(Limits(tokens=100), clock)
    gate.admit("anna", 0)
    # What stood in the cache cost nothing.
    gate.spend("anna", Usage(prompt_tokens=900, cached_tokens=870, completion_tokens=60))
    gate.admit("anna", 0)
    gate.spend("anna", Usage(prompt_tokens=None, completion_tokens=10))
    with pytest.raises(ProviderError, match="100 tokens") as caught:
        gate.admit("anna", 0)
    assert caught.value.advice == "Try again in 60 s."
    clock.now += 60
    gate.admit("anna", 0)


def test_who_has_no_name_and_who_is_excepted_may_do_as_they_like(clock: Clock) -> None:
    gate = Gate(Limits(runs=1, requests=1, tokens=1, unlimited=frozenset({"dataflow"})), clock)
    for user in (ANYONE, "dataflow"):
        for _ in range(5):
            gate.spend(user, Usage(completion_tokens=1_000))
            gate.admit(user, 99)


def test_of_a_user_who_was_not_here_for_a_minute_nothing_is_kept(clock: Clock) -> None:
    gate = Gate(Limits(), clock)
    for number in range(100):
        gate.admit(f"user{number}", 0)
        gate.spend(f"user{number}", Usage(completion_tokens=5))
    clock.now += 30
    gate.admit("anna", 0)
    gate.forget_old()
    assert len(gate._accounts) == 101
    clock.now += 30
    gate.forget_old()
    assert set(gate._accounts) == {"anna"}
