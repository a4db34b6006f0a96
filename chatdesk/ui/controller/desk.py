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
from chatdesk.library import Library
from chatdesk.paths import DataDir
from chatdesk.providers.llama import LlamaEngine, ModelState
from chatdesk.providers.profiles import Accounts, Profile, provider_of
from chatdesk.session import Consents, Gatekeeper, Session, Whereabouts
from chatdesk.settings import Settings, SettingsFile
from chatdesk.store import Store
from chatdesk.ui.controller.answering import Answering, ProviderGone, same_file
from chatdesk.ui.controller.catalogue import Catalogue, Servers
from chatdesk.ui.controller.choosing import Choosing
from chatdesk.ui.controller.commands import Commands
from chatdesk.ui.controller.conversations import Conversations
from chatdesk.ui.controller.key_troubles import KeyTroubles
from chatdesk.ui.controller.locals import Locals
from chatdesk.ui.controller.marks import Marks
from chatdesk.ui.controller.models import Models
from chatdesk.ui.controller.reading import Reading
from chatdesk.ui.controller.tasks import Tasks
from chatdesk.ui.controller.writing import Writing
from chatdesk.ui.launch import bring_forward
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
        accounts: Accounts,
        servers: Servers,
    ) -> None:
        """provider: of all replies. accounts, servers: the remote providers, and what asks them."""
        super().__init__(window)
        self._window = window
        self._theme = theme
        self.settings = settings
        self._store = store
        profiles = self._profiles = accounts.profiles
        consents = Consents(store.state)
        whereabouts = Whereabouts(store.state)
        self.tasks = Tasks(self.show_error)
        self._key_troubles = KeyTroubles(window.toasts, lambda provider: self._mend(provider, True))
        self.session = Session(
            store,
            Gatekeeper(provider, profiles, consents, whereabouts, self._key_troubles.reply_failed),
            self._settings_now,
            self,
            model_for_new=lambda: self.answering.model_for_new(),
            remote=lambda reference: self.answering.remote_name(reference),
        )
        self.locals = Locals(library, lambda: settings.values.model.default, self.tasks, self)
        self.answering = Answering(
            self.session, store, settings, profiles, consents, self.locals, self.attempt, self
        )
        self.catalogue = Catalogue(
            library, profiles, servers, settings, store.state, self.tasks, self
        )
        self._marks = Marks(window)
        self.reading = Reading(
            self.session,
            store.state,
            whereabouts,
            transcript,
            window.toasts,
            self.show_error,
            self.answering.when_allowed,
            self,
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
            self.session,
            store,
            window.composer,
            self.conversations.open,
            self.show_error,
            self.answering.when_allowed,
            self.answering.conversation_made,
            self,
        )
        self.models = Models(
            engine, library, settings, self.tasks, window.toasts, self.show_error, self
        )
        self.choosing = Choosing(
            self.answering,
            self.catalogue,
            self.models,
            settings,
            profiles,
            window.toasts,
            self.attempt,
            self,
        )
        self.commands = Commands(
            self, window, theme, data, settings, store, library, accounts, servers
        )
        self._layout = ""
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
        """Tell the person of an expected error, with what mends it where there is such a thing."""
        toasts = self._window.toasts
        if isinstance(error, ProviderGone):
            toasts.show_message(
                error.in_window, "Choose a model", self.commands.show_picker, "error", undoes=False
            )
        else:
            toasts.show_message(error.in_window, kind="error")

    def key_given(self, profile: Profile) -> None:
        """A provider has another key: what was wrong with the old one is no longer so."""
        self._key_troubles.mended(profile)

    def provider_removed(self, profile: Profile) -> None:
        """New chats begin locally again if they began with it: a provider that is added later
        under the same name was not chosen for them.
        """
        self.key_given(profile)  # nor is anything wrong with its key
        default = self.settings.values.model.default
        named = provider_of(default).casefold() in (profile.name.casefold(), profile.id)
        if named and self.attempt(lambda: self.settings.reset("model.default")):
            self._window.toasts.show_message("New chats use the model on this computer again")

    def flush(self) -> None:
        """Save what is only on the screen: the system is about to end the session."""
        self.writing.flush()
        self.session.save()

    def activate(self, files: list[str], token: str = "") -> None:
        """Another start asks for the window, perhaps with model files to open.

        token: as in launch.bring_forward().
        """
        bring_forward(self._window, token)
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
        self.choosing.close()
        self.answering.close()
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
        self.answering.conversation_changed(conversation)
        self.writing.refresh()
        self._keep_ticking()

    def message_added(self, message: Message) -> None:
        self._show_welcome()
        self.reading.message_added(message)
        self._key_troubles.tried_again()
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
        self.conversations.reloaded.connect(self.answering.refresh)
        self.reading.edit_requested.connect(self.writing.edit)
        self.reading.mend_requested.connect(self._mend)
        self.reading.filling_changed.connect(self._show_filling)
        self.models.changed.connect(self._model_changed)
        self.models.chosen.connect(self._model_chosen)
        self.models.worked.connect(self.answering.local_worked)
        self.models.refused.connect(self.answering.local_refused)
        self.answering.changed.connect(self._show_answerer)
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
        self.answering.show(conversation_id, keep=self.writing.new_begun)
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
        answerer, header = self.answering.answerer, self._window.header
        remote = answerer.remote
        if remote is not None:
            window = self.catalogue.context_size(remote.profile, remote.model)
        else:
            state = self.models.state
            here = same_file(answerer.local, state.path)
            window = state.context_window if here else None
        filling = self.reading.filling()
        if filling is None:
            header.set_context(0, window, 0)
            return
        # What was counted for a model here is only an estimate for one elsewhere, and its window is
        # not theirs.
        same = filling.remote == (remote is not None)
        header.set_context(
            filling.used,
            (filling.window if same else None) or window,
            filling.left_out if same else 0,
            estimated=filling.estimated or not same,
            remote=remote is not None,
        )

    def _show_answerer(self) -> None:
        self._marks.show(self.answering.answerer, self.models.state)
        self._show_filling()

    def _model_changed(self, state: ModelState) -> None:
        self.answering.look_at_files()
        if state.kind == "loading":
            self.reading.model_loading(state.name, state.fraction)
        self._show_answerer()

    def _model_chosen(self, reference: str | None) -> None:
        self.attempt(lambda: self.answering.local_chosen(reference))

    def _mend(self, profile_id: str, key: bool) -> None:
        self.commands.show_providers(profile_id, key=key)

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
        if not key or key.startswith("model."):
            self.locals.forget()
            self.answering.refresh()

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
        self._profiles.reload_if_changed()
        self.attempt(self.conversations.look_for_changes)

    def _watch(self) -> None:
        began = time.monotonic()
        try:
            self._profiles.reload_if_changed()
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
