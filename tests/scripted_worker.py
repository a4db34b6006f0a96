"""A worker that says over NATS what a test tells it to, as carefully or as carelessly as it wants.

Speaks the messages of providers/nats/wire.py to a real nats-server. Belongs to the loop in which it
was started; WorkerThread has a loop of its own, for tests whose asker has one too.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from nats.aio.client import Client
from nats.aio.msg import Msg

from chatdesk.chat.events import Delta, Event, Finished, Started
from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Request
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import read_login
from chatdesk.providers.nats.subjects import DEFAULT_QUEUE, Subjects
from chatdesk.providers.nats.wire import (
    Alive,
    Busy,
    Control,
    Moved,
    Offer,
    Resend,
    Told,
    decode_control,
    decode_request,
    encode_offer,
    encode_told,
)

MODEL = "Scripted 1B"
STARTED = Started(MODEL, 4096, 7)


@dataclass
class Work:
    """A request that the worker got. sent: its messages, by number. controls: what the client said.

    deaf: it does not send again what is asked for. worker: as whom it speaks.
    """

    request: Request
    user: str
    reply: str
    subject: str
    client: Client
    worker: str
    sent: list[bytes] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    deaf: bool = False
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, *events: Event | Moved, lose: bool = False) -> None:
        """Tell events, numbered. lose: they are kept but do not arrive."""
        for event in events:
            told = Told(self.request.run_id, self.worker, len(self.sent), event)
            self.sent.append(encode_told(told))
            if not lose:
                await self.send(self.sent[-1])

    async def write(self, *words: str) -> None:
        await self.say(*(Delta("text", word) for word in words))

    async def alive(self) -> None:
        told = Told(self.request.run_id, self.worker, -1, Alive(len(self.sent)))
        await self.send(encode_told(told))

    async def refuse(self) -> None:
        await self.send(encode_told(Told(self.request.run_id, self.worker, -1, Busy())))

    async def finish(self, tokens: int = 3) -> None:
        await self.say(Finished("stop", Usage(prompt_tokens=7, completion_tokens=tokens)))

    async def send(self, data: bytes) -> None:
        await self.client.publish(self.reply, data)
        await self.client.flush()

    async def wait_for(self, control: type[Control]) -> Control:
        """The first such control that the client sent or sends."""
        async with asyncio.timeout(60):
            while True:
                for each in self.controls:
                    if isinstance(each, control):
                        return each
                self.heard.clear()
                await self.heard.wait()


class ScriptedWorker:
    """role: the subjects it listens at, of "chat", "line", "worker" and "models".

    answer: what is done with each request, instead of giving it to work().
    """

    def __init__(
        self,
        url: str,
        name: str = "w1",
        subjects: Subjects | None = None,
        *,
        roles: tuple[str, ...] = ("chat", "worker", "models"),
        key: str = "",
        offer: Offer | None = None,
        answer: Callable[[Work], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.subjects = subjects or Subjects()
        self.roles = roles
        self.offer = offer or Offer(name, MODEL, 4096, 1, 0)
        self._key = key
        self._answer = answer
        self._works: asyncio.Queue[Work] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self.client: Client = None  # type: ignore[assignment]

    async def start(self) -> Self:
        self.client = await connect(self.url, read_login(self._key), name=self.name)
        subjects = {
            "chat": (self.subjects.chat("*"), DEFAULT_QUEUE),
            "line": (self.subjects.line("*"), DEFAULT_QUEUE),
            "worker": (self.subjects.worker(self.name, "*"), ""),
        }
        for role in self.roles:
            if role == "models":
                await self.client.subscribe(self.subjects.models("*"), cb=self._offer)
            else:
                subject, queue = subjects[role]
                await self.client.subscribe(subject, queue=queue, cb=self._take)
        await self.client.flush()
        return self

    async def stop(self) -> None:
        """As a process that is killed: nothing more is said."""
        for task in self._tasks:
            task.cancel()
        await disconnect(self.client)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def work(self) -> Work:
        """The next request that it gets."""
        async with asyncio.timeout(60):
            return await self._works.get()

    async def take(self, request: Request, user: str, reply: str, subject: str = "") -> Work:
        """Begin with a request, however it came here."""
        work = Work(request, user, reply, subject, self.client, self.name)

        async def control(message: Msg) -> None:
            said = decode_control(message.data)
            work.controls.append(said)
            work.heard.set()
            if isinstance(said, Resend) and not work.deaf:
                for data in work.sent[said.number :]:
                    await work.send(data)

        await self.client.subscribe(self.subjects.run(user, request.run_id), cb=control)
        await self.client.flush()
        return work

    async def _take(self, message: Msg) -> None:
        user = message.subject.rpartition(".")[2]
        work = await self.take(decode_request(message.data), user, message.reply, message.subject)
        if self._answer is None:
            await self._works.put(work)
        else:
            task = asyncio.ensure_future(self._answer(work))
            self._tasks.add(task)  # type: ignore[arg-type]
            task.add_done_callback(self._tasks.discard)  # type: ignore[arg-type]

    async def _offer(self, message: Msg) -> None:
        await message.respond(encode_offer(self.offer))


class WorkerThread:
    """A scripted worker with a thread and a loop of its own."""

    def __init__(self, worker: Callable[[], ScriptedWorker]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-worker")
        self._thread.start()
        self.worker = self.do(_made(worker))

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the worker's loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def work(self) -> Work:
        """The next request."""
        return self.do(self.worker.work())  # type: ignore[no-any-return]

    def close(self) -> None:
        """Kill it. Twice is harmless."""
        if self._thread.is_alive():
            with suppress(Exception):
                self.do(self.worker.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(60)
            self._loop.close()


async def _made(worker: Callable[[], ScriptedWorker]) -> ScriptedWorker:
    return await worker().start()
