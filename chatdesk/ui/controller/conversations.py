"""The conversation list: which one is open, new ones, names, the trash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from chatdesk.chat.messages import Conversation
from chatdesk.errors import ChatdeskError, NotFound
from chatdesk.session import Session
from chatdesk.store import Store
from chatdesk.ui.header import Header
from chatdesk.ui.sidebar import Sidebar
from chatdesk.ui.toast import Toasts

SELECTED = "selected"  # the conversation that was open last
NEW = "New chat"  # what a conversation without a title is called


class Conversations(QObject):
    """opened(id or None) says which conversation the rest of the window is to show.

    rewritten: another process changed messages of the open one. reloaded: another process wrote
    something.
    """

    opened = Signal(object)
    rewritten = Signal()
    reloaded = Signal()

    def __init__(
        self,
        session: Session,
        store: Store,
        sidebar: Sidebar,
        header: Header,
        toasts: Toasts,
        show_error: Callable[[ChatdeskError], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._store = store
        self._sidebar = sidebar
        self._header = header
        self._toasts = toasts
        self._show_error = show_error
        self._current: str | None = None
        self._trash = False
        self._deleted = False  # the open one is known to be in the trash
        self._version = store.data_version()
        sidebar.new_requested.connect(self.new)
        sidebar.selected.connect(self.open)
        sidebar.renamed.connect(self.rename)
        sidebar.delete_requested.connect(self.delete)
        sidebar.restore_requested.connect(self.restore)
        sidebar.trash_toggled.connect(self.show_trash)
        header.renamed.connect(self.rename_current)

    @property
    def current(self) -> str | None:
        """The id of the open conversation; None: a new one that is not saved yet."""
        return self._current

    def start(self) -> None:
        """Fill the list and open what was open last."""
        self._try(self.reload)
        last = self._store.state.get(SELECTED, None)
        try:
            known = last is not None and self._store.conversations.get(last).deleted_at is None
        except NotFound:
            known = False
        if not (known and self.open(last)):
            self.open(None)

    def reload(self) -> None:
        """Read the list (or the trash) from the database."""
        self._sidebar.set_conversations(self._store.conversations.list(deleted=self._trash))
        self._sidebar.set_streaming(self._session.streaming_conversations())
        self._sidebar.set_current(self._current)

    def look_for_changes(self) -> bool:
        """Another process (the command line) may have written, or died: show what there is.

        Returns whether anything was read. Raises StoreError. What the person is writing stays.
        """
        current = self._current
        waits = current is not None and self._session.written_elsewhere(current)
        version = self._store.data_version()
        if version == self._version and not waits:
            return False
        ended = self._store.recover()
        if version == self._version and not ended:
            return False
        self._version = version
        self.reload()
        if current is not None:
            self._look_at(current)
        self.reloaded.emit()
        return True

    def new(self) -> None:
        """An empty chat; it is saved with its first message."""
        self._leave_trash()
        self.open(None)

    def open(self, conversation_id: str | None) -> bool:
        """Show a conversation. Replies being written elsewhere go on.

        One that cannot be read is told and not opened (False): the window is never half of one
        and half of another.
        """
        title, deleted = "", False
        if conversation_id is not None:
            try:
                conversation = self._store.conversations.get(conversation_id)
                self._session.tree(conversation_id)
            except ChatdeskError as error:
                self._show_error(error)
                self._sidebar.set_current(self._current)
                return False
            title, deleted = conversation.title, conversation.deleted_at is not None
        self._current, self._deleted = conversation_id, deleted
        self._sidebar.set_current(conversation_id)
        self._header.set_title(title or NEW)
        self._header.set_renamable(conversation_id is not None)
        self.opened.emit(conversation_id)
        self._try(lambda: self._store.state.set(SELECTED, conversation_id))
        return True

    def step(self, by: int) -> None:
        """Open the next (1) or previous (-1) conversation of the list."""
        if found := self._sidebar.neighbour(self._current, by):
            self.open(found)

    def rename(self, conversation_id: str, title: str) -> None:
        self._try(lambda: self._session.rename(conversation_id, title))

    def rename_current(self, title: str) -> None:
        if self._current is not None:
            self.rename(self._current, title)

    def delete(self, ids: Sequence[str]) -> None:
        """Move conversations to the trash; the toast offers to undo it."""
        chosen = list(ids)
        # In the trash no other one is opened in its place.
        beside = self._sidebar.neighbour if not self._trash else lambda *_: ""
        left = beside(self._current, 1, set(chosen)) or beside(self._current, -1, set(chosen))
        if not chosen or not self._try(lambda: self._session.delete(chosen)):
            return
        if self._current in chosen:
            self.open(left or None)
        one = len(chosen) == 1
        self._toasts.show_message(
            "Conversation moved to the trash" if one else f"{len(chosen):,} conversations moved",
            "Undo",
            lambda: self.restore(chosen),
        )

    def delete_current(self) -> None:
        if self._current is not None:
            self.delete([self._current])

    def restore(self, ids: Sequence[str]) -> None:
        """Take conversations out of the trash and open the first."""
        chosen = list(ids)
        if chosen and self._try(lambda: self._session.restore(chosen)):
            self._leave_trash()
            self.open(chosen[0])

    def show_trash(self, shown: bool) -> None:
        self._trash = shown
        self._try(self.reload)

    def toggle_trash(self) -> None:
        """Go to the trash, or back from it."""
        self._sidebar.set_trash(not self._trash)
        self.show_trash(not self._trash)

    # -- what the session tells ---------------------------------------------------------------

    def conversation_changed(self, conversation: Conversation) -> None:
        if (conversation.deleted_at is not None) == self._trash:
            self._sidebar.update_conversation(conversation)
        else:
            self._sidebar.remove([conversation.id])
        self._sidebar.set_streaming(self._session.streaming_conversations())
        if conversation.id == self._current:
            self._deleted = conversation.deleted_at is not None
            self._sidebar.set_current(conversation.id)
            self._header.set_title(conversation.title or NEW)

    # -- inner --------------------------------------------------------------------------------

    def _look_at(self, current: str) -> None:
        """The open conversation may be another than it was."""
        try:
            conversation = self._store.conversations.get(current)
        except NotFound:
            self._toasts.show_message("This conversation was deleted by another Chatdesk.")
            self.open(None)
            return
        self._header.set_title(conversation.title or NEW)
        if conversation.deleted_at is not None and not self._deleted:
            # It stays open: somebody may be writing in it, and a message takes it out again.
            self._toasts.show_message(
                "Another Chatdesk moved this conversation to the trash",
                "Restore",
                lambda: self.restore([current]),
            )
        self._deleted = conversation.deleted_at is not None
        if self._session.look_again(current):
            self._session.tree(current)  # raises before anything is shown
            self.rewritten.emit()

    def _leave_trash(self) -> None:
        if self._trash:
            self._trash = False
            self._sidebar.set_trash(False)
            self._try(self.reload)

    def _try(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except ChatdeskError as error:
            self._show_error(error)
            return False
        return True
