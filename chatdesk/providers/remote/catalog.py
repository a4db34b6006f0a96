"""What servers said about their models, remembered for a while."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatdesk.providers.remote.api import RemoteModel

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile

_FRESH_S = 3600.0  # a model's context size changes as seldom as the model
_NOTHING_S = 60.0  # a server that did not answer may do so soon
_PLACES = 64


class Catalog:
    """Lists of models by provider and address. Belongs to the loop's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lists: OrderedDict[tuple[str, str], tuple[tuple[RemoteModel, ...], float]] = (
            OrderedDict()
        )

    def get(self, profile: Profile) -> tuple[RemoteModel, ...] | None:
        """The list; () where there was none a moment ago; None where the server is to be asked."""
        found = self._lists.get((profile.id, profile.base_url))
        if found is None or found[1] < self._clock():
            return None
        return found[0]

    def put(self, profile: Profile, models: tuple[RemoteModel, ...]) -> None:
        """models (): the server gave no list."""
        place = (profile.id, profile.base_url)
        self._lists.pop(place, None)
        self._lists[place] = models, self._clock() + (_FRESH_S if models else _NOTHING_S)
        if len(self._lists) > _PLACES:
            self._lists.popitem(last=False)
