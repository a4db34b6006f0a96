"""The composer: sending, editing an earlier message, stopping, and drafts that outlive a crash."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from chatdesk.chat.messages import Role
from chatdesk.chat.tree import last_of
from chatdesk.errors import Busy, ChatdeskError
from chatdesk.session import Session
from chatdesk.store import Store
from chatdesk.ui.composer import Composer

NEW_DRAFT = "draft.new"  # the draft of a conversation that does not exist yet


class Writing(QObject):
    """One draft for each conversation and one for the next new one."""

    def __init__(
        self,
        session: Session,
        store: Store,
        composer: Composer,
        open_conversation: Callable[[str], None],
        show_error: Callable[[ChatdeskError], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._store = store
        self._composer = composer
        self._open = open_conversation
        self._show_error = show_error
        self._conversation: str | None = None
        self._editing: str | None = None  # the message that is being edited
        composer.submitted.connect(self._submit)
        composer.stop_requested.connect(self.stop)
        composer.draft_changed.connect(self._keep_draft)
        composer.edit_last_requested.connect(self.edit_last)
        composer.edit_cancelled.connect(self._leave_edit)

    def show(self, conversation_id: str | None) -> None:
        """Take the draft of another conversation; the one shown before is saved."""
        self.flush()
        if self._editing is not None:
            self._editing = None
            self._composer.end_edit()
        self._conversation = conversation_id
        self._composer.set_draft(self._draft())
        self.refresh()

    def refresh(self) -> None:
        """Show send or stop, as the conversation's state is."""
        streaming = (
            self._conversation is not None
            and self._session.streaming(self._conversation) is not None
        )
        self._composer.set_streaming(streaming)

    def flush(self) -> None:
        """Save the draft now."""
        self._composer.flush_draft()

    def send(self, text: str) -> None:
        """Send a text as if it had been typed (a suggestion), without touching the draft."""
        try:
            self._send(text)
        except ChatdeskError as error:
            self._show_error(error)

    def stop(self) -> None:
        """Stop the reply of the open conversation."""
        if self._conversation is not None:
            self._session.stop(self._conversation)

    def edit(self, message_id: str, text: str) -> None:
        """Put an earlier message into the composer; sending it starts a new branch."""
        self.flush()
        self._editing = message_id
        self._composer.begin_edit(text)

    def edit_last(self) -> None:
        """Edit the person's newest message on the shown path."""
        if self._conversation is None:
            return
        message = last_of(self._session.tree(self._conversation).path(), Role.USER)
        if message is not None:
            self.edit(message.id, message.content)

    # -- inner --------------------------------------------------------------------------------

    def _submit(self, text: str) -> None:
        editing = self._editing
        try:
            if editing is not None and self._conversation is not None:
                if self._session.streaming(self._conversation) is not None:
                    raise Busy("A reply is still being written.", "Stop it, then send your edit.")
                self._editing = None
                self._composer.end_edit()
                self._session.edit(self._conversation, editing, text)
            else:
                # The draft goes before the message is saved, not after: where saving fails the
                # text comes back into the composer below.
                self._composer.set_draft("")
                self._send(text)
                self._save_draft("")
        except ChatdeskError as error:
            if editing is not None:
                self._editing = editing
                self._composer.begin_edit(text)
            else:
                self._composer.set_draft(text)
                self._keep_draft(text)
            self._show_error(error)

    def _send(self, text: str) -> None:
        conversation = self._conversation
        if conversation is None:
            if not text.strip():
                return
            conversation = self._session.new_conversation().id
            self._store.state.set(NEW_DRAFT, "")
            self._open(conversation)
        self._session.send(conversation, text)

    def _leave_edit(self) -> None:
        self._editing = None
        self._composer.end_edit()
        self._composer.set_draft(self._draft())

    def _draft(self) -> str:
        if self._conversation is None:
            return str(self._store.state.get(NEW_DRAFT, ""))
        return self._store.conversations.get(self._conversation).draft

    def _keep_draft(self, text: str) -> None:
        if self._editing is not None:
            return  # the draft that the edit interrupted stays as it is
        try:
            self._save_draft(text)
        except ChatdeskError as error:
            self._show_error(error)

    def _save_draft(self, text: str) -> None:
        if self._conversation is None:
            self._store.state.set(NEW_DRAFT, text)
        else:
            self._store.conversations.set_draft(self._conversation, text)
