"""One connection to a NATS server, which comes back by itself when the server does.

Belongs to the asyncio loop that made it. The first connection is tried once and its failure told in
words; after that nats-py connects again for as long as it takes, and subscriptions stay.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client

from chatdesk.errors import UsageError
from chatdesk.providers.nats.guarded import GuardedClient
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.problems import connection_problem
from chatdesk.providers.nats.subjects import Subjects

log = logging.getLogger(__name__)

CONNECT_S = 5.0
# A server that is gone without a word is noticed after two of these.
_PING_S = 5
_AGAIN_S = 0.25
_CLOSE_S = 1.0


async def connect(
    url: str,
    login: Login,
    *,
    name: str = "chatdesk",
    tls: ssl.SSLContext | None = None,
    on_change: Callable[[bool], None] | None = None,
) -> Client:
    """Connect to nats://HOST:PORT or tls://HOST:PORT. Raises NoConnection.

    tls: for tls:// and for servers that ask for it; None: the system's certificates. on_change is
    told, in the loop, when the connection is lost (False) and is there again (True).
    """
    client = GuardedClient()
    refused: list[Exception] = []

    async def disconnected() -> None:
        log.info("the connection to the NATS server was lost")
        if on_change is not None:
            on_change(False)

    async def reconnected() -> None:
        log.info("the NATS server is there again")
        if on_change is not None:
            on_change(True)

    async def failed(error: Exception) -> None:
        # Only the class: a server's text may repeat a subject, and with it a name.
        refused.append(error)
        client.note(error)
        log.info("NATS: %s", type(error).__name__)

    context = tls
    if context is None and url.startswith("tls://"):
        context = ssl.create_default_context()
    try:
        async with asyncio.timeout(CONNECT_S + 1):
            await client.connect(
                url,
                name=name,
                error_cb=failed,
                disconnected_cb=disconnected,
                reconnected_cb=reconnected,
                allow_reconnect=False,
                connect_timeout=int(CONNECT_S),
                ping_interval=_PING_S,
                max_outstanding_pings=2,
                max_reconnect_attempts=1,  # 0 would be without end
                reconnect_time_wait=_AGAIN_S,  # type: ignore[arg-type]  # asyncio.sleep's
                inbox_prefix=Subjects.inbox(login.user),
                user=login.name or None,
                password=login.password or None,
                token=login.token or None,
                tls=context,
                **_signing(login),
            )
    except (OSError, nats.errors.Error, TimeoutError, ssl.SSLError) as error:
        problem = connection_problem(url, refused[-1] if refused else error)
        await disconnect(client)
        raise problem from error
    # Not for the first time: a wrong address would be tried for ever.
    client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)
    return client


async def disconnect(client: Client) -> None:
    """Close a connection, in whatever state it is; what was published is sent before, if it can."""
    # nats-py writes to the connection, though it may be broken, and waits for the end of a failed
    # TLS handshake, which never comes.
    try:
        async with asyncio.timeout(_CLOSE_S):
            await client.close()
    except (OSError, nats.errors.Error, TimeoutError):
        pass
    except asyncio.CancelledError:
        # Of what it waits for, which a cancelled task of its own has waited for, too.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise


def trusting(ca: Path | None) -> ssl.SSLContext | None:
    """A TLS context that trusts the authorities of a PEM file; None: the system's are trusted.

    Raises UsageError for a file that is none.
    """
    if ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"The certificates in {ca.name} cannot be read.",
            "Give the PEM file of the authority that signed the server's certificate.",
        ) from error


def _signing(login: Login) -> dict[str, Any]:
    """How nats-py proves the possession of an NKey."""
    if not login.seed:
        return {}
    if not login.jwt:
        return {"nkeys_seed_str": login.seed}
    import nkeys

    def sign(nonce: str) -> bytes:
        pair = nkeys.from_seed(bytearray(login.seed, "ascii"))
        signed = base64.b64encode(pair.sign(nonce.encode()))
        pair.wipe()
        return signed

    return {"user_jwt_cb": lambda: bytearray(login.jwt, "ascii"), "signature_cb": sign}
