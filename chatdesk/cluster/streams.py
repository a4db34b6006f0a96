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

from chatdesk.errors import ProviderError
from chatdesk.providers.nats.subjects import Subjects

log = logging.getLogger(__name__)

# Should a message's own wake-up get lost, it is found this many seconds later.
_LOOK_S = 1.0
_DAY_S = 86_400
# How long prompts and answers are kept, in days. A dataflow that stands still longer loses them.
KEPT_DAYS = 7
# Of one user: whoever sends without end pushes out the own prompts only.
_MOST_PROMPTS = 5_000
_LONGEST_PROMPT = 2_000_000  # bytes, with all that is said around the text

UNREACHABLE = (nats.errors.Error, APIError, OSError, TimeoutError)


class NoStreams(ProviderError):
    """The server does not keep messages, or not for this user."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "The NATS server keeps no prompts and answers for this dataflow.",
            "JetStream must be on there, and allowed for the dataflow's user (chatdesk cluster "
            "user NAME --for cluster).",
            retryable=True,
            detail=detail,
        )


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
    """Make the streams that are not there. Raises NoStreams."""
    for name, pattern, most, longest in (
        (prompts_stream(subjects), subjects.prompts("*"), _MOST_PROMPTS, _LONGEST_PROMPT),
        # One for each prompt: one that is put there again takes the place of the first.
        (answers_stream(subjects), subjects.answers("*", "*"), 1, -1),
    ):
        try:
            with suppress(BadRequestError):  # it is there, perhaps with an operator's own limits
                await js.add_stream(
                    StreamConfig(
                        name=name,
                        subjects=[pattern],
                        retention=RetentionPolicy.LIMITS,
                        storage=StorageType.FILE,
                        max_age=KEPT_DAYS * _DAY_S,
                        max_msgs_per_subject=most,
                        max_msg_size=longest,
                    )
                )
            await js.stream_info(name)
        except UNREACHABLE as error:
            raise NoStreams(type(error).__name__) from error


async def check_place(js: JetStreamContext, stream: str, after: int) -> None:
    """See that a stream has the place up to which it was read. Raises NoStreams, and ProviderError
    where it is another stream than the one that was read.
    """
    try:
        last = (await js.stream_info(stream)).state.last_seq
    except UNREACHABLE as error:
        raise NoStreams(type(error).__name__) from error
    if last < after:
        raise ProviderError(
            "The NATS server has other prompts and answers than this dataflow has read.",
            "If the server's disk was lost, begin with an empty folder (--data); keep a copy of "
            "exchanges.db.",
            detail=f"{stream}: {last:,} of {after:,}",
        )


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
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """after: the number of the last message that was read before, 0 for none. pattern: the
        stream's subjects. at_end: called whenever all that there is was read.
        """
        self._client = client
        self._js = client.jetstream()
        self._stream = stream
        self._pattern = pattern
        self._after = after
        self._take = take
        self._full = full
        self._at_end = at_end
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
            with suppress(*UNREACHABLE):
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
            self._at_end()
            return False
        except UNREACHABLE as error:
            log.info("the stream %s cannot be read now: %s", self._stream, type(error).__name__)
            return False
        assert found.seq is not None and found.time is not None
        self._after = found.seq
        self._take(
            Stored(found.seq, found.subject or "", found.data or b"", found.time.timestamp())
        )
        return True
