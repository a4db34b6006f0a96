"""A person with a provider whose server has the faults of a test, and waits that take no time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from faults import Answer, FaultServer, faulty, good
from remote_desk import RemoteDesk, Reply

from chatdesk.credentials import Keys
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.remote import Limits, RemoteProvider
from chatdesk.providers.remote.backoff import Patience

MODEL = "model"
KEY = "sk-fault-3c1d5e7f9a0b2c4d6e8f"
NOW = datetime(2026, 3, 1, 12, 0, 0)


@dataclass
class Clock:
    """Waits that take no time: how long each was wished to be."""

    slept: list[float] = field(default_factory=list)
    hold: bool = False  # sleep for ever, as until the person cancels

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await (asyncio.Event().wait() if self.hold else asyncio.sleep(0))


class Person(RemoteDesk):
    """Who asks the faulty server, under the name "Faulty". Every wait is as long as it may be."""

    def __init__(
        self, accounts: Accounts, provider: RemoteProvider, server: FaultServer, clock: Clock
    ) -> None:
        super().__init__(accounts, provider)
        self.server = server
        self.clock = clock

    @property
    def profile(self) -> Profile:
        return self.accounts.profiles.find("Faulty")

    @property
    def body(self) -> Any:
        """What the newest request for a reply asked."""
        return self.server.asked[-1].body

    def begin(self, *texts: str, model: str = MODEL, **named: Any) -> Reply:
        """Ask."""
        return self.start(f"faulty:{model}", *(texts or ("Hi",)), **named)

    def say(self, *texts: str, **named: Any) -> Reply:
        """Ask and wait for the last event."""
        return self.begin(*texts, **named).wait()

    def meets(self, *answers: Answer, **named: Any) -> Reply:
        """Ask, while the server gives these answers in turn, and wait for the last event."""
        self.server.answers = list(answers)
        self.server.asked.clear()
        return self.say(**named)


Open = Callable[..., Person]


@contextmanager
def quick_desk(
    folder: Path, clock: Clock, *, chance: float = 1.0, **limits: Any
) -> Iterator[RemoteDesk]:
    """A desk with a data directory of its own, whose waits take no time. limits: as Limits.

    chance: how long each wait is, from nothing (0) to as long as it may be (1).
    """
    data = DataDir(folder)
    data.create()
    accounts = Accounts(Profiles(data), Keys(data), {})
    provider = RemoteProvider(
        accounts,
        limits=Limits(**limits),
        patience=Patience(sleep=clock.sleep, chance=lambda: chance, now=lambda: NOW),
    )
    try:
        yield RemoteDesk(accounts, provider)
    finally:
        assert provider.close()


@contextmanager
def faulty_person(
    folder: Path,
    *answers: Answer,
    kind: str = "custom",
    key: str = KEY,
    tls: ssl.SSLContext | None = None,
    **named: Any,
) -> Iterator[Person]:
    """A person with a data directory of their own. named: Limits, and fields of the profile."""
    limits = {name: named.pop(name) for name in list(named) if name in Limits.__slots__}
    clock = Clock()
    with (
        faulty(*(answers or (good("Yes", "."),)), tls=tls) as server,
        quick_desk(folder, clock, **limits) as desk,
    ):
        person = Person(desk.accounts, desk.provider, server, clock)
        person.add("Faulty", server.base_url, key, kind=kind, **named)
        yield person
