"""What a message and a conversation are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Who speaks. The system prompt belongs to the conversation and is no message of the tree."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Status(StrEnum):
    """Where a message is in its life. Every status but STREAMING is final."""

    COMPLETE = "complete"
    STREAMING = "streaming"
    STOPPED = "stopped"  # the person stopped the reply
    INTERRUPTED = "interrupted"  # the process ended while the reply was being written
    FAILED = "failed"  # an error ended the reply; what was written stays


def new_id() -> str:
    """A new random id of 16 hexadecimal digits, for conversations, messages and runs."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost. Counts are tokens; None where a provider does not tell."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None  # of the prompt, how many needed no evaluation
    completion_tokens: int | None = None
    first_token_ms: float | None = None  # from the start of the run to the first token
    tokens_per_second: float | None = None  # completion tokens over generation time
    estimated: bool = False  # the counts are estimates: the provider did not tell them

    def to_dict(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "first_token_ms": self.first_token_ms,
            "tokens_per_second": self.tokens_per_second,
            "estimated": self.estimated,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """One node of a conversation's tree. A message whose status is final never changes.

    created_at is Unix time in seconds (UTC). error is the worded error of a failed reply.
    finish_reason is "stop", "length" or "" (see events.Finished). order rises in the order in which
    messages were made; siblings are sorted by it. model: the display name of the model that wrote
    it; provider: the name of the provider it ran at, None where it ran in Chatdesk itself.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    content: str
    created_at: float
    order: int = 0
    reasoning: str = ""
    status: Status = Status.COMPLETE
    model: str | None = None
    usage: Usage | None = None
    error: str | None = None
    finish_reason: str = ""
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How the next token is chosen. Defaults are those of the option table (settings.py).

    top_k 0, top_p 1, min_p 0 and repeat_penalty 1 switch that step off. max_tokens 0: until the
    model ends its turn or the context window is full. seed None: a new one for each reply.
    """

    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    max_tokens: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its messages. Times are Unix seconds (UTC).

    system_prompt None and missing keys of parameters mean: as in the settings. model None: the
    default model. titled: the person gave the title (automatic titles do not replace it).
    streaming: a reply is being written in it now.
    """

    id: str
    title: str
    created_at: float
    updated_at: float
    system_prompt: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    active_leaf: str | None = None
    titled: bool = False
    deleted_at: float | None = None
    draft: str = ""
