"""What workers say to each other arrives as it was said, and nothing wrong is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta, Waiting
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.worker.between import (
    Free,
    Hand,
    Taken,
    decode_between,
    decode_hand,
    encode_free,
    encode_hand,
    encode_taken,
    is_hand,
)
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.wire import Moved, Told, encode_request, encode_told

REQUEST = Request("c", (PromptMessage(Role.USER, 'Hi "you"\n\u2028'),), run_id="run")
TOLD = (
    encode_told(Told("run", "w1", 0, Waiting("queued", "place 2"))),
    encode_told(Told("run", "w1", 1, Moved("w2"))),
    encode_told(Told("run", "w2", 2, Waiting("queued", "place 1"))),
)
HAND = Hand("w2", "anna", "_INBOX_anna.x", REQUEST, TOLD, held=True, hops=2)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans(), st.integers(0, 9))
def test_a_request_is_handed_over_whole(text: str, held: bool, hops: int) -> None:
    request = Request("c", (PromptMessage(Role.USER, text),), run_id="run")
    hand = Hand("w", "anna", "_INBOX_anna.x", request, TOLD, held, hops)
    data = encode_hand(hand)
    assert is_hand(data) and decode_hand(data) == hand == decode_between(data)


def test_the_other_words_arrive_as_they_were_said() -> None:
    for said, encode in (
        (Taken("w", "anna", "run", True), encode_taken),
        (Taken("w", "anna", "run", False), encode_taken),
        (Free("w"), encode_free),
    ):
        assert decode_between(encode(said)) == said  # type: ignore[operator]


def test_a_request_of_a_client_is_none_of_a_worker() -> None:
    assert not is_hand(encode_request(REQUEST))


@pytest.mark.parametrize(
    "told",
    [
        (encode_told(Told("other", "w1", 0, Waiting("queued"))),),
        (encode_told(Told("run", "w1", 1, Waiting("queued"))),),
        (encode_told(Told("run", "w1", 0, Delta("text", "forged"))),),
        (b"{}",),
    ],
)
def test_only_what_was_told_of_this_wait_is_taken_over(told: tuple[bytes, ...]) -> None:
    with pytest.raises(WireError):
        decode_hand(encode_hand(Hand("w", "anna", "_INBOX_anna.x", REQUEST, told)))


strange = st.one_of(
    st.none(), st.booleans(), st.integers(-5, -1), st.floats(), st.lists(st.integers(), max_size=2)
)


@given(st.sampled_from(("worker", "user", "reply", "held", "hops", "told", "request")), strange)
def test_a_field_that_is_wrong_is_refused_or_read_as_one(name: str, value: Any) -> None:
    values = json.loads(encode_hand(HAND))
    values[name] = value
    try:
        hand = decode_hand(json.dumps(values).encode())
    except WireError:
        return
    assert decode_hand(encode_hand(hand)) == hand


@given(st.binary(max_size=60))
def test_no_bytes_are_believed(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_between(data)
