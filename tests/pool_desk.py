"""Workers with scripted models at a real NATS server, and clients that speak to them by hand."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats_server import NatsServer

from chatdesk.chat.events import Delta, Event, is_last
from chatdesk.chat.messages import Role, SamplingParameters, new_id
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.worker.generation import Generation
from chatdesk.cluster.worker.life import PoolWorker, Settings
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import (
    Alive,
    Busy,
    Control,
    Moved,
    Told,
    decode_told,
    encode_control,
    encode_request,
)
from chatdesk.providers.scripted import Line, Script, ScriptedProvider

PATIENCE_S = 60.0
MODEL = "scripted"


async def until(true: Callable[[], Any], what: str = "it") -> None:
    """Wait for a state."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.01)


# -- models ----------------------------------------------------------------------------------------


class Gate:
    """A script whose replies begin, and go on when they are let."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces or ("one", " two", " three")
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(self, request: Request) -> Iterator[Line]:
        yield self.pieces[0]
        self._open.wait(PATIENCE_S)
        yield from self.pieces[1:]


def endless(request: Request) -> Iterator[Line]:
    """Words without an end, a few hundred in a second."""
    while True:
        time.sleep(0.003)
        yield "word "


class Several:
    """A scripted provider that writes several replies at a time."""

    def __init__(self, provider: ScriptedProvider, count: int) -> None:
        self._provider = provider
        self._count = count

    def start(self, request: Request, deliver: Callable[[Event], None]) -> Any:
        return self._provider.start(request, deliver)

    def shutdown(self) -> None:
        self._provider.shutdown()

    def pump(self) -> None:
        if self._count == 1:  # what it raises is the worker's
            self._provider.pump()
            return
        threads = [threading.Thread(target=self._provider.pump) for _ in range(self._count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


# -- workers ---------------------------------------------------------------------------------------


@dataclass
class Running:
    """A worker at work."""

    worker: PoolWorker
    provider: ScriptedProvider
    said: list[str]
    task: asyncio.Task[bool] | None = None

    @property
    def id(self) -> str:
        return self.worker.id

    @property
    def ready(self) -> bool:
        return any(line.startswith("Ready") for line in self.said)

    @property
    def begun(self) -> list[str]:
        """The last message of every request that its model got."""
        return [request.messages[-1].content for request in self.provider.requests]

    async def end(self) -> bool:
        """Stop it, and wait until it has finished."""
        self.worker.stop()
        assert self.task is not None
        return await asyncio.wait_for(self.task, PATIENCE_S)


@dataclass
class Pool:
    """A server, the workers there, and whoever asks."""

    server: NatsServer
    workers: list[Running] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    subjects: Subjects = Subjects()
    logins: dict[str, Login] = field(default_factory=dict)  # of users whom the server has to know

    async def worker(self, *scripts: Script, **settings: Any) -> Running:
        """Start one, and wait until it listens."""
        running = self.begin_worker(*scripts, **settings)
        await until(lambda: running.ready or running.task.done(), "the worker's start")
        if running.task.done():
            running.task.result()
        return running

    def begin_worker(self, *scripts: Script, **given: Any) -> Running:
        made = Settings(url=self.server.url, subjects=self.subjects, name="w")
        settings = replace(made, **given)
        provider = ScriptedProvider(*scripts, model=MODEL)
        said: list[str] = []
        generation = Generation(lambda state: Several(provider, settings.parallel), MODEL, None)
        running = Running(PoolWorker(settings, generation, said.append), provider, said)
        running.task = asyncio.create_task(running.worker.run())
        self.workers.append(running)
        return running

    async def client(self, user: str = "anna") -> Client:
        client = await connect(self.server.url, self.logins.get(user, Login(user)))
        self.clients.append(client)
        return client

    async def ask(self, *texts: str, user: str = "anna", **how: Any) -> Talk:
        """Ask as a client that has a connection of its own."""
        talk = Talk(await self.client(user), self.subjects, user, request(*texts, **how))
        await talk.listen()
        await talk.place()
        return talk

    async def close(self) -> None:
        for running in self.workers:
            running.worker.stop()
            running.worker.stop()
        tasks = [running.task for running in self.workers if running.task is not None]
        for provider in (running.provider for running in self.workers):
            provider.shutdown()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self.clients:
            with contextlib.suppress(Exception):
                await client.close()


@contextlib.asynccontextmanager
async def open_pool(server: NatsServer) -> AsyncIterator[Pool]:
    """A pool with subjects of its own, so that one server does for many tests."""
    pool = Pool(server, subjects=Subjects(f"t-{new_id()}"))
    try:
        yield pool
    finally:
        await pool.close()


def in_pool(server: NatsServer, test: Callable[[Pool], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def run() -> None:
        async with open_pool(server) as pool:
            await test(pool)

    asyncio.run(run())


# -- clients ---------------------------------------------------------------------------------------


def request(
    *texts: str, conversation: str = "c", model: str | None = None, **given: Any
) -> Request:
    roles = (Role.USER, Role.ASSISTANT)
    turns = tuple(PromptMessage(roles[i % 2], text, f"m{i}") for i, text in enumerate(texts))
    more = {name: given.pop(name) for name in ("run_id", "continuation") if name in given}
    return Request(conversation, turns, SamplingParameters(**given), model=model, **more)


class Talk:
    """A client's side of one run: it notes everything that comes."""

    def __init__(self, client: Client, subjects: Subjects, user: str, asked: Request) -> None:
        self.client = client
        self.subjects = subjects
        self.user = user
        self.request = asked
        self.inbox = f"{Subjects.inbox(user)}.{new_id()}"
        self.told: list[Told] = []  # everything, in the order in which it came
        self.refusals = 0  # times that the server said that nobody listens
        self._subscription: Any = None

    async def listen(self) -> None:
        async def arrived(message: Msg) -> None:
            if (message.headers or {}).get("Status") == "503":
                self.refusals += 1
            else:
                self.told.append(decode_told(message.data))

        self._subscription = await self.client.subscribe(self.inbox, cb=arrived)

    async def send(self, kind: str, worker: str = "", reply: str | None = None) -> None:
        """Ask at chat, line or worker."""
        subject = {
            "chat": self.subjects.chat(self.user),
            "line": self.subjects.line(self.user),
            "worker": self.subjects.worker(worker, self.user),
        }[kind]
        data = encode_request(self.request)
        await self.client.publish(subject, data, reply=self.inbox if reply is None else reply)
        await self.client.flush()

    async def place(self) -> None:
        """Ask whoever has room, or else a line, until somebody takes it."""
        while not self.told:
            for kind in ("chat", "line"):
                before = self.refusals
                await self.send(kind)
                await until(lambda before=before: self.told or self.refusals > before, "an answer")
                if self.told:
                    break

    async def say(self, control: Control) -> None:
        subject = self.subjects.run(self.user, self.request.run_id)
        await self.client.publish(subject, encode_control(control))
        await self.client.flush()

    async def vanish(self) -> None:
        await self._subscription.unsubscribe()
        await self.client.flush()

    @property
    def counted(self) -> dict[int, Told]:
        """Every message that has a number, each once."""
        return {told.number: told for told in self.told if told.number >= 0}

    @property
    def numbers(self) -> list[int]:
        """The numbers as they came."""
        return [told.number for told in self.told if told.number >= 0]

    @property
    def events(self) -> list[Event]:
        """What a client would tell: in order, each once."""
        found = (told.what for _, told in sorted(self.counted.items()))
        return [what for what in found if not isinstance(what, Alive | Busy | Moved)]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing up to the last event."""
        numbers = sorted(self.counted)
        return self.ended and numbers == list(range(len(numbers)))

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def ended(self) -> bool:
        return any(is_last(event) for event in self.events)

    @property
    def last(self) -> Event:
        return self.events[-1]

    def has(self, kind: type) -> bool:
        return any(isinstance(told.what, kind) for told in self.told)

    async def hears(self, kind: type) -> None:
        await until(lambda: self.has(kind), kind.__name__)

    async def end(self) -> None:
        await until(lambda: self.ended, "the end of the reply")
