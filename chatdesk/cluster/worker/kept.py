"""Requests that JetStream keeps until a worker comes, taken one at a time while there is room.

The server deletes such a request when it is told that the run has ended, and gives it to another
worker where one died with it. Whoever wrote it may have gone long since, so it is begun only when
somebody listens for the answer.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError
from nats.js.errors import Error as JetStreamError

from chatdesk.chat.events import Failed
from chatdesk.cluster.worker.desk import Asked, Desk
from chatdesk.cluster.worker.outbox import Outbox
from chatdesk.cluster.worker.replies import GONE_S, Reply
from chatdesk.errors import ChatdeskError
from chatdesk.providers.nats.subjects import Subjects, checked_user, own_inbox
from chatdesk.providers.nats.wire import Told, decode_kept, encode_told

log = logging.getLogger(__name__)

# A worker that has not said for so long that a run goes on has died with it. Seconds.
_ACK_S = 15.0
_GOES_ON_S = 5.0
# How often a request is given to workers: those that had just been filled give it back, and with
# one that no worker survives it must have an end.
_MOST_DELIVERIES = 100
_ACKS = 3
_FETCH_S = 5.0
_AGAIN_S = 10.0
_PROBE_S = 0.25
# What nobody took within a day is deleted.
_KEPT_S = 86_400.0
# Requests that are kept for one user; the next ones are refused.
MOST_OF_ONE_USER = 64

_UNREACHABLE = (nats.errors.Error, JetStreamError, OSError, TimeoutError)


def kept_stream(subjects: Subjects) -> str:
    """The name of the stream of kept requests; stream names have no dots."""
    return f"{subjects.prefix.replace('.', '-')}-kept"


async def ensure_kept(js: JetStreamContext, subjects: Subjects) -> None:
    """Make the stream where it is not there; an operator may have made it otherwise.

    Raises nats.js.errors.Error, nats.errors.Error.
    """
    name = kept_stream(subjects)
    try:
        await js.stream_info(name)
    except NotFoundError:
        try:
            await js.add_stream(
                StreamConfig(
                    name=name,
                    subjects=[subjects.kept("*")],
                    retention=RetentionPolicy.WORK_QUEUE,
                    storage=StorageType.FILE,
                    max_age=_KEPT_S,
                    max_msgs_per_subject=MOST_OF_ONE_USER,
                    discard=DiscardPolicy.NEW,
                    discard_new_per_subject=True,
                )
            )
        except BadRequestError:  # another worker was quicker
            await js.stream_info(name)


class Kept:
    """Belongs to the worker's loop."""

    def __init__(
        self, client: Client, subjects: Subjects, queue: str, desk: Desk, outbox: Outbox
    ) -> None:
        self._client = client
        self._subjects = subjects
        self._queue = queue
        self._desk = desk
        self._outbox = outbox
        self._wanted = asyncio.Event()
        self._told_missing = False

    def want(self, wanted: bool) -> None:
        """Whether there is room for one more."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def run(self) -> None:
        """Take requests until cancelled. Without JetStream there are none, ever."""
        while True:
            try:
                await self._take_all(await self._consumer())
            except _UNREACHABLE as error:
                if not self._told_missing:
                    self._told_missing = True
                    log.info("no kept requests can be taken now: %s", type(error).__name__)
            await asyncio.sleep(_AGAIN_S)

    async def _take_all(self, consumer: JetStreamContext.PullSubscription) -> None:
        try:
            while True:
                await self._wanted.wait()
                try:
                    (message,) = await consumer.fetch(1, timeout=_FETCH_S)
                except nats.errors.TimeoutError:
                    continue
                await self._take(message)
        finally:
            with suppress(*_UNREACHABLE):
                await consumer.unsubscribe()

    async def _consumer(self) -> JetStreamContext.PullSubscription:
        js = self._client.jetstream()
        await ensure_kept(js, self._subjects)
        return await js.pull_subscribe(
            self._subjects.kept("*"),
            durable=self._queue,
            stream=kept_stream(self._subjects),
            config=ConsumerConfig(
                ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_S, max_deliver=_MOST_DELIVERIES
            ),
        )

    async def _take(self, message: Msg) -> None:
        user = message.subject.rpartition(".")[2]
        try:
            checked_user(user)
            request, inbox = decode_kept(message.data)
        except ChatdeskError as error:
            log.info("a kept request could not be taken: %s", type(error).__name__)
            await message.term()
            return
        if not own_inbox(user, inbox):
            log.info("a kept request wants its answer somewhere else; it gets none")
            await message.term()
            return
        asked = Asked(user, inbox, request)
        if self._desk.repeat(asked):
            await message.ack()
            return
        if not self._wanted.is_set():
            await message.nak()
            return
        try:
            self._desk.gate.check_size(len(message.data))
            self._desk.admit(asked)
        except ChatdeskError as error:
            told = Told(request.run_id, self._desk.me, 0, Failed(error))
            await self._client.publish(inbox, encode_told(told))
            await message.ack()
            return
        taken = await self._desk.take(asked, may_wait=False, begin=False)
        assert taken is not None
        self._desk.spawn(self._see_to(message, taken[0]))

    async def _see_to(self, message: Msg, reply: Reply) -> None:
        """Begin it when its client is there; tell the server when it has ended."""
        ended = asyncio.Event()
        reply.after = ended.set
        if not await self._is_awaited(reply):
            log.info("nobody waits for a kept request any more")
            self._desk.give_up(reply)
        self._desk.begin(reply)
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _GOES_ON_S)
                break
            with suppress(*_UNREACHABLE):
                await message.in_progress()
        for _ in range(_ACKS):
            try:
                await message.ack_sync()
                return
            except _UNREACHABLE:
                await asyncio.sleep(_PROBE_S)

    async def _is_awaited(self, reply: Reply) -> bool:
        """Whether its client listens, who may need a moment to connect again."""
        clock = asyncio.get_running_loop().time
        until = clock() + GONE_S
        while clock() < until or self._outbox.paused:
            with suppress(*_UNREACHABLE):
                if await self._outbox.is_heard(reply.inbox, reply.alive()):
                    return True
            await asyncio.sleep(_PROBE_S)
        return False
