"""How the dataflow asks the workers: over the same server, as the user that it is itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from nats.aio.client import Client

from chatdesk.chat.events import Event, is_last
from chatdesk.chat.provider import Request
from chatdesk.cluster.configuration import Configuration
from chatdesk.cluster.runtime import Asking
from chatdesk.providers.nats.asking import Asker


def asking_workers(configuration: Configuration) -> Asking:
    """Makes the way of asking from the process's connection."""

    def over(client: Client) -> Callable[[Request], AsyncIterator[Event]]:
        asker = Asker(client, configuration.subjects, configuration.login.user)
        return lambda request: _events(asker, request)

    return over


async def _events(asker: Asker, request: Request) -> AsyncIterator[Event]:
    """The events of one reply. Leaving early stops it at its worker."""
    told: asyncio.Queue[Event] = asyncio.Queue()
    asking = asyncio.create_task(asker.ask(request, told.put_nowait))
    try:
        while True:
            event = await told.get()
            yield event
            if is_last(event):
                return
    finally:
        asking.cancel()
