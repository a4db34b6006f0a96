"""Who asks over NATS in tests, and hears every event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from nats_server import NatsServer

from chatdesk.chat.events import Delta, Event, Failed, Notice, Waiting, is_last
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ChatdeskError
from chatdesk.providers.nats.asking import Affinity, Asker
from chatdesk.providers.nats.attempt import Timing
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import read_login
from chatdesk.providers.nats.subjects import Subjects

PATIENCE_S = 60.0
# Nobody is lost by the clock.
CALM = Timing(lost=60.0, again=60.0, away=60.0, others=0.5, look=0.05)
# Who says nothing is lost soon, but not because a computer is slow.
SOON = Timing(lost=2.0, again=4.0, away=60.0, others=4.0, look=0.05)


def request(text: str = "Hello", conversation: str = "c1", **named: Any) -> Request:
    return Request(conversation, (PromptMessage(Role.USER, text, "m1"),), **named)


class Hearing:
    """One reply, as it is heard."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def tell(self, event: Event) -> None:
        assert not (self.events and is_last(self.events[-1])), f"{event} after the last event"
        self.events.append(event)
        self._changed.set()

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not look():
                self._changed.clear()
                await self._changed.wait()

    async def until_text(self, text: str) -> None:
        await self.until(lambda: text in self.text)

    async def end(self) -> Event:
        """Wait for the last event."""
        assert self.task is not None
        async with asyncio.timeout(PATIENCE_S):
            await self.task
        return self.events[-1]

    async def error(self) -> ChatdeskError:
        last = await self.end()
        assert isinstance(last, Failed), last
        return last.error

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.of(Delta))

    @property
    def notices(self) -> list[str]:
        return [e.text for e in self.of(Notice)]

    @property
    def waits(self) -> list[str]:
        return [e.why for e in self.of(Waiting)]


class Desk:
    """One connection and who asks over it."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._tasks: list[asyncio.Task[None]] = []

    def ask(self, wanted: Request | None = None, *, keep: bool = False) -> Hearing:
        hearing = Hearing()
        work = self.asker.ask(wanted or request(), hearing.tell, keep=keep)
        hearing.task = asyncio.ensure_future(work)
        self._tasks.append(hearing.task)
        return hearing

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await disconnect(self.asker.client)


@asynccontextmanager
async def desk(
    server: NatsServer, timing: Timing = CALM, key: str = "", affinity: Affinity | None = None
) -> AsyncIterator[Desk]:
    login = read_login(key)
    client = await connect(server.url, login)
    made = Desk(Asker(client, Subjects(), login.user, timing=timing, affinity=affinity))
    try:
        yield made
    finally:
        await made.close()
