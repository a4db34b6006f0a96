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
    """The events of one reply. Leaving early stops it at its worker. Raises what asking raises."""
    told: asyncio.Queue[Event | None] = asyncio.Queue()
    asking = asyncio.create_task(asker.ask(request, told.put_nowait))
    asking.add_done_callback(lambda _task: told.put_nowait(None))
    try:
        while (event := await told.get()) is not None:
            yield event
            if is_last(event):
                return
        await asking
    finally:
        asking.cancel()
