"""Which models there are to choose from: on this computer, and at each provider.

A provider is asked for its list when somebody wants to see it, and not again for a while; what it
said is kept for the next start, so that the list stands there at once. Nothing is asked before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Signal

from chatdesk.errors import ChatdeskError, StoreError
from chatdesk.library import Library, ModelInfo, size_text
from chatdesk.providers.profiles import Profile, Profiles
from chatdesk.settings import SettingsFile
from chatdesk.store import State
from chatdesk.ui.controller.tasks import Tasks
from chatdesk.ui.model_picker.offers import Offer, Shelf

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.remote import Check, RemoteModel
    from chatdesk.ui.models.rows import Row

_KEY = "models."  # and the provider's id: {"of": its address, "at": Unix seconds, "models": [...]}
FRESH_S = 3600.0  # a list is not asked for again before
MOST_KEPT = 2_000  # models of one provider


class Servers(Protocol):
    """Who asks servers (RemoteProvider)."""

    def models(
        self, profile: Profile, key: Secret | None = None
    ) -> Future[tuple[RemoteModel, ...]]: ...

    def test(
        self, profile: Profile, key: Secret | None = None, model: str = ""
    ) -> Future[Check]: ...


@dataclass(frozen=True, slots=True)
class _List:
    """What a provider said. models: name and context size (0 unknown). at: when, Unix seconds."""

    address: str
    models: tuple[tuple[str, int], ...] = ()
    at: float = 0.0
    asking: bool = False
    error: ChatdeskError | None = None


class Catalogue(QObject):
    """changed: a list came in, or is being asked for. GUI thread only."""

    changed = Signal()

    def __init__(
        self,
        library: Library,
        profiles: Profiles,
        servers: Servers,
        settings: SettingsFile,
        state: State,
        tasks: Tasks,
        parent: QObject | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """clock gives Unix time in seconds."""
        super().__init__(parent)
        self._library = library
        self._profiles = profiles
        self._servers = servers
        self._settings = settings
        self._state = state
        self._tasks = tasks
        self._clock = clock
        self._local: tuple[Offer, ...] = ()
        self._paths: dict[str, str] = {}  # keys of local models by their files
        self._looking = False
        self._lists: dict[str, _List] = {}

    def shelves(self) -> list[Shelf]:
        """What is known now."""
        here = Shelf("On this computer", "nothing leaves it", self._local, loading=self._looking)
        return [here, *(self._shelf(profile) for profile in self._profiles.list())]

    def local_key(self, path: str) -> str | None:
        """The key of the local model in this file; None where it is not known (yet)."""
        return self._paths.get(path)

    def context_size(self, profile: Profile, model: str) -> int | None:
        """The context window of a remote model in tokens, as far as it is known."""
        listed = dict(self._list_of(profile).models)
        return listed.get(model) or profile.context_size or None

    def refresh(self) -> None:
        """Look again what there is here, and ask each provider whose list is old."""
        if not self._looking:
            self._looking = True
            self._tasks.start(self._look())
        for profile in self._profiles.list():
            known = self._list_of(profile)
            if not 0 <= self._clock() - known.at < FRESH_S:
                self._ask(profile)
        self.changed.emit()

    def retry(self, profile_id: str) -> None:
        """Ask a provider for its list now."""
        profile = self._profiles.named(profile_id)
        if profile is not None:
            self._ask(profile)
            self.changed.emit()

    # -- inner --------------------------------------------------------------------------------

    async def _look(self) -> None:
        from chatdesk.ui.models.rows import read_rows

        context = self._settings.values.model.context_size
        try:
            rows = await self._tasks.in_thread(partial(read_rows, self._library, context))
        finally:
            self._looking = False
        self._local = tuple(map(_offer, rows))
        self._paths = {str(row.entry.path): row.value for row in rows}
        self.changed.emit()

    def _shelf(self, profile: Profile) -> Shelf:
        known = self._list_of(profile)
        listed = dict(known.models)
        first = [profile.default_model] if profile.default_model else []
        names = dict.fromkeys((*first, *profile.models, *sorted(listed, key=str.casefold)))
        offers = tuple(
            Offer(f"{profile.id}:{name}", name, _note(profile, name, listed.get(name, 0)))
            for name in names
        )
        here = profile.on_this_computer
        # The name stands before it.
        program = f"another program on this computer ({profile.place})"
        return Shelf(
            profile.name,
            program if here else profile.remote_words,
            offers,
            profile.id,
            known.asking,
            known.error,
            here,
        )

    def _list_of(self, profile: Profile) -> _List:
        known = self._lists.get(profile.id)
        if known is None or known.address != profile.base_url:
            known = _List(profile.base_url, *self._saved(profile))
            self._lists[profile.id] = known
        return known

    def _ask(self, profile: Profile) -> None:
        known = self._list_of(profile)
        if not known.asking:
            self._lists[profile.id] = replace(known, asking=True, error=None)
            self._tasks.start(self._asked(profile))

    async def _asked(self, profile: Profile) -> None:
        from chatdesk.providers.remote.problems import NoModelList

        known = self._list_of(profile)
        answer = replace(known, asking=False)
        try:
            models = await asyncio.wrap_future(self._servers.models(profile))
            listed = tuple((model.id, model.context_size or 0) for model in models)
            answer = _List(profile.base_url, listed[:MOST_KEPT], self._clock())
        except NoModelList:  # nothing is wrong: names are entered by hand there
            answer = _List(profile.base_url, at=self._clock())
        except ChatdeskError as error:
            answer = replace(answer, error=error)
        finally:
            # Meanwhile it may have moved: then what came is another server's list.
            if self._list_of(profile).address == profile.base_url:
                self._lists[profile.id] = answer
        self._save(profile, answer)
        self.changed.emit()

    def _saved(self, profile: Profile) -> tuple[tuple[tuple[str, int], ...], float]:
        try:
            found: Any = self._state.get(_KEY + profile.id)
            if found["of"] != profile.base_url:
                return (), 0.0
            return tuple((str(name), int(size)) for name, size in found["models"]), found["at"]
        except (StoreError, KeyError, TypeError, ValueError):
            return (), 0.0  # none was saved, or by a Chatdesk that did it otherwise

    def _save(self, profile: Profile, answer: _List) -> None:
        if answer.error is None:
            kept = [list(model) for model in answer.models]
            value = {"of": answer.address, "at": answer.at, "models": kept}
            self._state.set(_KEY + profile.id, value)


def _offer(row: Row) -> Offer:
    entry = row.entry
    if not isinstance(entry, ModelInfo):
        return Offer(row.value, entry.name, problem="Cannot be used")
    note = [size_text(entry.size_bytes), entry.quantisation, row.badge if row.warns else ""]
    return Offer(row.value, entry.name, " · ".join(part for part in note if part))


def _note(profile: Profile, model: str, context_size: int) -> str:
    size = context_size or profile.context_size
    parts = ["default"] * (model == profile.default_model)
    parts += [f"{size:,} tokens"] * (size > 0)
    return " · ".join(parts)
