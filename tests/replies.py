"""What a reply told, event by event, and the conversation that a test asks with."""

from __future__ import annotations

from typing import Any

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started
from chatdesk.chat.messages import Role, Usage
from chatdesk.chat.provider import PromptMessage
from chatdesk.errors import ChatdeskError


class Told:
    """What a test wants to know of a reply. A property fails the test where it is not so."""

    events: list[Event]

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.of(Delta) if event.kind == "text")

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.of(Delta) if event.kind == "reasoning")

    @property
    def started(self) -> Started:
        (event,) = self.of(Started)
        return event  # type: ignore[no-any-return]

    @property
    def reason(self) -> str:
        """Why it ended, where it ended well."""
        last = self.events[-1]
        assert isinstance(last, Finished), last
        return last.reason

    @property
    def error(self) -> ChatdeskError:
        """What it failed with."""
        last = self.events[-1]
        assert isinstance(last, Failed), last
        return last.error

    @property
    def usage(self) -> Usage:
        last = self.events[-1]
        assert isinstance(last, Finished | Failed)
        return last.usage


def messages(*texts: str, system: str = "") -> tuple[PromptMessage, ...]:
    """A conversation whose messages take turns, with ids m0, m1, ..."""
    head = (PromptMessage(Role.SYSTEM, system),) if system else ()
    roles = (Role.USER, Role.ASSISTANT)
    turns = (PromptMessage(roles[i % 2], text, f"m{i}") for i, text in enumerate(texts))
    return (*head, *turns)
