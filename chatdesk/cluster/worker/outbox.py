"""Sends what replies have to say, whoever's turn it is, while the server is there.

About once a second a message of each reply carries a reply subject of the worker's own. Where
nobody listens to the client's inbox the server answers there with the status 503, and the reply
knows that its client may have gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from chatdesk.cluster.worker.replies import Reply
from chatdesk.errors import ProviderError

log = logging.getLogger(__name__)

# Messages of one reply before it is the next one's turn.
_SLICE = 64
# How long a message and its answer may take to get through this process, after the server's own
# answer to something later has come. Seconds; only a wait that is not needed takes so long.
_SETTLE_S = 0.05
_AGAIN_S = 0.1


def nobody_there(message: Msg) -> bool:
    """Whether it is the server's word that nobody listens."""
    return not message.data and (message.headers or {}).get("Status") == "503"


class Outbox:
    """Belongs to the loop. paused: while the server is gone; what is to be sent waits in the
    replies.
    """

    def __init__(self, client: Client, inbox: str, clock: Callable[[], float]) -> None:
        """inbox: a prefix of subjects to which the worker may listen."""
        self._client = client
        self._inbox = inbox
        self._clock = clock
        self._waiting: dict[Reply, None] = {}
        self._news = asyncio.Event()
        self._probes: dict[str, Callable[[], None]] = {}
        self._asked = 0
        self.paused = False

    async def begin(self) -> None:
        """Listen to the server's answers."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._answered)

    def mark(self, reply: Reply) -> None:
        """It has something to say."""
        self._waiting[reply] = None
        self._news.set()

    def enter(self, reply: Reply) -> None:
        """From now on it hears that nobody hears it."""
        self._probes[f"{self._inbox}.{reply.token}"] = lambda: reply.nobody(self._clock())

    def forget(self, reply: Reply) -> None:
        self._waiting.pop(reply, None)
        self._probes.pop(f"{self._inbox}.{reply.token}", None)

    def resume(self) -> None:
        """The server is there again."""
        self.paused = False
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting and not self.paused:
                reply = next(iter(self._waiting))
                del self._waiting[reply]
                try:
                    await self._send(reply)
                except nats.errors.Error as error:
                    # The connection broke under it, and that will be told in a moment.
                    log.info("nothing can be sent now: %s", type(error).__name__)
                    await asyncio.sleep(_AGAIN_S)
                if reply.has_news:
                    self._waiting[reply] = None

    async def emptied(self) -> None:
        """Wait until everything that is to be said was given to the connection."""
        while self._waiting:
            await asyncio.sleep(_SETTLE_S)

    @asynccontextmanager
    async def asked(self, subject: str, data: bytes) -> AsyncIterator[asyncio.Future[None]]:
        """Publish; the future is done once the server says that nobody listens there.

        Raises nats.errors.Error.
        """
        self._asked += 1
        own = f"{self._inbox}.q{self._asked}"
        nobody: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._probes[own] = lambda: None if nobody.done() else nobody.set_result(None)
        try:
            await self._client.publish(subject, data, reply=own)
            yield nobody
        finally:
            del self._probes[own]
            nobody.cancel()

    async def is_heard(self, subject: str, data: bytes) -> bool:
        """Publish; whether anybody listens there. Raises nats.errors.Error."""
        async with self.asked(subject, data) as nobody:
            # The server's pong comes after its word on what was sent before the ping.
            await self._client.flush()
            await asyncio.wait((nobody,), timeout=_SETTLE_S)
            return not nobody.done()

    async def _send(self, reply: Reply) -> None:
        for _ in range(_SLICE):
            number = reply.number
            message = reply.next(self._clock())
            if message is None:
                return
            data, probe = message
            own = f"{self._inbox}.{reply.token}" if probe else ""
            try:
                await self._client.publish(reply.inbox, data, reply=own)
            except nats.errors.MaxPayloadError:
                log.info("a message of %d bytes is more than the server carries", len(data))
                problem = ProviderError("The reply could not be sent: it is too large.")
                reply.cannot_be_sent(number, problem, self._clock())
                if reply.run is not None:
                    reply.run.cancel()
            except nats.errors.Error:
                reply.resend(number)
                raise

    async def _answered(self, message: Msg) -> None:
        if nobody_there(message) and (heard := self._probes.get(message.subject)) is not None:
            heard()
