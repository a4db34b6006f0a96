"""A worker: joins a queue group at a NATS server and answers requests until it is told to stop.

This module is what comes in and when: connection, subscriptions, the clock, the end. What becomes
of a request stands in desk.py, how its client is told in replies.py and outbox.py, who may answer
it in room.py and offers.py. Everything runs in one asyncio loop, but for the model
(generation.py). Nothing of what is said is logged.
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
from nats.aio.msg import Msg

from chatdesk.chat.events import Failed
from chatdesk.cluster.desk import Asked, Desk
from chatdesk.cluster.generation import Generation, Serving
from chatdesk.cluster.handing import (
    Free,
    Hand,
    Taken,
    decode_between,
    decode_hand,
    encode_free,
    is_hand,
)
from chatdesk.cluster.kept import Kept
from chatdesk.cluster.limits import Limits
from chatdesk.cluster.listening import Listening, leave
from chatdesk.cluster.offers import Offers
from chatdesk.cluster.outbox import Outbox
from chatdesk.cluster.replies import Reply
from chatdesk.cluster.room import Room
from chatdesk.errors import ChatdeskError, ProviderError, UsageError
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import (
    DEFAULT_QUEUE,
    Subjects,
    checked_user,
    own_inbox,
)
from chatdesk.providers.nats.wire import (
    Busy,
    Offer,
    Told,
    decode_request,
    encode_offer,
    encode_told,
)

log = logging.getLogger(__name__)

LONGEST_LINE = 32
_TICK_S = 0.25
_LAST_WORDS_S = 1.0
_OFFER_EVERY = 4  # ticks
_FORGET_EVERY = 240
# Messages that wait to be looked at; more stay with nats-py, which drops what is far too much.
_MOST_ARRIVED = 1_000
_RUN = re.compile(rb'"run":"([A-Za-z0-9_-]{1,64})"')


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
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue(_MOST_ARRIVED)
        self._draining = asyncio.Event()
        self._empty = asyncio.Event()
        self._at_once = asyncio.Event()
        self._joined = False  # only while it is, changes of the connection mean anything
        self._was_free = 0
        self._client: Client
        self._desk: Desk
        self._outbox: Outbox
        self._offers: Offers
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
        self._listening = Listening(
            self._client, self._subjects.chat("*"), settings.queue, self._arrived.put
        )
        self._kept = Kept(self._client, self._subjects, settings.queue, self._desk, self._outbox)
        tasks: list[asyncio.Future[Any]] = [
            asyncio.create_task(work)
            for work in (
                self._outbox.run(),
                self._listening.run(),
                self._take_all(),
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
        client, put = self._client, self._arrived.put
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
        while self._desk.replies or not self._arrived.empty():
            self._offers.offer_all()
            await asyncio.sleep(_TICK_S)
        self._empty.set()

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            if self._client.is_closed:
                raise _shut_out()
            self._look_at_replies()
            room = self._desk.room
            if ticks % _OFFER_EVERY == 0 and not self._outbox.paused and not room.free:
                self._offers.offer_first()
            if ticks % _FORGET_EVERY == 0:
                self._desk.gate.forget_old()

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

    # -- what arrives ---------------------------------------------------------------------------

    async def _take_all(self) -> None:
        """Look at one message after the other, so that nothing happens in the middle of another."""
        while True:
            message = await self._arrived.get()
            try:
                await self._take(message)
            except ChatdeskError as error:
                log.info("a message could not be read: %s", type(error).__name__)
            except nats.errors.Error as error:
                log.info("a message could not be answered: %s", type(error).__name__)
            except Exception:
                log.exception("a message was not understood")

    async def _take(self, message: Msg) -> None:
        kind, *names = message.subject.removeprefix(f"{self._subjects.prefix}.").split(".")
        if kind in ("hand", "free"):
            await self._between_workers(message.data)
            return
        user = names[-1]
        try:
            checked_user(user)
        except UsageError:
            return
        if kind in ("chat", "line") and is_hand(message.data):
            self._desk.gate.check_size(len(message.data))
            hand = decode_hand(message.data)
            if hand.user == user:
                await self._handed(hand, kind)
            return
        if not own_inbox(user, message.reply):
            log.info("a request wants its answer somewhere else; it gets none")
            return
        if kind == "models":
            await self._say_models(message.reply)
        else:
            await self._requested(kind, user, message.reply, message.data)

    async def _requested(self, kind: str, user: str, inbox: str, data: bytes) -> None:
        try:
            self._desk.gate.check_size(len(data))
            asked = Asked(user, inbox, decode_request(data))
        except ChatdeskError as error:
            if (run := _RUN.search(data[:300])) is not None:
                await self._refuse(inbox, run[1].decode(), error)
            return
        if self._desk.repeat(asked):
            return
        if kind == "worker" and not self._desk.room.free:
            told = Told(asked.request.run_id, self.id, -1, Busy())
            await self._client.publish(inbox, encode_told(told))
            return
        try:
            self._desk.admit(asked)
        except ChatdeskError as error:
            await self._refuse(inbox, asked.request.run_id, error)
            return
        await self._place(asked, kind, hops=0)

    async def _place(self, asked: Asked, kind: str, hops: int, hand: Hand | None = None) -> None:
        """Take a request in, or have another worker do it, or say that all are full."""
        taken = await self._desk.take(asked, may_wait=True, hand=hand)
        if taken is None:
            self._desk.spawn(self._pass_on(asked, hops))
            return
        reply, place = taken
        if place == "line" and kind == "chat":
            # The room was filled while it was on its way; another worker may have some.
            await self._listening.settled()
            self._offers.offer(reply)
        if place == "line":
            self._desk.tell_places()

    async def _pass_on(self, asked: Asked, hops: int) -> None:
        await self._listening.settled()
        if not await self._offers.pass_on(asked, hops):
            busy = ProviderError(
                "All workers are busy, and nobody more can wait.",
                "Try again in a while.",
                retryable=True,
            )
            with suppress(nats.errors.Error):
                await self._refuse(asked.inbox, asked.request.run_id, busy)

    async def _handed(self, hand: Hand, kind: str) -> None:
        """Another worker wants this one to take a request."""
        asked = Asked(hand.user, hand.reply, hand.request)
        if not own_inbox(hand.user, hand.reply) or (hand.worker == self.id and hand.held):
            return
        if hand.held:
            taken = self._desk.repeat(asked) or await self._take_over(asked, kind, hand)
            await self._offers.answer(hand, taken)
        elif not self._desk.repeat(asked):
            try:
                self._check_handed(asked, kind)
            except ChatdeskError as error:
                await self._refuse(asked.inbox, asked.request.run_id, error)
            else:
                await self._place(asked, kind, hand.hops, hand)

    async def _take_over(self, asked: Asked, kind: str, hand: Hand) -> bool:
        may_wait = kind == "line"
        if self._draining.is_set() or not self._desk.room.has_place(may_wait=may_wait):
            return False
        try:
            self._check_handed(asked, kind)
        except ChatdeskError:
            return False
        taken = await self._desk.take(asked, may_wait=may_wait, hand=hand)
        self._desk.tell_places()
        return taken is not None

    def _check_handed(self, asked: Asked, kind: str) -> None:
        """Raises ChatdeskError. On a client's subject anything may pretend to be handed over, so
        that the limits hold there, too.
        """
        if kind == "hand":
            self._desk.check_model(asked.request)
        else:
            self._desk.admit(asked)

    async def _between_workers(self, data: bytes) -> None:
        match decode_between(data):
            case Taken() as taken:
                self._offers.answered(taken)
            case Free(worker) if worker != self.id and not self._desk.room.free:
                self._offers.offer_first(worker)
            case Hand() as hand:
                checked_user(hand.user)
                await self._handed(hand, "hand")

    async def _say_models(self, inbox: str) -> None:
        room, serving = self._desk.room, self._desk.serving
        offer = Offer(self.id, serving.name, serving.context_window, room.free, len(room.line))
        await self._client.publish(inbox, encode_offer(offer))

    async def _refuse(self, inbox: str, run_id: str, error: ChatdeskError) -> None:
        """Say no once; nothing is kept of it."""
        log.info("a request was refused: %s", type(error).__name__)
        await self._client.publish(inbox, encode_told(Told(run_id, self.id, 0, Failed(error))))


def _shut_out() -> ProviderError:
    return ProviderError(
        "The NATS server does not let this worker in any more.",
        "Check the worker's key and the server's users.",
    )


def worker_id(name: str = "") -> str:
    """A token of a subject that no other worker has: host-3f9a."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name or socket.gethostname()).strip("-")[:40]
    return f"{stem or 'worker'}-{token_hex(2)}"
