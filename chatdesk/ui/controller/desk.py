"""The whole window at work: makes the controllers, hands the session's news around, ends well.

It is the session's listener: what the session tells goes to the list, the transcript and the
composer in that order, so that each finds the others as they were when the thing happened.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog

from chatdesk.chat.events import Event
from chatdesk.chat.messages import Conversation, Message
from chatdesk.chat.provider import Provider
from chatdesk.errors import ChatdeskError, StoreError
from chatdesk.library import Library, size_text
from chatdesk.paths import DataDir
from chatdesk.providers.llama import LlamaEngine, ModelState
from chatdesk.session import Session
from chatdesk.settings import Settings, SettingsFile
from chatdesk.store import Store
from chatdesk.ui.controller.commands import Commands
from chatdesk.ui.controller.conversations import Conversations
from chatdesk.ui.controller.models import Models
from chatdesk.ui.controller.reading import Reading
from chatdesk.ui.controller.tasks import Tasks
from chatdesk.ui.controller.writing import Writing
from chatdesk.ui.main_window import MainWindow
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import TranscriptView

_log = logging.getLogger(__name__)

TICK_MS = 50
# How often the window looks whether the command line wrote something: microseconds if it did not.
WATCH_MS = 1_000
WATCH_SHARE = 20  # of the time, one part at most goes into reading what another process wrote
LAYOUT = "window.layout"


class Desk(QObject):
    """GUI thread only. closing is emitted when the person closes the window."""

    closing = Signal()

    def __init__(
        self,
        window: MainWindow,
        transcript: TranscriptView,
        theme: Theme,
        data: DataDir,
        settings: SettingsFile,
        store: Store,
        library: Library,
        engine: LlamaEngine,
        provider: Provider,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self.settings = settings
        self._store = store
        self.session = Session(store, provider, self._settings_now, self)
        self.tasks = Tasks(self.show_error)
        self.reading = Reading(
            self.session, store.state, transcript, window.toasts, self.show_error, self
        )
        self.conversations = Conversations(
            self.session,
            store,
            window.sidebar,
            window.header,
            window.toasts,
            self.show_error,
            self,
        )
        self.writing = Writing(
            self.session, store, window.composer, self.conversations.open, self.show_error, self
        )
        self.models = Models(
            engine, library, settings, self.tasks, window.toasts, self.show_error, self
        )
        self.commands = Commands(self, window, theme, data, settings, store, library)
        self._layout = ""
        self._sizes: tuple[object, str] = (None, "")
        self._ticking = QTimer(self)
        self._ticking.setInterval(TICK_MS)
        self._ticking.timeout.connect(self._tick)
        self._watching = QTimer(self)
        self._watching.setInterval(WATCH_MS)
        self._watching.timeout.connect(self._watch)
        self._connect()

    def start(self) -> None:
        """Show what was open last; call before the window is shown."""
        self._apply_settings("")
        self.attempt(lambda: self._window.restore_layout(str(self._store.state.get(LAYOUT, ""))))
        self.conversations.start()
        for problem in self.settings.problems:
            self._window.toasts.show_message(problem, kind="error")
        self._window.composer.focus()
        self._watching.start()

    def attempt(self, work: Callable[[], object]) -> bool:
        """Do something; an expected error is told to the person. Returns whether it was done."""
        try:
            work()
        except ChatdeskError as error:
            self.show_error(error)
            return False
        return True

    def streaming(self) -> bool:
        """Whether any reply is being written."""
        return bool(self.session.streaming_conversations())

    def show_error(self, error: ChatdeskError) -> None:
        """Tell the person of an expected error."""
        self._window.toasts.show_message(str(error), kind="error")

    def flush(self) -> None:
        """Save what is only on the screen: the system is about to end the session."""
        self.writing.flush()
        self.session.save()

    def activate(self, files: list[str]) -> None:
        """Another start asks for the window, perhaps with model files to open."""
        window = self._window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        if files:
            self.models.add(files)

    def close(self) -> None:
        """Save everything: the draft, the replies being written, how the window looks."""
        for dialog in self._window.findChildren(QDialog):
            dialog.close()  # what was typed in it counts
        self.writing.flush()
        self._ticking.stop()
        self._watching.stop()
        self._unsubscribe()
        self.models.close()
        self.tasks.close()
        self.session.close()
        try:
            self._store.state.set(LAYOUT, self._layout)
        except StoreError as error:  # nobody is there to be told any more
            _log.warning("The window's layout could not be saved: %s", error.detail)

    # -- what the session tells ---------------------------------------------------------------

    def conversation_changed(self, conversation: Conversation) -> None:
        self.conversations.conversation_changed(conversation)
        self.writing.refresh()
        self._keep_ticking()

    def message_added(self, message: Message) -> None:
        self._show_welcome()
        self.reading.message_added(message)
        self.writing.refresh()
        self._keep_ticking()

    def reply_event(self, message_id: str, event: Event) -> None:
        message = self.session.growing(message_id)
        if message is not None:
            self.reading.reply_event(message, event)

    def message_finished(self, message: Message) -> None:
        self.reading.message_finished(message)
        self.writing.refresh()
        self._keep_ticking()

    def path_changed(self, conversation_id: str) -> None:
        self._show_welcome()
        self.reading.path_changed(conversation_id)
        self.writing.refresh()
        self._keep_ticking()

    def trouble(self, error: StoreError) -> None:
        self.show_error(error)

    # -- inner --------------------------------------------------------------------------------

    def _connect(self) -> None:
        window = self._window
        self.conversations.opened.connect(self._open)
        self.conversations.rewritten.connect(self._rewritten)
        self.reading.edit_requested.connect(self.writing.edit)
        self.reading.filling_changed.connect(self._show_filling)
        self.models.changed.connect(self._show_model)
        self.models.chosen.connect(self._model_chosen)
        window.welcome.suggestion_chosen.connect(self.writing.send)
        window.files_dropped.connect(self.models.add)
        window.closing.connect(self._close_window)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.applicationStateChanged.connect(self._state_changed)
        self._unsubscribe = self.settings.subscribe(self._apply_settings)

    def _open(self, conversation_id: str | None) -> None:
        self.reading.show(conversation_id)
        self.writing.show(conversation_id)
        self._show_welcome()
        self._window.composer.focus()

    def _rewritten(self) -> None:
        self.reading.refresh()
        self.writing.refresh()
        self._show_welcome()

    def _show_welcome(self) -> None:
        conversation = self.conversations.current
        empty = conversation is None or self.session.tree(conversation).active_leaf is None
        self._window.show_welcome(empty)

    def _show_filling(self) -> None:
        filling = self.reading.filling()
        header = self._window.header
        window = self.models.state.context_window
        if filling is None:
            header.set_context(0, window, 0)
        else:
            header.set_context(
                filling.used,
                # A provider's limit may be unknown; it is never the local model's.
                filling.window or (None if filling.remote else window),
                filling.left_out,
                estimated=filling.estimated,
                remote=filling.remote,
            )

    def _show_model(self, state: ModelState) -> None:
        window = self._window
        loading = state.kind == "loading"
        window.header.set_model(state.name, state.kind)
        window.header.set_loading(state.fraction if loading else None)
        window.composer.set_model_name(state.name)
        window.welcome.set_model(state.name, self._model_size(state), state.kind)
        if loading:
            self.reading.model_loading(state.name, state.fraction)
        self._show_filling()

    def _model_chosen(self) -> None:
        # The command line can give a conversation a model of its own. What the person chooses while
        # it is open holds for it, or the choice would seem to do nothing.
        current = self.conversations.current
        try:
            if current is not None and self._store.conversations.get(current).model is not None:
                self._store.conversations.set_model(current, None)
        except ChatdeskError as error:
            self.show_error(error)

    def _model_size(self, state: ModelState) -> str:
        # A file is looked at once, not at each step of its loading.
        if self._sizes[0] != state.path:
            try:
                size = size_text(state.path.stat().st_size) if state.path else ""
            except OSError:
                size = ""
            self._sizes = (state.path, size)
        return self._sizes[1]

    def _apply_settings(self, key: str) -> None:
        values = self.settings.values
        if not key or key.startswith("appearance."):
            look = values.appearance
            self._theme.configure(
                mode=look.theme,
                text_size=look.text_size,
                column_width=look.column_width,
                reduced_motion=look.reduced_motion,
            )
        if not key or key.startswith("composer."):
            self._window.composer.set_enter_sends(values.composer.enter_sends)

    def _close_window(self) -> None:
        # As it is now: a window that is hidden tells another geometry on some systems.
        self._layout = self._window.save_layout().decode("ascii")
        self.closing.emit()

    def _state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            self._look_for_changes()

    def _settings_now(self) -> Settings:
        # The command line may have changed them; finding out that it has not costs one stat().
        self.settings.reload_if_changed()
        return self.settings.values

    def _look_for_changes(self) -> None:
        self.settings.reload_if_changed()
        self.attempt(self.conversations.look_for_changes)

    def _watch(self) -> None:
        began = time.monotonic()
        try:
            self.conversations.look_for_changes()
        except StoreError as error:  # what the person does next tells, if it lasts
            _log.info("Changes could not be looked for: %s", error.detail)
        took = round((time.monotonic() - began) * 1000)
        self._watching.setInterval(max(WATCH_MS, took * WATCH_SHARE))

    def _keep_ticking(self) -> None:
        if self.streaming():
            if not self._ticking.isActive():
                self._ticking.start()
        else:
            self._ticking.stop()

    def _tick(self) -> None:
        self.session.tick()
        self._keep_ticking()
