"""The model in use: loading, progress, choosing another, and what happens when one cannot be used.

A model file is looked at before anything is given up for it: only a file that says it can chat and
that fits in memory replaces the model that is loaded. If llama.cpp then refuses it all the same,
the engine loads the previous one again and the setting goes back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from chatdesk.errors import ChatdeskError, LoadCancelled, ModelError
from chatdesk.library import Library, check_chat, check_fits, inspect, reference
from chatdesk.providers.llama import LlamaEngine, ModelState
from chatdesk.settings import SettingsFile
from chatdesk.ui.controller.tasks import Tasks
from chatdesk.ui.toast import Toasts

# A person who drags a slider should not reload the model at every step.
SETTLE_MS = 600


@dataclass(frozen=True, slots=True)
class _Choice:
    """A chosen model that is not loaded yet. before: what the settings go back to if it fails."""

    before: str
    path: Path | None

    def concerns(self, path: Path | None) -> bool:
        """Whether a state of the file at path (None: not known) tells of this choice."""
        return path is None or self.path is None or path == self.path


class Models(QObject):
    """changed(ModelState): the model that is loaded, or being loaded, is another or further.
    chosen(str or None): the person chose this model, as a conversation is to name it (None: the
    default one), and it looks right. worked: it is loaded. refused: it cannot be loaded.

    All methods belong to the GUI thread; the engine's states arrive through on_state().
    """

    changed = Signal(object)
    chosen = Signal(object)
    worked = Signal()
    refused = Signal()

    def __init__(
        self,
        engine: LlamaEngine,
        library: Library,
        settings: SettingsFile,
        tasks: Tasks,
        toasts: Toasts,
        show_error: Callable[[ChatdeskError], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._library = library
        self._settings = settings
        self._tasks = tasks
        self._toasts = toasts
        self._show_error = show_error
        self._state = ModelState("none")
        self._pending: _Choice | None = None
        self._failure = ""  # what was told of the last load that failed
        self._checking = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.load)
        self._unsubscribe = settings.subscribe(self._setting_changed)

    @property
    def state(self) -> ModelState:
        """The latest state of the model."""
        return self._state

    @property
    def checking(self) -> bool:
        """Whether a chosen file is being looked at."""
        return self._checking

    def load(self) -> None:
        """Load the model that the settings name, unless it is loaded already."""
        self._engine.load(None)

    def cancel_loading(self) -> None:
        """Give up loading; the model of before comes back, in the settings too."""
        self._engine.cancel_load()

    def choose(self, name: str, *, only_for_new: bool = False) -> None:
        """Use a model of the library or a file ("" is the bundled one).

        only_for_new: conversations that have a model of their own keep it, the open one too.
        """
        self._settings.reload_if_changed()  # the command line may have set a chat format for it
        self._tasks.start(self._choose(name, only_for_new))

    def add(self, files: Sequence[str]) -> None:
        """Add model files to the library where they lie and use the last one."""
        self._settings.reload_if_changed()
        models = [file for file in files if file.lower().endswith(".gguf")]
        if not models:
            self._show_error(
                ModelError("This is not a model file.", "Choose a file whose name ends in .gguf.")
            )
            self._load_any()
            return
        self._tasks.start(self._add(models))

    def use(
        self,
        name: str,
        path: Path | None = None,
        *,
        before: str | None = None,
        only_for_new: bool = False,
    ) -> None:
        """Make a model, already looked at, the one of the settings, and load it.

        path is its file's. before: what the settings said; None: they say it still, and are saved
        here, which waits for the disk. only_for_new: no conversation is given it. If llama.cpp
        refuses it the setting goes back to the last one that worked.
        """
        # The bundled one has no name in the settings; its file's is the same in every list.
        pinned = name or (path.stem if path is not None else None)
        if before is None:
            before = self._settings.values.model.default
        if name != before:
            self._settings.set("model.default", name)
            # Of several chosen while none was ready, the one that worked counts.
            self._pending = _Choice(self._pending.before if self._pending else before, path)
            self._settle.stop()
        self.load()
        if not only_for_new:
            self.chosen.emit(pinned)

    def on_state(self, state: object) -> None:
        """The engine told something."""
        assert isinstance(state, ModelState)
        self._state = state
        if state.kind == "ready" and state.error is None and self._failure:
            self._toasts.dismiss(self._failure)
            self._failure = ""
        pending = self._pending
        if pending is not None and not pending.concerns(state.path):
            pending = None
        if state.kind == "ready" and pending is not None:
            self._pending = None
            self.worked.emit()
        elif state.kind == "failed" and state.error is not None:
            self._failure = state.error.in_window
            if isinstance(state.error, LoadCancelled):
                self._toasts.show_message(self._failure)
            else:
                self._show_error(state.error)
            try:
                if pending is not None:
                    self._pending = None
                    self.refused.emit()
                    self._settings.set("model.default", pending.before)
            except ChatdeskError as error:
                self._show_error(error)
        self.changed.emit(state)

    def close(self) -> None:
        """Listen to the settings no more."""
        self._settle.stop()
        self._unsubscribe()

    # -- inner --------------------------------------------------------------------------------

    async def _choose(self, name: str, only_for_new: bool) -> None:
        self._checking = True
        try:
            path = await self._tasks.in_thread(partial(self._check, name))
        finally:
            self._checking = False
        before = await self._save(name)
        self.use(name, path, before=before, only_for_new=only_for_new)

    async def _add(self, files: Sequence[str]) -> None:
        name, path = "", None
        try:
            for file in files:
                # Looked at before it is added: a file that cannot be used does not enter the list.
                await self._tasks.in_thread(partial(self._check, file))
                name, path = await self._tasks.in_thread(partial(self._added, Path(file)))
            before = await self._save(name)
        except ChatdeskError:
            self._load_any()
            raise
        self.use(name, path, before=before)

    async def _save(self, name: str) -> str:
        """Save the default model, so that the window need not wait for the disk to do it; returns
        the one before.
        """
        before = self._settings.values.model.default
        if name != before:
            await self._tasks.in_thread(partial(self._settings.save, "model.default", name))
        return before

    def _load_any(self) -> None:
        """Where Chatdesk was started with a file that cannot be used: load the usual model."""
        if self._state.kind == "none":
            self.load()

    def _added(self, file: Path) -> tuple[str, Path]:
        """Add a file; returns how the settings name it, and where it is listed."""
        added = self._library.add(file)
        return reference(added, self._library.list()), added.path

    def _check(self, name: str) -> Path:
        """Look at a model; returns its file. Raises ModelError where it cannot be used."""
        model = self._settings.values.model
        info = inspect(self._library.find(name))
        check_chat(info, model.chat_format)
        check_fits(info, model.context_size)
        return info.path

    def _setting_changed(self, key: str) -> None:
        if key.startswith("model."):
            self._settle.start()
