"""The transcript of the open conversation: what it shows and what its messages can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from chatdesk.chat.events import Delta, Event, Notice, PromptProgress, Started, Waiting
from chatdesk.chat.messages import Message, Role, Status
from chatdesk.chat.waiting import waiting_words
from chatdesk.errors import ChatdeskError, StoreError
from chatdesk.session import Removed, Session, Whereabouts
from chatdesk.store import State
from chatdesk.ui.controller.contexts import Contexts, Filling
from chatdesk.ui.controller.entries import Entries
from chatdesk.ui.toast import Toasts
from chatdesk.ui.transcript import TranscriptView

# Of messages whose marks changed, how many are told one by one.
FEW = 50


class Reading(QObject):
    """Shows one conversation at a time; keeps what is known of the replies being written.

    edit_requested(message id, text): the person wants to change an earlier message.
    mend_requested(provider id, whether it is its key): the person wants to mend what ended a reply.
    filling_changed: the context meter has something new to show.
    """

    edit_requested = Signal(str, str)
    mend_requested = Signal(str, bool)
    filling_changed = Signal()

    def __init__(
        self,
        session: Session,
        state: State,
        whereabouts: Whereabouts,
        transcript: TranscriptView,
        toasts: Toasts,
        show_error: Callable[[ChatdeskError], None],
        when_allowed: Callable[[Callable[[], object]], None],
        parent: QObject | None = None,
    ) -> None:
        """when_allowed: does what sends the conversation, once it may be sent."""
        super().__init__(parent)
        self._session = session
        self._when_allowed = when_allowed
        self._transcript = transcript
        self._toasts = toasts
        self._show_error = show_error
        self._conversation: str | None = None
        self._activity: dict[str, tuple[str, float | None]] = {}
        self._attempts: dict[str, float] = {}  # seconds to the next one, of replies that wait
        self._noticed: set[str] = set()
        self._contexts = Contexts(state)
        self._entries = Entries(session.remedy, whereabouts.here_since)
        self._loading: tuple[str, float | None] = ("Loading the model", None)
        transcript.action_requested.connect(self.try_act)
        transcript.link_activated.connect(self._open_link)

    @property
    def conversation(self) -> str | None:
        """The id of the conversation that is shown."""
        return self._conversation

    def show(self, conversation_id: str | None) -> None:
        """Show another conversation; None: nothing."""
        self._conversation = conversation_id
        self.refresh()

    def refresh(self) -> None:
        """Show the active path anew."""
        if self._conversation is None:
            self._transcript.set_entries([])
        else:
            tree = self._session.tree(self._conversation)
            left_out = self._contexts.left_out(self._conversation, tree)
            path = [
                self._session.so_far(m) if m.status is Status.STREAMING else m for m in tree.path()
            ]
            self._transcript.set_entries(self._entries.all_of(path, tree, left_out))
            if path and path[-1].id in self._activity:
                self._transcript.set_activity(path[-1].id, *self._activity[path[-1].id])
        self.filling_changed.emit()

    def filling(self) -> Filling | None:
        """How full the open conversation's context is; None before its first reply."""
        conversation = self._conversation
        if conversation is None:
            return None
        return self._contexts.filling(conversation, self._session.tree(conversation))

    # -- what the session tells ---------------------------------------------------------------

    def message_added(self, message: Message) -> None:
        if message.conversation_id == self._conversation:
            tree = self._session.tree(message.conversation_id)
            self._transcript.append_entry(self._entries.of(self._session.so_far(message), tree))
            if message.role is Role.USER:
                self._transcript.scroll_to_end()

    def path_changed(self, conversation_id: str) -> None:
        if conversation_id == self._conversation:
            self.refresh()

    def reply_event(self, message: Message, event: Event) -> None:
        """message is the reply's row as the tree has it."""
        conversation, reply = message.conversation_id, message.id
        if isinstance(event, Delta):
            if self._activity.pop(reply, None) is not None and conversation == self._conversation:
                self._transcript.set_activity(reply, "", None)
            if conversation == self._conversation:
                self._transcript.append_text(reply, event.kind, event.text)
        elif isinstance(event, Waiting):
            self._waiting(message, event)
        elif isinstance(event, PromptProgress):
            fraction = event.done / event.total if event.total else None
            self._set_activity(message, "Reading the conversation", fraction)
        elif isinstance(event, Started):
            self._set_activity(message, "Thinking", None)
            self._started(message, event)
        elif isinstance(event, Notice) and event.text not in self._noticed:
            self._noticed.add(event.text)
            self._toasts.show_message(event.text)

    def message_finished(self, message: Message) -> None:
        self._activity.pop(message.id, None)
        self._attempts.pop(message.id, None)
        self._contexts.finished(message)
        if message.conversation_id == self._conversation:
            tree = self._session.tree(message.conversation_id)
            self._transcript.set_activity(message.id, "", None)  # ignored if it is not shown
            self._transcript.update_entry(self._entries.of(message, tree))
            self.filling_changed.emit()

    def model_loading(self, name: str, fraction: float | None) -> None:
        """The model is being loaded; replies that wait for it show how far it is."""
        before, self._loading = self._loading, (f"Loading {name}", fraction)
        for reply, activity in list(self._activity.items()):
            if activity == before:
                self._activity[reply] = self._loading
                if self._is_shown(reply):
                    self._transcript.set_activity(reply, *self._loading)

    # -- what the person does -----------------------------------------------------------------

    def act(self, message_id: str, action: str) -> None:
        """Do one of the message actions with a message of the open conversation."""
        conversation = self._conversation
        if conversation is None:
            return
        session = self._session
        message = session.tree(conversation).get(message_id)
        if action == "copy":
            QGuiApplication.clipboard().setText(session.so_far(message).content)
            self._toasts.show_message("Copied")
        elif action == "edit":
            self.edit_requested.emit(message_id, message.content)
        elif action in ("regenerate", "retry"):
            self._when_allowed(lambda: session.regenerate(conversation, message_id))
        elif action == "continue":
            self._when_allowed(lambda: session.continue_reply(conversation, message_id))
        elif action in ("previous", "next"):
            session.select_variant(conversation, message_id, 1 if action == "next" else -1)
        elif action in ("key", "provider"):
            remedy = session.remedy(message_id)
            if remedy is not None:
                self.mend_requested.emit(remedy.provider, remedy.key)
        elif action == "delete":
            self._offer_undo(session.delete_branch(conversation, message_id))

    def try_act(self, message_id: str, action: str) -> None:
        """act(), with what cannot be done told to the person."""
        try:
            self.act(message_id, action)
        except ChatdeskError as error:
            self._show_error(error)

    def last_message(self) -> Message | None:
        """The end of the shown path."""
        return next(self._upwards(), None)

    def last_reply(self) -> Message | None:
        """The newest reply on the shown path."""
        return next((m for m in self._upwards() if m.role is Role.ASSISTANT), None)

    # -- inner --------------------------------------------------------------------------------

    def _upwards(self) -> Iterator[Message]:
        if self._conversation is None:
            return iter(())
        return self._session.tree(self._conversation).upwards()

    def _waiting(self, message: Message, event: Waiting) -> None:
        words = waiting_words(event)
        self._set_activity(
            message, *(self._loading if event.reason == "loading" else (words, None))
        )
        if event.reason != "retrying":
            return
        # Each wait is read out once, and not at every second of it.
        before, seconds = self._attempts.get(message.id, 0.0), event.seconds or 0.0
        self._attempts[message.id] = seconds
        if seconds > before and message.conversation_id == self._conversation:
            self._transcript.say(words)

    def _started(self, message: Message, event: Started) -> None:
        conversation = message.conversation_id
        tree = self._session.tree(conversation)
        try:
            changed = self._contexts.started(conversation, tree, event)
        except StoreError as error:
            self._show_error(error)
            changed = frozenset(m.id for m in tree)
        if conversation != self._conversation:
            return
        if len(changed) > FEW:
            self.refresh()
            return
        left_out = self._contexts.left_out(conversation, tree)
        for one in (*(tree.get(found) for found in changed if found in tree), message):
            entry = self._entries.of(self._session.so_far(one), tree, one.id in left_out)
            self._transcript.update_entry(entry)
        self.filling_changed.emit()

    def _offer_undo(self, removed: Removed) -> None:
        count = len(removed.messages)

        def undo() -> None:
            try:
                self._session.restore_branch(removed)
            except ChatdeskError as error:
                self._show_error(error)
                self._offer_undo(removed)

        text = "Message deleted" if count == 1 else f"{count:,} messages deleted"
        self._toasts.show_message(text, "Undo", undo)

    def _set_activity(self, message: Message, text: str, fraction: float | None) -> None:
        self._activity[message.id] = (text, fraction)
        if message.conversation_id == self._conversation:
            self._transcript.set_activity(message.id, text, fraction)

    def _is_shown(self, message_id: str) -> bool:
        return (
            self._conversation is not None
            and self._session.streaming(self._conversation) == message_id
        )

    def _open_link(self, url: str) -> None:
        QDesktopServices.openUrl(QUrl(url))
