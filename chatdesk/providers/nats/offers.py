"""Asks all workers at once what they have."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.inbox import Inbox, nobody_listens
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Offer, decode_offer

# After an answer the others are not far.
_QUIET_S = 0.3
_MOST = 1_000


async def offers(
    client: Client, subjects: Subjects, user: str, *, seconds: float = 2.0
) -> tuple[Offer, ...]:
    """What the workers say that answer within so many seconds, sorted by worker; () for no worker.

    It ends sooner when no more answers come. Raises WireError where all that answer speak another
    version, nats.errors.Error where the connection is closed.
    """
    found: dict[str, Offer] = {}
    strange: WireError | None = None
    inbox = Inbox(client, user)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        await inbox.open()
        await client.publish(subjects.models(user), b"", reply=inbox.subject)
        while (left := end - loop.time()) > 0 and len(found) < _MOST:
            message = await inbox.get(min(left, _QUIET_S) if found else left)
            if message is None or nobody_listens(message):
                break
            try:
                offer = decode_offer(message.data)
            except WireError as error:
                strange = error
            else:
                found[offer.worker] = offer
    finally:
        await inbox.close()
    if strange is not None and not found:
        raise strange
    return tuple(sorted(found.values(), key=lambda offer: offer.worker))
