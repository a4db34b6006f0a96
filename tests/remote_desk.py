"""A person with providers: adds servers, asks their models, and gets every event of a reply."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdesk.chat.events import (
    Delta,
    Event,
    Failed,
    Finished,
    Notice,
    Started,
    Waiting,
    is_last,
)
from chatdesk.chat.messages import Role, SamplingParameters, Usage
from chatdesk.chat.provider import PromptMessage, Request, Run
from chatdesk.credentials import Keys, Secret
from chatdesk.errors import ChatdeskError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.remote import RemoteProvider

PATIENCE_S = 60.0


@dataclass
class Reply:
    """One reply: its events so far, from whichever thread they come."""

    run: Run | None = None
    events: list[Event] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def deliver(self, event: Event) -> None:
        with self._changed:
            assert not self._ended.is_set(), f"{event} after the last event"
            self.events.append(event)
            if is_last(event):
                self._ended.set()
            self._changed.notify_all()

    def wait(self) -> Reply:
        """Wait for the last event."""
        return self.until(lambda reply: reply._ended.is_set())

    def until(self, look: Callable[[Reply], bool]) -> Reply:
        """Wait until look(reply) is true; it is asked at every event."""
        with self._changed:
            assert self._changed.wait_for(lambda: look(self), PATIENCE_S), self.events[-5:]
        return self

    def until_text(self, length: int = 1) -> Reply:
        """Wait for the reply's first words; it must not have ended."""
        self.until(lambda reply: len(reply.text) >= length or reply._ended.is_set())
        assert not self._ended.is_set(), self.events[-1]
        return self

    def cancel(self) -> Reply:
        """Stop the reply as a person does, and wait for its end."""
        assert self.run is not None
        self.run.cancel()
        return self.wait()

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Delta) and e.kind == "text")

    @property
    def reasoning(self) -> str:
        return "".join(e.text for e in self.of(Delta) if e.kind == "reasoning")

    @property
    def started(self) -> Started:
        (event,) = self.of(Started)
        return event  # type: ignore[no-any-return]

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.of(Notice)]

    @property
    def retries(self) -> list[Waiting]:
        return [event for event in self.of(Waiting) if event.reason == "retrying"]

    @property
    def reason(self) -> str:
        last = self.events[-1]
        assert isinstance(last, Finished), last
        return last.reason

    @property
    def error(self) -> ChatdeskError:
        last = self.events[-1]
        assert isinstance(last, Failed), last
        return last.error

    @property
    def usage(self) -> Usage:
        last = self.events[-1]
        assert isinstance(last, Finished | Failed)
        return last.usage


class RemoteDesk:
    """Providers of one data directory and who asks them. Keys stay in memory."""

    def __init__(self, accounts: Accounts, provider: RemoteProvider) -> None:
        self.accounts = accounts
        self.provider = provider

    def add(
        self, name: str, base_url: str, key: str = "", *, kind: str = "custom", **named: Any
    ) -> Profile:
        """Add a provider, with its key for this run."""
        profile = self.accounts.profiles.add(
            name, kind, base_url=base_url, needs_key=bool(key), **named
        )
        if key:
            self.accounts.set_key(profile, Secret(key), remember=False)
        return profile

    def start(
        self,
        model: str,
        *texts: str,
        system: str = "",
        continuation: str = "",
        history: int = 0,
        **parameters: Any,
    ) -> Reply:
        """Ask; texts are the turns of the conversation, the first and the last the person's."""
        wanted = {"temperature": 0.0, "max_tokens": 16} | parameters
        request = Request(
            "conversation",
            messages(*texts, system=system),
            SamplingParameters(**wanted),
            continuation=continuation,
            history=history,
            model=model,
        )
        reply = Reply()
        reply.run = self.provider.start(request, reply.deliver)
        return reply

    def ask(self, model: str, *texts: str, **named: Any) -> Reply:
        """Ask and wait for the last event."""
        return self.start(model, *texts, **named).wait()


def messages(*texts: str, system: str = "") -> tuple[PromptMessage, ...]:
    """A conversation whose messages take turns, with ids m0, m1, ..."""
    head = (PromptMessage(Role.SYSTEM, system),) if system else ()
    roles = (Role.USER, Role.ASSISTANT)
    turns = (PromptMessage(roles[i % 2], text, f"m{i}") for i, text in enumerate(texts))
    return (*head, *turns)


@contextmanager
def open_remote(folder: Path) -> Iterator[RemoteDesk]:
    """A desk with a data directory, whose remote thread ends with the block."""
    data = DataDir(folder)
    data.create()
    accounts = Accounts(Profiles(data), Keys(data))
    provider = RemoteProvider(accounts)
    try:
        yield RemoteDesk(accounts, provider)
    finally:
        assert provider.close()
