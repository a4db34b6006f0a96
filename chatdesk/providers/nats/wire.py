"""The messages between clients and workers: JSON, version 1.

A client sends a chat request (encode_request); its worker tells what happens as the same events
that every provider tells (chat/events.py), each in a message with the run, the worker and a number
that rises by one from 0. So a client that lost its connection for a while knows what it missed and
asks for it again (Resend); the worker keeps a run's messages until the client has Got the last one.
Alive comes every second without a number of its own; it names the next one. Busy is the answer of a
worker that was asked by its own subject and has no room. Moved is counted: a worker hands a run
that waits in its line over to another one, and from the next number on the other's messages count.

Everything that arrives is checked before it is believed; what is wrong raises WireError, which
never repeats the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from chatdesk.chat.events import (
    Delta,
    Event,
    Failed,
    Finished,
    Notice,
    PromptProgress,
    Started,
    Waiting,
)
from chatdesk.chat.messages import Role, SamplingParameters, Usage
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import (
    ChatdeskError,
    ContextOverflow,
    ModelError,
    NotFound,
    ProviderError,
    ReplyInterrupted,
    UsageError,
)
from chatdesk.providers.nats.fields import LONGEST_TEXT, VERSION, Fields, WireError, dump, load

HEARTBEAT_S = 1.0  # a run's worker says Alive this often when it says nothing else

MOST_MESSAGES = 20_000
LONGEST_ID = 200
MOST_STOPS = 64

_REASONS = ("stop", "length", "cancelled")


@dataclass(frozen=True, slots=True)
class Alive:
    """The run goes on. next: the number of the message that comes next."""

    next: int


@dataclass(frozen=True, slots=True)
class Busy:
    """This worker has no room; ask another."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The run, not started yet, goes on at another worker, whose messages count from now on; their
    numbers follow this one's.
    """

    to: str


@dataclass(frozen=True, slots=True)
class Told:
    """One message of a run. number: -1 for Alive and Busy, which are not counted."""

    run_id: str
    worker: str
    number: int
    what: Event | Alive | Busy | Moved


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the run. worker: only this one is to stop, because another one has the run; "": whoever
    has it.
    """

    worker: str = ""


@dataclass(frozen=True, slots=True)
class Resend:
    """Say everything again from this number on."""

    number: int


@dataclass(frozen=True, slots=True)
class Got:
    """The last message has come; nothing needs to be kept."""


Control = Cancel | Resend | Got


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker has. model: its display name. context_window: tokens for each run, None where
    it is not loaded yet. room: how many runs it could begin now; line: how many wait.
    """

    worker: str
    model: str
    context_window: int | None = None
    room: int = 0
    line: int = 0


# -- requests ----------------------------------------------------------------------------------


def encode_request(request: Request) -> bytes:
    """A request as one message. only_to stays here: it is about the way, not the work."""
    return dump(
        {
            "v": VERSION,
            "type": "chat",
            "run": request.run_id,
            "conversation": request.conversation_id,
            "messages": [[m.role.value, m.content, m.id] for m in request.messages],
            "parameters": asdict(request.parameters),
            "continuation": request.continuation,
            "model": request.model,
            "history": request.history,
        }
    )


def decode_request(data: bytes) -> Request:
    """Raises WireError."""
    told = Fields(load(data))
    told.must_be("chat")
    return _request(told)


def encode_kept(request: Request, reply: str) -> bytes:
    """A request that JetStream keeps until a worker comes. reply: the client's inbox, because the
    message's own reply subject is JetStream's.
    """
    return dump(load(encode_request(request)) | {"type": "kept", "reply": reply})


def decode_kept(data: bytes) -> tuple[Request, str]:
    """The request and the client's inbox, which is still to be checked. Raises WireError."""
    told = Fields(load(data))
    told.must_be("kept")
    return _request(told), told.text("reply", 300)


def _request(told: Fields) -> Request:
    messages = told.get("messages", list)
    if not 0 < len(messages) <= MOST_MESSAGES:
        raise WireError("The request has no messages, or too many.")
    return Request(
        conversation_id=told.text("conversation", LONGEST_ID),
        messages=tuple(_message(entry) for entry in messages),
        parameters=parameters_from(told.get("parameters", dict)),
        continuation=told.text("continuation"),
        model=told.optional("model", lambda: told.text("model", LONGEST_ID)),
        history=told.count("history"),
        run_id=told.id("run"),
    )


def _message(entry: object) -> PromptMessage:
    if not (isinstance(entry, list) and len(entry) == 3 and all(isinstance(e, str) for e in entry)):
        raise WireError("A message of the request cannot be read.")
    role, content, identity = entry
    if role not in tuple(Role) or len(identity) > LONGEST_ID or len(content) > LONGEST_TEXT:
        raise WireError("A message of the request cannot be read.")
    return PromptMessage(Role(role), content, identity)


def parameters_from(values: dict[str, Any]) -> SamplingParameters:
    """Sampling parameters from a message's object. Raises WireError."""
    told = Fields(values)
    stop = told.get("stop", list)
    if len(stop) > MOST_STOPS or not all(isinstance(s, str) and s for s in stop):
        raise WireError("The request's stop sequences cannot be read.")
    return SamplingParameters(
        temperature=told.number("temperature", 0.0, 100.0),
        top_p=told.number("top_p", 0.0, 1.0),
        top_k=told.count("top_k"),
        min_p=told.number("min_p", 0.0, 1.0),
        repeat_penalty=told.number("repeat_penalty", 0.0, 100.0),
        max_tokens=told.count("max_tokens"),
        seed=told.optional("seed", lambda: told.get("seed", int)),
        stop=tuple(stop),
    )


# -- what a worker tells -------------------------------------------------------------------------


def encode_told(told: Told) -> bytes:
    """One message of a run."""
    head = {"v": VERSION, "run": told.run_id, "worker": told.worker, "n": told.number}
    return dump(head | _event_fields(told.what))


def _event_fields(event: Event | Alive | Busy | Moved) -> dict[str, Any]:
    match event:
        case Delta(kind, text):
            return {"type": "delta", "kind": kind, "text": text}
        case Alive(next_number):
            return {"type": "alive", "next": next_number}
        case Busy():
            return {"type": "busy"}
        case Moved(to):
            return {"type": "moved", "to": to}
        case Waiting(reason, why, seconds):
            return {"type": "waiting", "reason": reason, "why": why, "seconds": seconds}
        case Notice(text):
            return {"type": "notice", "text": text}
        case Started():
            return {
                "type": "started",
                "model": event.model,
                "context_window": event.context_window,
                "prompt_tokens": event.prompt_tokens,
                "left_out": list(event.left_out),
            }
        case PromptProgress(done, total):
            return {"type": "progress", "done": done, "total": total}
        case Finished(reason, usage):
            return {"type": "finished", "reason": reason, "usage": usage.to_dict()}
        case Failed(error, usage):
            return {"type": "failed", "error": encode_error(error), "usage": usage.to_dict()}


def decode_told(data: bytes) -> Told:
    """Raises WireError."""
    told = Fields(load(data))
    run_id, worker = told.id("run"), told.id("worker")
    kind = told.get("type", str)
    reader = _EVENTS.get(kind)
    if reader is None:
        raise WireError("A worker said something that this version does not know.", detail=kind)
    number = told.get("n", int)
    what = reader(told)
    if (number < 0) != isinstance(what, Alive | Busy):
        raise WireError("A worker's message has a wrong number.")
    return Told(run_id, worker, number, what)


def _delta(told: Fields) -> Delta:
    text = told.text("text")
    if not text:
        raise WireError("A worker sent an empty piece.")
    return Delta(told.one_of("kind", ("text", "reasoning")), text)


def _waiting(told: Fields) -> Waiting:
    return Waiting(
        told.one_of("reason", ("loading", "queued", "connecting", "retrying")),
        told.text("why", 1_000),
        told.optional("seconds", lambda: told.number("seconds", 0.0, 1e9)),
    )


def _started(told: Fields) -> Started:
    left_out = told.get("left_out", list)
    if not all(isinstance(e, str) and len(e) <= LONGEST_ID for e in left_out):
        raise WireError("A worker's message cannot be read.")
    return Started(
        told.text("model", 1_000),
        told.optional("context_window", lambda: told.count("context_window")),
        told.optional("prompt_tokens", lambda: told.count("prompt_tokens")),
        tuple(left_out),
    )


_EVENTS: dict[str, Callable[[Fields], Event | Alive | Busy | Moved]] = {
    "delta": _delta,
    "alive": lambda told: Alive(told.count("next")),
    "busy": lambda told: Busy(),
    "moved": lambda told: Moved(told.id("to")),
    "waiting": _waiting,
    "notice": lambda told: Notice(told.text("text", 10_000)),
    "started": _started,
    "progress": lambda told: PromptProgress(told.count("done"), told.count("total")),
    "finished": lambda told: Finished(
        told.one_of("reason", _REASONS), usage_from(told.get("usage", dict))
    ),
    "failed": lambda told: Failed(
        decode_error(told.get("error", dict)), usage_from(told.get("usage", dict))
    ),
}


def usage_from(values: dict[str, Any]) -> Usage:
    """A reply's cost from a message's object. Raises WireError."""
    told = Fields(values)

    def count(name: str) -> int | None:
        return told.optional(name, lambda: told.count(name))

    def number(name: str) -> float | None:
        return told.optional(name, lambda: told.number(name, 0.0, 1e12))

    return Usage(
        prompt_tokens=count("prompt_tokens"),
        cached_tokens=count("cached_tokens"),
        completion_tokens=count("completion_tokens"),
        first_token_ms=number("first_token_ms"),
        tokens_per_second=number("tokens_per_second"),
        estimated=told.get("estimated", bool),
    )


# -- errors ------------------------------------------------------------------------------------

# By their place here: what a reader may do about each is a matter of its class.
_ERRORS: dict[str, type[ChatdeskError]] = {
    "provider": ProviderError,
    "overflow": ContextOverflow,
    "model": ModelError,
    "not_found": NotFound,
    "usage": UsageError,
    "interrupted": ReplyInterrupted,
}


def encode_error(error: ChatdeskError) -> dict[str, Any]:
    """An error's words; its detail stays with the worker, because it may hold paths or texts."""
    kind = next(
        (name for name, made in reversed(_ERRORS.items()) if isinstance(error, made)), "provider"
    )
    return {
        "kind": kind,
        "what": error.what,
        "advice": error.advice,
        "retryable": error.retryable,
    }


def decode_error(values: dict[str, Any]) -> ChatdeskError:
    """Raises WireError."""
    told = Fields(values)
    made = _ERRORS.get(told.get("kind", str), ProviderError)
    return made(
        told.text("what", 2_000),
        told.text("advice", 2_000),
        retryable=told.get("retryable", bool),
    )


# -- controls and offers -------------------------------------------------------------------------


def encode_control(control: Control) -> bytes:
    """What a client says of its run."""
    match control:
        case Cancel():
            return dump({"v": VERSION, "type": "cancel", "worker": control.worker or None})
        case Resend(number):
            return dump({"v": VERSION, "type": "resend", "n": number})
        case Got():
            return dump({"v": VERSION, "type": "got"})


def decode_control(data: bytes) -> Control:
    """Raises WireError."""
    told = Fields(load(data))
    match told.one_of("type", ("cancel", "resend", "got")):
        case "cancel":
            return Cancel(told.optional("worker", lambda: told.id("worker")) or "")
        case "resend":
            return Resend(told.count("n"))
        case _:
            return Got()


def encode_offer(offer: Offer) -> bytes:
    """A worker's answer to who is there."""
    return dump({"v": VERSION, "type": "offer"} | asdict(offer))


def decode_offer(data: bytes) -> Offer:
    """Raises WireError."""
    told = Fields(load(data))
    told.must_be("offer")
    return Offer(
        told.id("worker"),
        told.text("model", 1_000),
        told.optional("context_window", lambda: told.count("context_window")),
        told.count("room"),
        told.count("line"),
    )
