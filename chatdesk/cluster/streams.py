"""The dataflow's streams in JetStream, and reading them from any place on.

A reader asks for one message after the other by its number, so all that it needs to go on is the
number of the last one: no consumer is kept at the server that could be lost with it. It is woken by
the messages themselves, which the server also sends to whoever listens to their subjects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from chatdesk.providers.nats.subjects import Subjects

log = logging.getLogger(__name__)

# Should a message's own wake-up get lost, it is found this many seconds later.
_LOOK_S = 1.0
_DAY_S = 86_400
# How long prompts and answers are kept, in days. A dataflow that stands still longer loses them.
KEPT_DAYS = 7
# Prompts with one id within this time are one prompt for the server already.
_DUPLICATES_S = 120

_UNREACHABLE = (nats.errors.Error, APIError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a stream. at: Unix seconds by the server's clock."""

    number: int
    subject: str
    data: bytes
    at: float


def prompts_stream(subjects: Subjects) -> str:
    """The name of the stream of prompts: stream names have no dots."""
    return f"{subjects.prefix.replace('.', '-')}-prompts"


def answers_stream(subjects: Subjects) -> str:
    return f"{subjects.prefix.replace('.', '-')}-answers"


async def make_streams(js: JetStreamContext, subjects: Subjects) -> None:
    """Make the streams that are not there. Raises APIError where others took their subjects."""
    for name, pattern in (
        (prompts_stream(subjects), subjects.prompts("*")),
        (answers_stream(subjects), subjects.answers("*", "*")),
    ):
        with suppress(BadRequestError):  # it is there, perhaps with an operator's own limits
            await js.add_stream(
                StreamConfig(
                    name=name,
                    subjects=[pattern],
                    retention=RetentionPolicy.LIMITS,
                    storage=StorageType.FILE,
                    max_age=KEPT_DAYS * _DAY_S,
                    duplicate_window=_DUPLICATES_S,
                )
            )
        await js.stream_info(name)


class Reader:
    """Reads a stream from a number on and gives each message to take, which says when to pause.

    Belongs to the loop. run() ends only by being cancelled; a server that is away is waited for.
    """

    def __init__(
        self,
        client: Client,
        stream: str,
        pattern: str,
        after: int,
        take: Callable[[Stored], None],
        full: Callable[[], bool],
    ) -> None:
        """after: the number of the last message that was read before, 0 for none. pattern: the
        stream's subjects.
        """
        self._client = client
        self._js = client.jetstream()
        self._stream = stream
        self._pattern = pattern
        self._after = after
        self._take = take
        self._full = full
        self._woken = asyncio.Event()

    async def run(self) -> None:
        async def wake(_message: Msg) -> None:
            self._woken.set()

        subscription = await self._client.subscribe(self._pattern, cb=wake)
        try:
            while True:
                self._woken.clear()
                if self._full() or not await self._read():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), _LOOK_S)
        finally:
            with suppress(*_UNREACHABLE):
                await subscription.unsubscribe()

    def wake(self) -> None:
        """There is room again."""
        self._woken.set()

    async def _read(self) -> bool:
        """Take the next message; whether there was one."""
        try:
            found = await self._js.get_msg(
                self._stream, seq=self._after + 1, subject=self._pattern, next=True
            )
        except NotFoundError:
            return False
        except _UNREACHABLE as error:
            log.info("the stream %s cannot be read now: %s", self._stream, type(error).__name__)
            return False
        assert found.seq is not None and found.time is not None
        self._after = found.seq
        self._take(
            Stored(found.seq, found.subject or "", found.data or b"", found.time.timestamp())
        )
        return True
