"""The connections that are open: one per provider and key, closed when nobody uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chatdesk.providers.remote.api import Connection, Server
from chatdesk.providers.remote.limits import Limits

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.profiles import Profile


Opening = Callable[["Profile", "Secret | None"], Connection]


class _Open:
    """One connection, and by how many it is used."""

    def __init__(self, server: Server, key: Secret | None) -> None:
        self.server = server
        self.key = key
        self.users = 0
        self.closing: asyncio.TimerHandle | None = None

    def fits(self, profile: Profile, key: Secret | None) -> bool:
        mine = self.server.profile
        return self.key == key and (mine.base_url, mine.headers, mine.allow_http, mine.id) == (
            profile.base_url,
            profile.headers,
            profile.allow_http,
            profile.id,
        )


class Clients:
    """Belongs to the loop's thread. opening: makes a connection (Api.open)."""

    def __init__(self, limits: Limits, opening: Opening) -> None:
        self._limits = limits
        self._opening = opening
        self._open: list[_Open] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def use(self, profile: Profile, key: Secret | None) -> AsyncIterator[Server]:
        """A server that takes requests within this block. Raises ChatdeskError for an address
        that must not be used.
        """
        entry = self._find(profile, key)
        entry.users += 1
        if entry.closing is not None:
            entry.closing.cancel()
            entry.closing = None
        try:
            # The profile as it is now: its name may be another than when the connection was made.
            yield Server(profile, entry.server.connection, self._limits, keyed=key is not None)
        finally:
            entry.users -= 1
            if not entry.users:
                loop = asyncio.get_running_loop()
                entry.closing = loop.call_later(self._limits.linger_s, self._close_soon, entry)

    async def close(self) -> None:
        """Close all connections, used or not."""
        entries, self._open = self._open, []
        for entry in entries:
            if entry.closing is not None:
                entry.closing.cancel()
            await entry.server.connection.aclose()

    def _find(self, profile: Profile, key: Secret | None) -> _Open:
        for entry in self._open:
            if entry.fits(profile, key):
                return entry
        entry = _Open(Server(profile, self._opening(profile, key), self._limits), key)
        self._open.append(entry)
        return entry

    def _close_soon(self, entry: _Open) -> None:
        if entry.users or entry not in self._open:
            return
        self._open.remove(entry)
        task = asyncio.get_running_loop().create_task(entry.server.connection.aclose())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
