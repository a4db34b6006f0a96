"""A worker: joins a queue group at a NATS server and answers requests until it is told to stop.

This module is its life: connection, subscriptions, the clock, the end. What comes in is looked at
in reception.py and becomes a reply in desk.py; its client is told by replies.py and outbox.py; who
answers it is decided in room.py and offers.py. Everything runs in one asyncio loop, but for the
model (generation.py). Nothing of what is said is logged.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import nats.errors
from nats.aio.client import Client

from chatdesk.cluster.worker.admission import Limits
from chatdesk.cluster.worker.between import Free, encode_free
from chatdesk.cluster.worker.desk import Desk
from chatdesk.cluster.worker.generation import Generation, Serving
from chatdesk.cluster.worker.handing_over import Offers
from chatdesk.cluster.worker.kept import Kept
from chatdesk.cluster.worker.listening import Listening, leave
from chatdesk.cluster.worker.outbox import Outbox
from chatdesk.cluster.worker.reception import Reception
from chatdesk.cluster.worker.replies import Reply
from chatdesk.cluster.worker.room import Room
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.guarded import is_deaf
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import DEFAULT_QUEUE, Subjects

log = logging.getLogger(__name__)

LONGEST_LINE = 32
_TICK_S = 0.25
_LAST_WORDS_S = 1.0
_OFFER_EVERY = 4  # ticks
_FORGET_EVERY = 240


@dataclass(frozen=True, slots=True)
class Settings:
    """How to join. parallel: replies at a time. line: requests that may wait. name: what this
    worker's id begins with, the computer's name by default.
    """

    url: str
    login: Login = field(default=Login(), repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    subjects: Subjects = Subjects()
    queue: str = DEFAULT_QUEUE
    parallel: int = 1
    line: int = LONGEST_LINE
    limits: Limits = Limits()
    name: str = ""


class PoolWorker:
    """One worker, for one life. run() does everything; stop() may be called in its loop.

    say: a line for the person who runs it.
    """

    def __init__(
        self, settings: Settings, generation: Generation, say: Callable[[str], None]
    ) -> None:
        self.id = worker_id(settings.name)
        self._settings = settings
        self._subjects = settings.subjects
        self._generation = generation
        self._say = say
        self._draining = asyncio.Event()
        self._empty = asyncio.Event()
        self._at_once = asyncio.Event()
        self._joined = False  # only while it is, changes of the connection mean anything
        self._was_free = 0
        self._client: Client
        self._desk: Desk
        self._outbox: Outbox
        self._offers: Offers
        self._reception: Reception
        self._listening: Listening
        self._kept: Kept

    def stop(self) -> None:
        """Finish what was begun, and end; called again: end at once."""
        if self._draining.is_set():
            self._at_once.set()
        self._draining.set()

    async def run(self) -> bool:
        """Load the model, connect, work; returns after stop(), with whether all was finished.

        Raises ChatdeskError where the model cannot be loaded or the server not be reached, and
        where one of the two is lost for good.
        """
        try:
            serving = await self._unless_stopped(self._generation.begin())
            if serving is None:
                return True
            return await self._serve(serving)
        finally:
            await self._generation.close()

    async def _unless_stopped(self, work: Awaitable[Serving]) -> Serving | None:
        loading = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._draining.wait())
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if loading.done():
            return loading.result()
        loading.cancel()
        return None

    # -- life -----------------------------------------------------------------------------------

    async def _serve(self, serving: Serving) -> bool:
        settings = self._settings
        self._client = await connect(
            settings.url,
            settings.login,
            name=f"chatdesk worker {self.id}",
            tls=settings.tls,
            on_change=self._connection_changed,
        )
        clock = asyncio.get_running_loop().time
        inbox = f"{Subjects.inbox(settings.login.user)}.{self.id}"
        self._outbox = Outbox(self._client, inbox, clock)
        room: Room[Reply] = Room(settings.parallel, settings.line)
        self._desk = Desk(
            self.id,
            self._client,
            self._subjects,
            self._generation,
            serving,
            room,
            settings.limits,
            self._outbox,
            clock,
            self._room_changed,
        )
        self._offers = Offers(self.id, self._client, self._subjects, self._desk, self._outbox)
        self._reception = Reception(
            self.id,
            self._client,
            self._subjects,
            self._desk,
            self._offers,
            lambda: self._listening.settled(),
            self._draining.is_set,
        )
        self._listening = Listening(
            self._client, self._subjects.chat("*"), settings.queue, self._reception.put
        )
        self._kept = Kept(self._client, self._subjects, settings.queue, self._desk, self._outbox)
        tasks: list[asyncio.Future[Any]] = [
            asyncio.create_task(work)
            for work in (
                self._outbox.run(),
                self._listening.run(),
                self._reception.run(),
                self._tick(),
                self._kept.run(),
                self._drain(),
                self._at_once.wait(),
            )
        ]
        try:
            self._joined = True
            await self._subscribe()
            window = f"{serving.context_window:,}" if serving.context_window else "unknown"
            self._say(
                f"Ready: {serving.name}, window {window}, parallel {settings.parallel}, "
                f"as {self.id}."
            )
            ends = [*tasks, self._generation.ended]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            complete = False
            try:
                complete = self._outcome(tasks)
            finally:
                if not complete:
                    await self._cut()
            return complete
        finally:
            self._joined, self._desk.silent = False, True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(nats.errors.Error):
                if self._client.is_connected:
                    await self._client.flush()
            await disconnect(self._client)

    def _outcome(self, tasks: list[asyncio.Future[Any]]) -> bool:
        for task in tasks:
            if task.done() and (bug := task.exception()) is not None:
                if isinstance(bug, nats.errors.ConnectionClosedError):
                    raise _shut_out() from bug
                raise bug
        if self._generation.ended.done():
            raise ProviderError(
                "The model's thread has ended.", "Start the worker again. The log says more."
            )
        return self._empty.is_set()

    async def _cut(self) -> None:
        """Tell the clients that nothing more comes, as far as it is quickly told."""
        cut = sum(not reply.ended for reply in self._desk.replies.values())
        self._desk.interrupt()
        self._say(f"Stopped at once; replies that were cut: {cut:,}.")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._outbox.emptied(), _LAST_WORDS_S)

    async def _subscribe(self) -> None:
        subjects, queue = self._subjects, self._settings.queue
        client, put = self._client, self._reception.put
        await self._outbox.begin()
        await client.subscribe(subjects.hand(self.id), cb=put)
        await client.subscribe(subjects.free, cb=put)
        self._public = [
            await client.subscribe(subjects.worker(self.id, "*"), cb=put),
            await client.subscribe(subjects.models("*"), cb=put),
            await client.subscribe(subjects.line("*"), queue, cb=put),
        ]
        self._room_changed()
        await self._listening.settled()
        await client.flush()
        self._check_connection()

    async def _drain(self) -> None:
        """After stop(): take nothing new, give away the line, wait for the rest."""
        await self._draining.wait()
        running = len(self._desk.room.running)
        self._say(f"Stopping; replies to be finished: {running:,}.")
        self._room_changed()
        leaving: set[asyncio.Task[None]] = set()
        with suppress(nats.errors.Error):
            for subscription in self._public:
                await leave(self._client, subscription, leaving)
        await self._listening.settled()
        if leaving:
            await asyncio.wait(leaving)
        while self._desk.replies or not self._reception.idle:
            self._offers.offer_all()
            await asyncio.sleep(_TICK_S)
        self._empty.set()

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            self._check_connection()
            self._look_at_replies()
            room = self._desk.room
            if ticks % _OFFER_EVERY == 0 and not self._outbox.paused and not room.free:
                self._offers.offer_first()
            if ticks % _FORGET_EVERY == 0:
                self._desk.gate.forget_old()

    def _check_connection(self) -> None:
        """Raises ProviderError where the server does not let it work."""
        if self._client.is_closed:
            raise _shut_out()
        if is_deaf(self._client):
            raise ProviderError(
                "The NATS server does not let this user answer requests.",
                "A worker has a key of its own: chatdesk cluster user NAME --for worker",
            )

    def _look_at_replies(self) -> None:
        now = asyncio.get_running_loop().time()
        for reply in list(self._desk.replies.values()):
            if reply.is_over(now):
                self._desk.forget(reply)
            elif not self._outbox.paused:
                if reply.is_gone(now) and not reply.given_up:
                    log.info("a client has vanished")
                    self._desk.give_up(reply)
                elif not reply.given_up:
                    reply.beat(now)

    def _connection_changed(self, connected: bool) -> None:
        if not self._joined:
            return
        if not connected:
            self._outbox.paused = True
            self._say("The NATS server is gone. What is being written goes on.")
            return
        self._outbox.resume()
        for reply in self._desk.replies.values():
            reply.connected_again()
        self._say("The NATS server is there again.")

    def _room_changed(self) -> None:
        free = self._desk.room.free
        idle = free > 0 and not self._draining.is_set()
        self._listening.want(idle)
        self._kept.want(idle and not self._desk.room.line)
        if idle and free > self._was_free and not self._desk.room.line:
            self._desk.spawn(self._say_free())
        self._was_free = free

    async def _say_free(self) -> None:
        await self._listening.settled()
        with suppress(nats.errors.Error):
            await self._client.publish(self._subjects.free, encode_free(Free(self.id)))


def _shut_out() -> ProviderError:
    return ProviderError(
        "The NATS server does not let this worker in any more.",
        "Check the worker's key and the server's users.",
    )


def worker_id(name: str = "") -> str:
    """A token of a subject that no other worker has: host-3f9a."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name or socket.gethostname()).strip("-")[:40]
    return f"{stem or 'worker'}-{token_hex(2)}"
