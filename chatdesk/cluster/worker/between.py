"""What workers say to each other: take this request, I took it, I am free. JSON as in wire.py.

A request that is handed over has its user with it, because on the subject of a worker none is
named. On the subjects of clients (chat, line) the user is that of the subject, here as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatdesk.chat.events import Notice, Waiting
from chatdesk.chat.provider import Request
from chatdesk.providers.nats.fields import VERSION, Fields, WireError, dump, load
from chatdesk.providers.nats.wire import Moved, decode_request, decode_told, encode_request

# How often a request may be passed on by workers that are full before one of them says so.
MOST_HOPS = 4
_MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class Hand:
    """Take over this request. reply: the client's inbox. told: what its client was told already,
    as it was sent. held: the worker that sends it keeps it in its line until the other took it.
    """

    worker: str
    user: str
    reply: str
    request: Request
    told: tuple[bytes, ...] = ()
    held: bool = False
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a Hand that was held: whether this worker has the run from now on."""

    worker: str
    user: str
    run_id: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Free:
    """This worker has room and nobody in its line."""

    worker: str


def is_hand(data: bytes) -> bool:
    """Whether a message on a client's subject is a worker's; its bytes are not checked by this."""
    return data.startswith(b'{"v":1,"type":"hand"')


def encode_hand(hand: Hand) -> bytes:
    head: dict[str, Any] = {"v": VERSION, "type": "hand", "worker": hand.worker}
    return dump(
        head
        | {
            "user": hand.user,
            "reply": hand.reply,
            "held": hand.held,
            "hops": hand.hops,
            "told": [message.decode("utf-8") for message in hand.told],
            "request": encode_request(hand.request).decode("utf-8"),
        }
    )


def decode_hand(data: bytes) -> Hand:
    """Raises WireError."""
    fields = Fields(load(data))
    fields.must_be("hand")
    request = decode_request(fields.text("request").encode("utf-8", "replace"))
    told = fields.get("told", list)
    if len(told) > _MOST_TOLD or not all(isinstance(message, str) for message in told):
        raise WireError("What was told of a request cannot be read.")
    messages = tuple(message.encode("utf-8", "replace") for message in told)
    for number, message in enumerate(messages):
        one = decode_told(message)
        waits = isinstance(one.what, Waiting | Notice | Moved)
        if not waits or (one.run_id, one.number) != (request.run_id, number):
            raise WireError("What was told of a request does not belong to it.")
    return Hand(
        fields.id("worker"),
        fields.text("user", 80),
        fields.text("reply", 300),
        request,
        messages,
        fields.get("held", bool),
        fields.count("hops"),
    )


def encode_taken(taken: Taken) -> bytes:
    head: dict[str, Any] = {"v": VERSION, "type": "taken", "worker": taken.worker}
    return dump(head | {"user": taken.user, "run": taken.run_id, "taken": taken.taken})


def encode_free(free: Free) -> bytes:
    return dump({"v": VERSION, "type": "free", "worker": free.worker})


def decode_between(data: bytes) -> Hand | Taken | Free:
    """Any of the messages between workers. Raises WireError."""
    if is_hand(data):
        return decode_hand(data)
    fields = Fields(load(data))
    if fields.one_of("type", ("taken", "free")) == "free":
        return Free(fields.id("worker"))
    return Taken(
        fields.id("worker"), fields.text("user", 80), fields.id("run"), fields.get("taken", bool)
    )
