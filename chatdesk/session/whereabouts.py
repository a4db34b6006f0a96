"""Which replies came from another program on this very computer, and left it at no time.

A reply is saved with its provider's name alone, and the same name may have stood for a server
elsewhere. So for each conversation and name it is noted since when requests went to this computer
only; of replies from before that nothing is claimed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from chatdesk.providers.profiles import Profile
from chatdesk.store import State

_KEY = "whereabouts."  # and the conversation's id: {provider's name: [since, last elsewhere]}

# Seconds. A reply's row is made a moment before its request is sent.
_BEFORE = 2.0


class Whereabouts:
    """Belongs to the database's thread; methods raise StoreError. Times are Unix seconds."""

    def __init__(self, state: State, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def sending(self, conversation_id: str, profile: Profile) -> None:
        """A request of this conversation is about to go to this provider."""
        known = self._state.get(_KEY + conversation_id, {})
        since, elsewhere = known.get(profile.name, (None, 0.0))
        if not profile.on_this_computer:
            now = None, self._clock()
        elif since is None:
            now = max(self._clock() - _BEFORE, elsewhere), elsewhere
        else:
            return
        self._state.set(_KEY + conversation_id, {**known, profile.name: now})

    def here_since(self, conversation_id: str) -> Mapping[str, float]:
        """By the provider's name: all of its replies made after this came from this computer."""
        known = self._state.get(_KEY + conversation_id, {})
        return {name: since for name, (since, _) in known.items() if since is not None}
