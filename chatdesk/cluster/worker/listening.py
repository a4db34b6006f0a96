"""Whether a worker takes requests from the subject that all workers share.

It listens there only while it has room, so that the server gives each request to one that has. When
it stops, what the server has sent already is still taken; nothing that was given to this worker is
ever dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

log = logging.getLogger(__name__)

_JOIN_S = 10.0


class Listening:
    """Belongs to the loop; run() does what want() wishes, in order."""

    def __init__(
        self, client: Client, subject: str, queue: str, take: Callable[[Msg], Awaitable[None]]
    ) -> None:
        self._client = client
        self._subject = subject
        self._queue = queue
        self._take = take
        self._wanted = False
        self._subscription: Subscription | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._leaving: set[asyncio.Task[None]] = set()

    def want(self, wanted: bool) -> None:
        """Listen from now on, or stop."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._settled.clear()
            self._news.set()

    async def settled(self) -> None:
        """Wait until the server will have been told before whatever is sent from now on."""
        await self._settled.wait()

    async def run(self) -> None:
        """Do it until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._wanted and self._subscription is None:
                self._subscription = await self._client.subscribe(
                    self._subject, self._queue, cb=self._take
                )
            elif not self._wanted and self._subscription is not None:
                subscription, self._subscription = self._subscription, None
                await leave(self._client, subscription, self._leaving)
            if not self._news.is_set():
                self._settled.set()


async def leave(
    client: Client, subscription: Subscription, leaving: set[asyncio.Task[None]]
) -> None:
    """Tell the server to send no more, and end the subscription when what it sent is taken.

    leaving: holds the task that does the latter until it is done.
    """
    # As Subscription.drain() does it; but that leaves a subscription behind, to be made again at
    # the next connection, where the server is lost meanwhile.
    await client._send_unsubscribe(subscription._id)
    task = asyncio.create_task(_finish(client, subscription))
    leaving.add(task)
    task.add_done_callback(leaving.discard)


async def _finish(client: Client, subscription: Subscription) -> None:
    with suppress(nats.errors.Error):
        await client.flush()
    with suppress(TimeoutError):
        await asyncio.wait_for(subscription._pending_queue.join(), _JOIN_S)
    with suppress(nats.errors.Error):
        await subscription.unsubscribe()
