"""Who shows a session: what the session tells, in the order in which it happens."""

from __future__ import annotations

from typing import Protocol

from chatdesk.chat.events import Event
from chatdesk.chat.messages import Conversation, Message
from chatdesk.errors import StoreError


class Listener(Protocol):
    """Who shows the session. Called on the session's thread; must not call back into it."""

    def conversation_changed(self, conversation: Conversation) -> None:
        """Title, time, settings, active leaf or deletion changed (or it is new)."""

    def message_added(self, message: Message) -> None:
        """A message stands at the end of the active path."""

    def reply_event(self, message_id: str, event: Event) -> None:
        """Something happened to a reply being written (any event but the last)."""

    def message_finished(self, message: Message) -> None:
        """A reply has its final status."""

    def path_changed(self, conversation_id: str) -> None:
        """Another path of the tree is active."""

    def trouble(self, error: StoreError) -> None:
        """Saving failed; nothing is lost yet and saving is tried again."""


class Silent:
    """A listener that shows nothing."""

    def conversation_changed(self, conversation: Conversation) -> None: ...
    def message_added(self, message: Message) -> None: ...
    def reply_event(self, message_id: str, event: Event) -> None: ...
    def message_finished(self, message: Message) -> None: ...
    def path_changed(self, conversation_id: str) -> None: ...
    def trouble(self, error: StoreError) -> None: ...
