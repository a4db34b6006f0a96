"""What the model picker shows, and what choosing in it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from chatdesk.providers.profiles import Profiles, split
from chatdesk.settings import SettingsFile
from chatdesk.ui.controller.answering import Answering
from chatdesk.ui.controller.catalogue import Catalogue
from chatdesk.ui.controller.models import Models
from chatdesk.ui.toast import Toasts

if TYPE_CHECKING:
    from chatdesk.ui.model_picker.picker import ModelPicker


class Choosing(QObject):
    """Serves one picker after the other. GUI thread only."""

    def __init__(
        self,
        answering: Answering,
        catalogue: Catalogue,
        models: Models,
        settings: SettingsFile,
        profiles: Profiles,
        toasts: Toasts,
        attempt: Callable[[Callable[[], object]], bool],
        parent: QObject | None = None,
    ) -> None:
        """attempt: does something and tells the person of an expected error."""
        super().__init__(parent)
        self._answering = answering
        self._catalogue = catalogue
        self._models = models
        self._settings = settings
        self._profiles = profiles
        self._toasts = toasts
        self._attempt = attempt
        self._picker: ModelPicker | None = None
        catalogue.changed.connect(self._offer)
        answering.changed.connect(self._offer)
        self._unsubscribe = settings.subscribe(self._setting_changed)

    def close(self) -> None:
        """Listen to the settings no more."""
        self._unsubscribe()

    def serve(self, picker: ModelPicker) -> None:
        """Fill a picker, and do what is chosen in it, until it is closed."""
        self._picker = picker
        picker.chosen.connect(self._choose)
        picker.for_new_chosen.connect(self._choose_for_new)
        picker.retry_requested.connect(self._catalogue.retry)
        picker.finished.connect(self._closed)
        self._settings.reload_if_changed()
        self._profiles.reload_if_changed()
        self._catalogue.refresh()
        self._offer()

    # -- inner --------------------------------------------------------------------------------

    def _offer(self) -> None:
        if self._picker is not None:
            self._picker.set_offers(self._catalogue.shelves(), self._in_use(), self._for_new())

    def _closed(self) -> None:
        self._picker = None

    def _in_use(self) -> str | None:
        answerer = self._answering.answerer
        if answerer.remote is not None:
            profile, model = answerer.remote.profile, answerer.remote.model
            return f"{profile.id}:{model or profile.default_model}"
        path = answerer.local.path if answerer.local else None
        if path is None and answerer.reference is None:
            path = self._models.state.path
        return None if path is None else self._catalogue.local_key(str(path))

    def _for_new(self) -> str | None:
        default = self._settings.values.model.default
        remote = split(default, self._profiles)
        if remote is None:
            return default
        return f"{remote.profile.id}:{remote.model or remote.profile.default_model}"

    def _choose(self, key: str, remote: bool) -> None:
        if remote:
            self._attempt(lambda: self._answering.choose_remote(key))
        else:
            self._models.choose(key)

    def _choose_for_new(self, key: str, remote: bool) -> None:
        """New chats begin with it; so does the one that is open, if it is new."""
        if not remote:
            self._models.choose(key, only_for_new=True)
        elif self._attempt(lambda: self._settings.set("model.default", key)):
            self._answering.forget_new()

    def _setting_changed(self, key: str) -> None:
        if key == "model.default" and self._picker is not None:
            self._offer()
            name = self._picker.name_of(self._for_new())
            if name:
                self._toasts.show_message(f"New chats use {name} from now on")
