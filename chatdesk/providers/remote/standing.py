"""A reply that has not begun ends when its provider is removed, or its way to the server changed.

Whoever removes a provider, or gives it another address, expects that nothing goes to the old one
any more, and a run may wait for minutes: for the keyring, or to try a busy server again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chatdesk.errors import ProviderError

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile, Profiles


class ProviderChanged(ProviderError):
    """The provider is not what it was when the reply was asked for."""


class Standing:
    """Whether a provider still is what it was. Belongs to the loop's thread."""

    def __init__(self, profiles: Profiles, profile: Profile) -> None:
        self._profiles = profiles
        self._profile = profile

    def check(self) -> None:
        """Also hears of what another process saved. Raises ProviderChanged."""
        self._profiles.reload_if_changed()
        problem = self.problem()
        if problem is not None:
            raise problem

    def problem(self) -> ProviderChanged | None:
        """What is to be told, None where nothing that matters has changed."""
        before = self._profile
        now = next((each for each in self._profiles.list() if each.id == before.id), None)
        if now is None:
            return ProviderChanged(
                f"{before.name} was removed before it answered. Nothing more was sent to it.",
                "Choose another model.",
            )
        if now.base_url != before.base_url:
            return ProviderChanged(
                f"The address of {now.name} was changed before it answered. Nothing more was sent "
                "to the old one.",
                "Try again to ask at the new address.",
                retryable=True,
            )
        if _way(now) != _way(before):
            return ProviderChanged(
                f"{now.name} was changed before it answered.", "Try again.", retryable=True
            )
        return None


@asynccontextmanager
async def standing(
    profiles: Profiles, profile: Profile, begun: Callable[[], bool]
) -> AsyncIterator[Standing]:
    """End the block, from whichever await, as soon as the provider changes in this process.

    begun: whether the reply has begun, after which it is left alone: it was asked for while all
    was as it should be. Raises ProviderChanged.
    """
    loop = asyncio.get_running_loop()
    state = Standing(profiles, profile)
    inside = True
    found: ProviderChanged | None = None

    def look() -> None:
        nonlocal found
        if inside and found is None and not begun():
            found = state.problem()
            if found is not None:
                scope.reschedule(loop.time())

    def changed() -> None:  # in any thread
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(look)

    unsubscribe = profiles.subscribe(changed)
    try:
        async with asyncio.timeout(None) as scope:
            try:
                state.check()  # it may have changed before there was a subscription
                yield state
            finally:
                inside = False
    except TimeoutError:
        if not scope.expired() or found is None:
            raise
        raise found from None
    finally:
        unsubscribe()


def _way(profile: Profile) -> tuple[object, ...]:
    """All that decides what is sent where, and what for."""
    return (
        profile.kind,
        profile.headers,
        profile.needs_key,
        profile.use_environment,
        profile.allow_http,
    )
