"""The model in use: loading, progress, choosing another, and what happens when one cannot be used.

A model file is looked at before anything is given up for it: only a file that says it can chat and
that fits in memory replaces the model that is loaded. If llama.cpp then refuses it all the same,
the engine loads the previous one again and the setting goes back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from chatdesk.errors import ChatdeskError, ModelError
from chatdesk.library import Library, check_chat, check_fits, inspect
from chatdesk.providers.llama import LlamaEngine, ModelState
from chatdesk.settings import SettingsFile
from chatdesk.ui.controller.tasks import Tasks
from chatdesk.ui.toast import Toasts

# A person who drags a slider should not reload the model at every step.
SETTLE_MS = 600


class Models(QObject):
    """changed(ModelState): the model that is loaded, or being loaded, is another or further.

    All methods belong to the GUI thread; the engine's states arrive through on_state().
    """

    changed = Signal(object)
    chosen = Signal(str)

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
        self._before_choice: str | None = None
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
        """Give up loading; the model of before is loaded again by the next message."""
        self._engine.cancel_load()

    def choose(self, name: str) -> None:
        """Use a model of the library or a file ("" is the bundled one)."""
        self._tasks.start(self._choose(name))

    def add(self, files: Sequence[str]) -> None:
        """Add model files to the library where they lie and use the last one."""
        models = [file for file in files if file.lower().endswith(".gguf")]
        if not models:
            self._show_error(
                ModelError("This is not a model file.", "Drop a file whose name ends in .gguf.")
            )
            return
        self._tasks.start(self._add(models))

    def use(self, name: str) -> None:
        """Make a model, already looked at, the one of the settings, and load it.

        If llama.cpp refuses it the setting goes back to what it was.
        """
        before = self._settings.values.model.default
        if name == before:
            self.load()
            return
        self._before_choice = before
        self._settings.set("model.default", name)
        self._settle.stop()
        self.load()
        self.chosen.emit(name)

    def on_state(self, state: object) -> None:
        """The engine told something."""
        assert isinstance(state, ModelState)
        self._state = state
        if state.kind == "ready" and state.error is None and self._failure:
            self._toasts.dismiss(self._failure)
            self._failure = ""
        if state.kind == "ready" and self._before_choice is not None and state.error is None:
            self._before_choice = None
        elif state.kind == "failed" and state.error is not None:
            before, self._before_choice = self._before_choice, None
            if before is not None:
                self._settings.set("model.default", before)
            self._failure = str(state.error)
            self._show_error(state.error)
        self.changed.emit(state)

    def close(self) -> None:
        """Listen to the settings no more."""
        self._settle.stop()
        self._unsubscribe()

    # -- inner --------------------------------------------------------------------------------

    async def _choose(self, name: str) -> None:
        self._checking = True
        try:
            await self._tasks.in_thread(partial(self._check, name))
        finally:
            self._checking = False
        self.use(name)

    async def _add(self, files: Sequence[str]) -> None:
        name = ""
        for file in files:
            # Looked at before it is added: a file that cannot be used does not enter the list.
            await self._tasks.in_thread(partial(self._check, file))
            added = await self._tasks.in_thread(partial(self._library.add, Path(file)))
            name = str(added.path)
        self.use(name)

    def _check(self, name: str) -> None:
        model = self._settings.values.model
        info = inspect(self._library.find(name))
        check_chat(info, model.chat_format)
        check_fits(info, model.context_size)

    def _setting_changed(self, key: str) -> None:
        if key.startswith("model."):
            self._settle.start()
