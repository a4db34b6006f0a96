"""What every kind of API gives, so that another one is a class that can be plugged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from chatdesk.chat.events import Delta, FinishReason, Notice, PromptProgress, Started, Waiting
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ChatdeskError
from chatdesk.providers.remote.limits import Limits

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.profiles import Profile

Tell = Callable[[Delta | Notice | Waiting | Started | PromptProgress], None]


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model that a server offers. context_size: tokens, None where the server does not say."""

    id: str
    name: str
    context_size: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What a test of a connection found. what and advice are for the person.

    models: the server's list, () where it has none. error: what went wrong, None where ok.
    """

    ok: bool
    what: str
    advice: str = ""
    models: tuple[RemoteModel, ...] = ()
    error: ChatdeskError | None = None

    @property
    def told(self) -> str:
        """What was found and what to do, for those who stand where it is done."""
        return f"{self.what} {self.advice}".strip()

    @property
    def in_terminal(self) -> str:
        """The same and the command for it."""
        remedy = self.error.remedy if self.error is not None else None
        return f"{self.told} {remedy.terminal}".strip() if remedy is not None else self.told


class Connection(Protocol):
    """What a kind of API talks through. It has the key, for the profile's origin and no other."""

    async def aclose(self) -> None:
        """Close it, used or not."""
        ...


@dataclass(frozen=True, slots=True)
class Server:
    """A provider's server as the loop's tasks reach it.

    connection: what its API made (Api.open). Time-outs and bounds are its own, so nothing needs to
    set them again. keyed: whether there is a key.
    """

    profile: Profile
    connection: Connection
    limits: Limits = field(default_factory=Limits)
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One reply to be asked for.

    messages: those of the request that fit, an optional system message first. window: tokens, None
    where unknown. prompt_tokens: an estimate. only_once: the caller does not try again.
    """

    server: Server
    model: str
    request: Request
    messages: tuple[PromptMessage, ...]
    window: int | None = None
    prompt_tokens: int = 0
    only_once: bool = False

    @property
    def profile(self) -> Profile:
        return self.server.profile


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended. Counts are tokens; None where the server did not tell."""

    reason: FinishReason = "stop"
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


class Api(Protocol):
    """A kind of API. All methods run on the remote loop and may be cancelled at every await.

    They raise ChatdeskError for what can be expected. A ServerProblem (problems.py) whose `again`
    is set is tried again by the caller as long as no Delta was told, so nothing here waits or
    repeats by itself.
    """

    @property
    def plans(self) -> bool:
        """Whether the other side chooses the model where none is named, leaves out what does not
        fit and tells of both with a Started of its own; it is then also known here whether that
        side still lives, however long it says nothing.
        """
        ...

    def open(self, profile: Profile, key: Secret | None, limits: Limits) -> Connection:
        """A connection to the profile's origin, with its key; it may be made later, when it is
        needed. Raises ChatdeskError for an address that must not be used.
        """
        ...

    async def reply(self, call: Call, tell: Tell) -> Ending:
        """Ask once for a reply and tell its pieces as they come.

        The caller tells Started before the first Delta and Finished or Failed at the end, and
        counts what a server does not. A reply that was cut off raises ReplyInterrupted.
        """
        ...

    async def models(self, server: Server) -> tuple[RemoteModel, ...]:
        """The models that the server offers, sorted. Raises NoModelList where it has no list."""
        ...
