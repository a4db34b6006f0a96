"""What the window says about the model that answers: header, composer, welcome and the sidebar.

One outside Chatdesk wears the violet mark everywhere, with where the messages go; what the local
model is doing (loading, how far) is told only where a local one answers.
"""

from __future__ import annotations

from chatdesk.library import size_text
from chatdesk.providers.llama import ModelState
from chatdesk.providers.profiles import Profile
from chatdesk.ui.controller.answering import Answerer, same_file
from chatdesk.ui.header import ModelKind
from chatdesk.ui.main_window import MainWindow
from chatdesk.ui.provider_mark import provider_mark

GONE = "its provider is not set up here any more"


class Marks:
    """Writes what the answerer and the local model's state say. GUI thread only."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._sizes: tuple[object, str] = (None, "")

    def show(self, answerer: Answerer, state: ModelState) -> None:
        """Show who answers in the open conversation. state: of the local model."""
        profile = answerer.profile
        if profile is not None:
            self._remote(answerer.name, profile)
        elif answerer.gone:
            self._local(answerer.name, "failed", "", about=GONE)
        elif answerer.local is not None and answerer.local.error is not None:
            self._local(answerer.name, "failed", "", about=answerer.local.error.what)
        elif self._concerns(answerer, state):
            name = state.name or answerer.name
            fraction = state.fraction if state.kind == "loading" else None
            self._local(name, state.kind, self._size(state), fraction)
        else:
            self._local(answerer.name, "none", "")

    @staticmethod
    def _concerns(answerer: Answerer, state: ModelState) -> bool:
        """Whether the state of the local model is that of the one that answers here."""
        if answerer.local is None:
            return answerer.reference is None
        return same_file(answerer.local, state.path)

    def _local(
        self,
        name: str,
        kind: ModelKind,
        size: str,
        fraction: float | None = None,
        about: str = "",
    ) -> None:
        window = self._window
        window.header.set_model(name, kind, about)
        window.header.set_loading(fraction)
        window.composer.set_model_name(name)
        window.composer.set_destination("")
        window.welcome.set_model(name, size, kind)
        window.sidebar.set_status("offline")

    def _remote(self, name: str, profile: Profile) -> None:
        window = self._window
        words, here = profile.remote_words, profile.on_this_computer
        told = f"What you write {words}."
        kind: ModelKind = "beside" if here else "remote"
        window.header.set_model(name, kind, f"{profile.name}, {words}")
        window.header.set_loading(None)
        window.composer.set_model_name(name)
        place = f"{profile.name} on this computer" if here else profile.place
        window.composer.set_destination(f"Sent to {place}", told, here=here)
        window.welcome.set_model(
            name,
            f"{profile.name} · {'another program here' if here else profile.leaves}",
            kind,
            title=f"Chat with {name}",
            line=told,
        )
        window.sidebar.set_status(profile.name, provider_mark(here), told)

    def _size(self, state: ModelState) -> str:
        # A file is looked at once, not at each step of its loading.
        if self._sizes[0] != state.path:
            try:
                size = size_text(state.path.stat().st_size) if state.path else ""
            except OSError:
                size = ""
            self._sizes = (state.path, size)
        return self._sizes[1]
