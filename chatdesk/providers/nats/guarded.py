"""nats-py's client, held to what Chatdesk promises: a key goes to the address it was given for.

By itself nats-py would also reconnect, with the key, to whatever other servers a server names, and
send a password unencrypted to a tls:// address whose answer says that it does not encrypt.

And it would stop reading, without a word, at the first message whose header or reply subject is no
text; a server passes such on to whoever listens. Its flush() would tell nothing of what was said
before: its ping overtakes that, so that the answer may come before the server has read it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import nats.errors
from nats.aio.client import PING_PROTO, Client

log = logging.getLogger(__name__)


class NotEncrypted(nats.errors.Error):
    """A tls:// address where nobody encrypts."""


class GuardedClient(Client):
    """denied: how often the server refused to let something be published or heard; deaf: to let
    something be heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.denied = self.deaf = 0

    def note(self, error: Exception) -> None:
        """Take notice of what the server said."""
        text = str(error).lower()
        self.denied += "permissions violation" in text
        self.deaf += "permissions violation for subscription" in text

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        await super()._process_info(info | {"connect_urls": None}, initial_connection)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except (UnicodeDecodeError, IndexError) as error:
            log.info("a message is dropped, its header is none: %s", type(error).__name__)

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        if not self.is_connected:
            await super()._send_ping(future)
            return
        self._pongs.append(asyncio.get_running_loop().create_future() if future is None else future)
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    def _connect_command(self) -> bytes:
        server = self._current_server
        encrypts = self._server_info.get("tls_required") is True
        if server is not None and server.uri.scheme == "tls" and not encrypts:
            raise NotEncrypted
        return super()._connect_command()


def denials(client: Client) -> int:
    """How often the server refused something."""
    return client.denied if isinstance(client, GuardedClient) else 0


def is_deaf(client: Client) -> bool:
    """Whether the server refused to let something be heard."""
    return isinstance(client, GuardedClient) and client.deaf > 0
