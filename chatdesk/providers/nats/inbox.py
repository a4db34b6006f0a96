"""Where the answers to one question arrive."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from chatdesk.providers.nats.subjects import Subjects


class Inbox:
    """A subject below the user's own prefix that nobody can guess. Belongs to the client's loop."""

    def __init__(self, client: Client, user: str) -> None:
        self.subject = f"{Subjects.inbox(user)}.{secrets.token_hex(12)}"
        self._client = client
        self._messages: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Raises nats.errors.Error where the connection is closed."""
        self._subscription = await self._client.subscribe(self.subject, cb=self._messages.put)

    async def get(self, seconds: float) -> Msg | None:
        """The next message; None where none comes within so many seconds."""
        with contextlib.suppress(asyncio.QueueEmpty):
            return self._messages.get_nowait()
        try:
            async with asyncio.timeout(seconds):
                return await self._messages.get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        """From now on the server says that nobody listens here."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()


def nobody_listens(message: Msg) -> bool:
    """Whether the server says that its subject has no subscriber."""
    return not message.data and (message.headers or {}).get("Status") == "503"
