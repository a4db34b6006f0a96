"""One question of the keyring at a time, where several servers are asked at once.

Whoever opens the list of models asks every provider for its own. A locked keyring would put as many
questions as there are keys, and a person who closed the first would get the next.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chatdesk.errors import KeyringError

T = TypeVar("T")


class KeyTurns:
    """Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._refusals = 0
        self._refusal: KeyringError | None = None

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work when those before are done; its KeyringError is that of all who waited for it."""
        before = self._refusals
        async with self._turn:
            if self._refusal is not None and self._refusals != before:
                raise copy.copy(self._refusal)
            try:
                return await work()
            except KeyringError as error:
                self._refusals += 1
                self._refusal = error
                raise
