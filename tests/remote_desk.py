"""A person with providers: adds servers, asks their models, and gets every event of a reply."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replies import Told, messages

from chatdesk.chat.events import (
    Event,
    Notice,
    Waiting,
    is_last,
)
from chatdesk.chat.messages import SamplingParameters
from chatdesk.chat.provider import Request, Run
from chatdesk.credentials import Keys, Secret
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.remote import RemoteProvider

PATIENCE_S = 60.0


@dataclass
class Reply(Told):
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

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.of(Notice)]

    @property
    def retries(self) -> list[Waiting]:
        return [event for event in self.of(Waiting) if event.reason == "retrying"]


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
