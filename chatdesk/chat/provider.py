"""The one seam for replies: whoever can answer messages is a Provider.

Local and remote models, a work queue and the scripted double of the tests all look the same from
above: start(request, deliver) gives a Run, deliver gets events (events.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chatdesk.chat.events import Event
from chatdesk.chat.messages import Role, SamplingParameters, new_id

Deliver = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """A message as a provider gets it. id lets the provider say which messages it left out."""

    role: Role
    content: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """All that a provider needs to write one reply.

    messages: an optional system message, then turns, oldest first; the last one is the person's.
    continuation: text of the assistant's turn that exists already; the reply goes on after it and
    only new text is delivered. model None: the provider's default model. history: how many past
    messages (before the last one, system prompt not counted) may be sent at most; 0: all that fit.
    only_to: the origin of the server that may have it, as text; "" is whichever the model is at.
    """

    conversation_id: str
    messages: tuple[PromptMessage, ...]
    parameters: SamplingParameters = SamplingParameters()
    continuation: str = ""
    model: str | None = None
    history: int = 0
    only_to: str = ""
    run_id: str = field(default_factory=new_id)


class Run(Protocol):
    """One reply being produced."""

    @property
    def id(self) -> str: ...

    def cancel(self) -> None:
        """Ask the run to end soon with Finished("cancelled"). Any thread; twice is harmless."""


class Provider(Protocol):
    """Produces replies. start() returns at once and may be called for many runs.

    Unless a provider says otherwise deliver is called from a thread of its own; ui/bridge.py and
    headless.py carry events to the thread that owns the session.
    """

    def start(self, request: Request, deliver: Deliver) -> Run: ...
