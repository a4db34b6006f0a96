"""The composer: sending, editing an earlier message, stopping, and drafts that outlive a crash."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from chatdesk.chat.messages import Conversation, Role
from chatdesk.chat.tree import last_of
from chatdesk.errors import ChatdeskError, NotFound
from chatdesk.session import Session
from chatdesk.store import Store
from chatdesk.ui.composer import Composer

NEW_DRAFT = "draft.new"  # the draft of a conversation that does not exist yet
EDITS = "draft.edits"  # messages being edited: {conversation: [message, text]}


class Writing(QObject):
    """One draft for each conversation and one for the next new one; the same for edits.

    What cannot be saved stays in memory and is saved with the next that can.
    """

    def __init__(
        self,
        session: Session,
        store: Store,
        composer: Composer,
        open_conversation: Callable[[str], object],
        show_error: Callable[[ChatdeskError], None],
        when_allowed: Callable[[Callable[[], object]], None],
        made: Callable[[Conversation], object],
        parent: QObject | None = None,
    ) -> None:
        """when_allowed: does what sends the conversation, once it may be sent. made: is told of a
        new conversation before it is opened.
        """
        super().__init__(parent)
        self._when_allowed = when_allowed
        self._made = made
        self._session = session
        self._store = store
        self._composer = composer
        self._open = open_conversation
        self._show_error = show_error
        self._conversation: str | None = None
        self._editing: str | None = None  # the message that is being edited
        self._unsaved: dict[str | None, str] = {}  # drafts by conversation
        self._edits: dict[str, list[str]] | None = None
        composer.submitted.connect(self._submit)
        composer.stop_requested.connect(self.stop)
        composer.draft_changed.connect(self._keep_draft)
        composer.edit_changed.connect(self._keep_edit)
        composer.edit_last_requested.connect(self.edit_last)
        composer.edit_cancelled.connect(self._leave_edit)

    @property
    def new_begun(self) -> bool:
        """Whether something stands in the draft of the conversation that does not exist yet."""
        known = self._unsaved.get(None)
        return bool(self._store.state.get(NEW_DRAFT, "") if known is None else known)

    def show(self, conversation_id: str | None) -> None:
        """Take the draft of another conversation; the one shown before is saved."""
        self.flush()
        if self._editing is not None:
            self._editing = None
            self._composer.end_edit()
        self._conversation = conversation_id
        try:
            self._composer.set_draft(self._draft())
            self._resume_edit()
        except ChatdeskError as error:
            self._show_error(error)
        self.refresh()

    def refresh(self) -> None:
        """Show send or stop, as the conversation's state is."""
        streaming = (
            self._conversation is not None
            and self._session.streaming(self._conversation) is not None
        )
        self._composer.set_streaming(streaming)

    def flush(self) -> None:
        """Save what stands in the composer now."""
        self._composer.flush_draft()
        self._save_drafts()

    def conversation(self) -> str:
        """The open conversation; where none is saved yet a new one, which takes the draft along.

        Raises StoreError.
        """
        if self._conversation is not None:
            return self._conversation
        self.flush()
        draft = self._draft()
        new = self._session.new_conversation()
        conversation = new.id
        self._made(new)
        # In both places for a moment: at no time in none.
        self._store.conversations.set_draft(conversation, draft)
        self._open(conversation)
        self._unsaved[None] = ""
        self._save_drafts()
        return conversation

    def send(self, text: str) -> None:
        """Send a text as if it had been typed (a suggestion), without touching the draft."""
        try:
            self._when_allowed(lambda: self._send(text))
        except ChatdeskError as error:
            self._show_error(error)

    def stop(self) -> None:
        """Stop the reply of the open conversation."""
        if self._conversation is not None:
            self._session.stop(self._conversation)

    def edit(self, message_id: str, text: str) -> None:
        """Put an earlier message into the composer; sending it starts a new branch."""
        self.flush()
        if self._editing != message_id:
            self._forget_edit()
            self._editing = message_id
            self._composer.begin_edit(text)
        self._composer.focus()

    def edit_last(self) -> None:
        """Edit the person's newest message on the shown path."""
        if self._conversation is None:
            return
        try:
            path = self._session.tree(self._conversation).path()
        except ChatdeskError as error:
            self._show_error(error)
            return
        message = last_of(path, Role.USER)
        if message is not None:
            self.edit(message.id, message.content)

    # -- sending ------------------------------------------------------------------------------

    def _submit(self, text: str) -> None:
        # The text stays where it is until it is saved as a message.
        try:
            self._when_allowed(lambda: self._submit_now(text))
        except ChatdeskError as error:
            self._show_error(error)

    def _submit_now(self, text: str) -> None:
        editing = self._editing
        try:
            if editing is not None and self._conversation is not None:
                self._session.edit(self._conversation, editing, text)
            else:
                self._send(text)
        except ChatdeskError as error:
            if editing is None:
                self._composer.set_draft(text)
                self._keep_draft(text)
            self._show_error(error)
            return
        if editing is not None:
            self._leave_edit()
        else:
            self._composer.set_draft("")
            self._keep_draft("")

    def _send(self, text: str) -> None:
        if text.strip():
            self._session.send(self.conversation(), text)

    # -- drafts -------------------------------------------------------------------------------

    def _draft(self) -> str:
        conversation = self._conversation
        if conversation in self._unsaved:
            return self._unsaved[conversation]
        if conversation is None:
            return str(self._store.state.get(NEW_DRAFT, ""))
        return self._store.conversations.get(conversation).draft

    def _keep_draft(self, text: str) -> None:
        self._unsaved[self._conversation] = text
        self._save_drafts()

    def _save_drafts(self) -> None:
        try:
            for conversation, text in list(self._unsaved.items()):
                self._save_draft(conversation, text)
                del self._unsaved[conversation]
        except ChatdeskError as error:
            self._show_error(error)

    def _save_draft(self, conversation: str | None, text: str) -> None:
        if conversation is None:
            self._store.state.set(NEW_DRAFT, text)
            return
        try:
            self._store.conversations.set_draft(conversation, text)
        except NotFound:
            # Deleted for good by another process: the words are kept for the next new one.
            if text.strip() and not self._store.state.get(NEW_DRAFT, ""):
                self._store.state.set(NEW_DRAFT, text)

    # -- edits --------------------------------------------------------------------------------

    def _resume_edit(self) -> None:
        """Go on with the edit that was left when another conversation was opened, or by a crash."""
        if self._edits is None:
            self._edits = dict(self._store.state.get(EDITS, {}))
        conversation = self._conversation
        if conversation is not None and conversation in self._edits:
            message, text = self._edits[conversation]
            if message in self._session.tree(conversation):
                self._editing = message
                self._composer.begin_edit(text)

    def _leave_edit(self) -> None:
        self._forget_edit()
        self._editing = None
        self._composer.end_edit()

    def _keep_edit(self, text: str) -> None:
        if self._editing is not None and self._conversation is not None:
            self._save_edits({**(self._edits or {}), self._conversation: [self._editing, text]})

    def _forget_edit(self) -> None:
        if self._edits and self._conversation in self._edits:
            self._save_edits({k: v for k, v in self._edits.items() if k != self._conversation})

    def _save_edits(self, edits: dict[str, list[str]]) -> None:
        self._edits = edits
        try:
            self._store.state.set(EDITS, edits)
        except ChatdeskError as error:
            self._show_error(error)
