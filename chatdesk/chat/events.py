"""What a provider tells while it produces a reply.

A run delivers, in this order: any number of Waiting, one Started, any number of PromptProgress,
any number of Delta, then exactly one of Finished or Failed (which may also come first). A Notice
may come anywhere before the last. All events are immutable and safe to hand from thread to thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatdesk.chat.messages import Usage
from chatdesk.errors import ChatdeskError

DeltaKind = Literal["text", "reasoning"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run cannot start yet.

    reason: "loading" (the model), "queued" (behind another run), "connecting" (to a server) or
    "retrying" (a server refused for now). why: a plain phrase for the person ("Mistral is busy").
    seconds: until the next attempt, as of now; told again at least every second while it lasts.
    """

    reason: Literal["loading", "queued", "connecting", "retrying"]
    why: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know although the reply goes on. text: one plain sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Started:
    """The run has a model and a prompt.

    model: the model's display name. context_window, prompt_tokens: tokens, None where unknown.
    left_out: ids of the messages that did not fit or were over the bound, oldest first.
    estimated: prompt_tokens is an estimate. provider: the name of the provider that answers, ""
    where the model runs in Chatdesk itself.
    """

    model: str
    context_window: int | None = None
    prompt_tokens: int | None = None
    left_out: tuple[str, ...] = ()
    estimated: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """done of total prompt tokens are evaluated (tokens found in the cache count as done)."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the reply, never empty."""

    kind: DeltaKind
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply ended: the model's turn is over, max_tokens or the window is full, or cancelled."""

    reason: FinishReason
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Failed:
    """The reply ended with an error; what was delivered before stays.

    With a ReplyInterrupted the reply counts as interrupted and not as failed.
    """

    error: ChatdeskError
    usage: Usage = Usage()


Event = Waiting | Notice | Started | PromptProgress | Delta | Finished | Failed


def is_last(event: Event) -> bool:
    """Whether no event of the same run can follow this one."""
    return isinstance(event, Finished | Failed)
