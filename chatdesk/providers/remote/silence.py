"""How long a server may keep a connection without a word of the reply.

Comments and other signs of life keep the idle time-out away; this bound does not hear them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from chatdesk.providers.remote.problems import ServerProblem


@asynccontextmanager
async def speaking(pieces: Callable[[], int], seconds: float, name: str) -> AsyncIterator[None]:
    """End the block when for so many seconds (to half as many more) no piece came.

    pieces: how many came so far. A timer looks at it, so that a piece costs nothing. Raises
    ServerProblem with the server's name.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds) as scope:
            timer = _Timer(loop, scope, pieces, seconds)
            try:
                yield
            finally:
                timer.stop()
    except TimeoutError:
        if not scope.expired():
            raise
        raise ServerProblem(
            f"{name} kept the connection, but sent no word of the reply for {_duration(seconds)}.",
            "Try again later, or choose another model.",
            retryable=True,
        ) from None


class _Timer:
    """Moves a deadline as long as pieces come."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scope: asyncio.Timeout,
        pieces: Callable[[], int],
        seconds: float,
    ) -> None:
        self._loop = loop
        self._scope = scope
        self._pieces = pieces
        self._seconds = seconds
        self._seen = pieces()
        self._handle = loop.call_later(seconds / 2, self._look)

    def stop(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        pieces = self._pieces()
        if pieces != self._seen:
            self._seen = pieces
            self._scope.reschedule(self._loop.time() + self._seconds)
        self._handle = self._loop.call_later(self._seconds / 2, self._look)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} seconds"
