"""What comes to a worker: it is looked at, believed as far as it is proven, and put in its place.

The user of a request is the one in its subject, to which the server's permissions bind a login. An
answer goes only to inboxes of that user. No message, whatever its bytes, ends a worker.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from chatdesk.chat.events import Failed
from chatdesk.cluster.worker.between import Free, Hand, Taken, decode_between, decode_hand, is_hand
from chatdesk.cluster.worker.desk import Asked, Desk
from chatdesk.cluster.worker.handing_over import Offers
from chatdesk.errors import ChatdeskError, ProviderError, UsageError
from chatdesk.providers.nats.subjects import Subjects, checked_user, own_inbox
from chatdesk.providers.nats.wire import (
    Busy,
    Offer,
    Told,
    decode_request,
    encode_offer,
    encode_request,
    encode_told,
)

log = logging.getLogger(__name__)

# Messages that wait to be looked at; more stay with nats-py, which drops what is far too much.
_MOST_ARRIVED = 1_000
_RUN = re.compile(rb'"run":"([A-Za-z0-9_-]{1,64})"')


class Reception:
    """Belongs to the worker's loop."""

    def __init__(
        self,
        me: str,
        client: Client,
        subjects: Subjects,
        desk: Desk,
        offers: Offers,
        settled: Callable[[], Awaitable[None]],
        draining: Callable[[], bool],
    ) -> None:
        """settled: waits until the server was told whether this worker has room. draining: whether
        it takes nothing new any more.
        """
        self._me = me
        self._client = client
        self._subjects = subjects
        self._desk = desk
        self._offers = offers
        self._settled = settled
        self._draining = draining
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue(_MOST_ARRIVED)
        self._busy = False

    async def put(self, message: Msg) -> None:
        """A message has come; this is what subscriptions call."""
        await self._arrived.put(message)

    @property
    def idle(self) -> bool:
        """Whether everything that came was looked at."""
        return self._arrived.empty() and not self._busy

    async def run(self) -> None:
        """Look at one message after the other, so that nothing happens in the middle of another."""
        while True:
            self._busy = False
            message = await self._arrived.get()
            self._busy = True
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
            told = Told(asked.request.run_id, self._me, -1, Busy())
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
            await self._settled()
            self._offers.offer(reply)
        if place == "line":
            self._desk.tell_places()

    async def _pass_on(self, asked: Asked, hops: int) -> None:
        await self._settled()
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
        if not own_inbox(hand.user, hand.reply) or (hand.worker == self._me and hand.held):
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
        if self._draining() or not self._desk.room.has_place(may_wait=may_wait):
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
            # Of the request itself: as a part of another message it is longer.
            self._desk.gate.check_size(len(encode_request(asked.request)))
            self._desk.admit(asked)

    async def _between_workers(self, data: bytes) -> None:
        match decode_between(data):
            case Taken() as taken:
                self._offers.answered(taken)
            case Free(worker) if worker != self._me and not self._desk.room.free:
                self._offers.offer_first(worker)
            case Hand() as hand:
                checked_user(hand.user)
                await self._handed(hand, "hand")

    async def _say_models(self, inbox: str) -> None:
        room, serving = self._desk.room, self._desk.serving
        offer = Offer(self._me, serving.name, serving.context_window, room.free, len(room.line))
        await self._client.publish(inbox, encode_offer(offer))

    async def _refuse(self, inbox: str, run_id: str, error: ChatdeskError) -> None:
        """Say no once; nothing is kept of it."""
        log.info("a request was refused: %s", type(error).__name__)
        await self._client.publish(inbox, encode_told(Told(run_id, self._me, 0, Failed(error))))
