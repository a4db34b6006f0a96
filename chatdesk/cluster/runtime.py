"""The network of a dataflow's process: one thread with an asyncio loop, one connection.

A dataflow's steps must never wait, and nats-py lives in a loop. So the loop has a thread of its
own: sources find in a queue what was read ahead, sinks leave jobs in it. What a resumed dataflow
needs to know (where it stopped) lies in its recovery store, nothing here outlives the process. So
when the network cannot go on, for good or by a bug, the process says so and ends; its supervisor
starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from nats.aio.client import Client

from chatdesk.chat.events import Event
from chatdesk.chat.provider import Request
from chatdesk.cluster.answering import Answerer, Job
from chatdesk.cluster.configuration import Configuration
from chatdesk.cluster.streams import (
    NoStreams,
    Reader,
    Stored,
    answers_stream,
    check_place,
    make_streams,
    prompts_stream,
)
from chatdesk.errors import ChatdeskError, ProviderError
from chatdesk.providers.nats.connection import connect, disconnect, trusting
from chatdesk.providers.nats.problems import NoConnection

log = logging.getLogger(__name__)

# Messages that a source may have waiting; a multiple of what a dataflow takes in one go.
_AHEAD = 512
_AGAIN_S = 1.0

T = TypeVar("T")

PROMPTS, ANSWERS = "prompts", "answers"

# Makes the way of asking the workers from a connection.
Asking = Callable[[Client], Callable[[Request], AsyncIterator[Event]]]


def end_process(problem: ChatdeskError) -> NoReturn:
    """End this process of the dataflow at once, and say why. Any thread; nothing is lost by it."""
    sys.stderr.write(f"{problem.in_terminal}\n")
    sys.stderr.flush()
    os._exit(1)


async def prepare(configuration: Configuration) -> None:
    """See that a dataflow can run: the server lets it in and has its streams.

    Raises NoConnection, NoStreams, UsageError.
    """
    client = await _connected(configuration)
    try:
        await make_streams(client.jetstream(), configuration.subjects)
    finally:
        await disconnect(client)


async def _connected(configuration: Configuration) -> Client:
    return await connect(
        configuration.url,
        configuration.login,
        name="chatdesk cluster",
        tls=trusting(configuration.ca),
    )


class Feed:
    """Messages of one stream, read ahead by the loop and taken by a source, which never waits.

    at_end: set once all was read that the stream had.
    """

    def __init__(self) -> None:
        self.at_end = False
        self._messages: deque[Stored] = deque()
        self._wake: Callable[[], object] = lambda: None

    def put(self, message: Stored) -> None:
        """For the reader."""
        self._messages.append(message)

    def ends(self) -> None:
        """For the reader."""
        self.at_end = True

    def full(self) -> bool:
        return len(self._messages) >= _AHEAD

    def take(self, most: int) -> list[Stored]:
        """For the source: what is there, oldest first."""
        taken: list[Stored] = []
        while self._messages and len(taken) < most:
            taken.append(self._messages.popleft())
        if taken:
            self._wake()
        return taken

    def on_taken(self, wake: Callable[[], object]) -> None:
        self._wake = wake


class Runtime:
    """Starts with its first use; its thread is a daemon: a dataflow ends without a word."""

    def __init__(
        self,
        configuration: Configuration,
        asking: Asking,
        end: Callable[[ChatdeskError], object] | None = None,
    ) -> None:
        """end: ends the process, None: end_process()."""
        self._end = end or end_process
        self._configuration = configuration
        self._asking = asking
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answerer: Answerer | None = None
        self._ready: asyncio.Event | None = None
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._jobs: deque[Job] = deque()

    def feed(self, name: str, after: int) -> Feed:
        """Begin to read a stream behind this number (0: from its beginning). Any thread."""
        feed = Feed()
        loop = self._running()
        loop.call_soon_threadsafe(self._spawn, self._read(name, after, feed))
        return feed

    def do(self, jobs: list[Job]) -> None:
        """Have these done soon. Any thread."""
        loop = self._running()
        loop.call_soon_threadsafe(self._take, jobs)

    # -- the loop's thread ----------------------------------------------------------------------

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._run, args=(self._loop,), name="chatdesk-cluster", daemon=True
                ).start()
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._ready = asyncio.Event()
        self._spawn(self._connect())
        loop.run_forever()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (problem := task.exception()) is None:
            return
        if not isinstance(problem, ChatdeskError):
            log.error("the dataflow's network failed", exc_info=problem)
            problem = ProviderError("The dataflow's network failed.")
        self._end(problem)

    async def _connect(self) -> None:
        """Raises NoConnection where trying again is of no use, ProviderError when the connection is
        closed for good.
        """
        configuration = self._configuration
        client = await _patiently(lambda: _connected(configuration))
        await _patiently(lambda: make_streams(client.jetstream(), configuration.subjects))
        self._client = client
        self._answerer = Answerer(
            client, configuration.subjects, self._asking(client), system=configuration.system
        )
        assert self._ready is not None
        self._ready.set()
        self._take([])
        while not client.is_closed:
            await asyncio.sleep(_AGAIN_S)
        raise ProviderError(
            "The NATS server does not let this dataflow in any more.",
            "Check its key and the server's users.",
        )

    async def _read(self, name: str, after: int, feed: Feed) -> None:
        assert self._ready is not None
        await self._ready.wait()
        assert self._client is not None and self._loop is not None
        subjects, js = self._configuration.subjects, self._client.jetstream()
        stream, pattern = {
            PROMPTS: (prompts_stream(subjects), subjects.prompts("*")),
            ANSWERS: (answers_stream(subjects), subjects.answers("*", "*")),
        }[name]
        await _patiently(lambda: check_place(js, stream, after))
        reader = Reader(self._client, stream, pattern, after, feed.put, feed.full, feed.ends)
        loop = self._loop
        feed.on_taken(lambda: loop.call_soon_threadsafe(reader.wake))
        await reader.run()

    def _take(self, jobs: list[Job]) -> None:
        self._jobs.extend(jobs)
        if self._answerer is not None:
            while self._jobs:
                self._answerer.take(self._jobs.popleft())


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do it until it succeeds. Each reason why it does not is told once; one that does not pass is
    raised.
    """
    told = ""
    while True:
        try:
            return await work()
        except (NoConnection, NoStreams) as problem:
            if not problem.retryable:
                raise
            if problem.what != told:
                told = problem.what
                log.warning("%s", problem.in_terminal)
            await asyncio.sleep(_AGAIN_S)
