"""A connection that is made when it is first needed, for one user of one pool of workers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from nats.aio.client import Client

from chatdesk.providers.nats.asking import Affinity, Asker
from chatdesk.providers.nats.attempt import Timing
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.offers import offers
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Offer


class Link:
    """Belongs to the loop in which it is used.

    url: scheme, host and port. tls: makes the context for tls://. affinity: outlives the link.
    """

    def __init__(
        self,
        url: str,
        login: Login,
        subjects: Subjects,
        *,
        tls: Callable[[], ssl.SSLContext] | None = None,
        affinity: Affinity | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._url = url
        self._login = login
        self._subjects = subjects
        self._tls = tls
        self._affinity = affinity or Affinity()
        self._timing = timing
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def asker(self) -> Asker:
        """Who asks over the open connection. Raises NoConnection."""
        return Asker(
            await self._connected(),
            self._subjects,
            self._login.user,
            affinity=self._affinity,
            timing=self._timing,
        )

    async def offers(self) -> tuple[Offer, ...]:
        """What the workers have that answer. Raises NoConnection, WireError."""
        return await offers(await self._connected(), self._subjects, self._login.user)

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            await disconnect(client)

    async def _connected(self) -> Client:
        async with self._connecting:  # one connection for all who come at once
            if self._client is None or self._client.is_closed:
                tls = None
                if self._tls is not None and self._url.startswith("tls://"):
                    tls = self._tls()
                self._client = await connect(self._url, self._login, tls=tls)
            return self._client
