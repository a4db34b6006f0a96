"""The replies being written: starting their runs, saving them as they grow, ending them.

However a run ends - finished, stopped, failed, silent, the window closed - its reply gets exactly
one final status, and what was delivered is saved. Events of a run that is over are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started
from chatdesk.chat.messages import Message, Status, new_id
from chatdesk.chat.provider import Provider, Request
from chatdesk.errors import (
    ChatdeskError,
    NotFound,
    Remedy,
    ReplyInterrupted,
    StoreError,
    UsageError,
)
from chatdesk.session.growing import STOP_PATIENCE, GrowingReply
from chatdesk.session.listener import Listener
from chatdesk.store import Messages

_log = logging.getLogger(__name__)


class Replies:
    """Belongs to the session's thread; providers deliver on it."""

    def __init__(
        self,
        messages: Messages,
        provider: Provider,
        listener: Listener,
        saved: Callable[[Message], None],
        monotonic: Callable[[], float],
    ) -> None:
        """saved is called with each reply once its final row is in the database."""
        self._messages = messages
        self._provider = provider
        self._listener = listener
        self._saved = saved
        self._monotonic = monotonic
        self._growing: dict[str, GrowingReply] = {}  # by message id
        self._by_conversation: dict[str, str] = {}
        self._remedies: dict[str, Remedy] = {}  # by message id

    def streaming(self, conversation_id: str) -> str | None:
        """The id of the reply being written in a conversation."""
        return self._by_conversation.get(conversation_id)

    def conversations(self) -> set[str]:
        """The ids of all conversations in which a reply is being written."""
        return set(self._by_conversation)

    def so_far(self, message: Message) -> Message:
        """The message with the text that has arrived until now."""
        reply = self._growing.get(message.id)
        return reply.as_message() if reply else message

    def growing(self, message_id: str) -> Message | None:
        """The row, as it began, of a reply being written; None for any other id."""
        reply = self._growing.get(message_id)
        return reply.message if reply else None

    def remedy(self, message_id: str) -> Remedy | None:
        """Where that is mended which ended a reply of this run of Chatdesk, where that is known."""
        return self._remedies.get(message_id)

    def begin(self, message: Message) -> None:
        """Take a reply whose streaming row is saved; start() gives it a run."""
        self._growing[message.id] = GrowingReply(message, self._monotonic())
        self._by_conversation[message.conversation_id] = message.id

    def start(self, message_id: str, request: Request) -> None:
        """Start the run. A provider may deliver before it returns, even the last event.

        One that refuses to start makes a failed reply, which can be tried again.
        """
        reply = self._growing[message_id]
        try:
            run = self._provider.start(request, partial(self._deliver, message_id))
        except ChatdeskError as error:
            self._deliver(message_id, Failed(error))
            return
        reply.run = run
        if reply.stop_by is not None:
            run.cancel()

    def stop(self, conversation_id: str) -> bool:
        """Ask the run to stop; the reply ends when it confirms or STOP_PATIENCE is over."""
        message_id = self.streaming(conversation_id)
        if message_id is None:
            return False
        reply = self._growing[message_id]
        if reply.stop_by is None:
            reply.stop_by = self._monotonic() + STOP_PATIENCE
            if reply.run is not None:
                reply.run.cancel()
        return True

    def end_now(self, conversation_id: str, status: Status = Status.STOPPED) -> None:
        """End the reply of a conversation without waiting for its run.

        Raises StoreError where its text cannot be saved now.
        """
        message_id = self.streaming(conversation_id)
        if message_id is None:
            return
        reply = self._growing[message_id]
        if reply.run is not None:
            reply.run.cancel()
        if reply.end is None:
            reply.finish(status if reply.stop_by is None else Status.STOPPED)
        self._save_end(reply)
        if message_id in self._growing:
            raise StoreError("The reply could not be saved.", "Try again.", retryable=True)

    def tick(self) -> None:
        """Save what is due, end what was stopped and does not confirm, retry what failed."""
        now = self._monotonic()
        for reply in list(self._growing.values()):
            if reply.end is not None:
                if reply.save_due(now):
                    self._save_end(reply)
            elif reply.stop_by is not None and now >= reply.stop_by:
                reply.finish(Status.STOPPED)
                self._save_end(reply)
            elif reply.checkpoint_due(now):
                self._checkpoint(reply)

    def save(self) -> None:
        """Save what has come of all replies now."""
        for reply in list(self._growing.values()):
            if reply.end is None:
                self._checkpoint(reply)

    def close(self) -> None:
        """End everything as interrupted. What cannot be saved now the next start recovers."""
        for conversation_id in self.conversations():
            try:
                self.end_now(conversation_id, Status.INTERRUPTED)
            except StoreError:
                _log.exception("A reply could not be saved while closing")

    def _deliver(self, message_id: str, event: Event) -> None:
        reply = self._growing.get(message_id)
        if reply is None or reply.end is not None:
            return  # a late event of a run that is over for us
        if isinstance(event, Delta):
            reply.grow(event)
            self._listener.reply_event(message_id, event)
            if reply.checkpoint_due(self._monotonic()):
                self._checkpoint(reply)
        elif isinstance(event, Finished):
            stopped = event.reason == "cancelled"
            reply.finish(
                Status.STOPPED if stopped else Status.COMPLETE,
                usage=event.usage,
                finish_reason="" if event.reason == "cancelled" else event.reason,
            )
            self._save_end(reply)
        elif isinstance(event, Failed):
            _log.warning("A reply failed: %s %s", type(event.error).__name__, event.error.detail)
            if event.error.remedy is not None:
                self._remedies[message_id] = event.error.remedy
            cut = isinstance(event.error, ReplyInterrupted) and reply.wrote
            reply.finish(
                Status.INTERRUPTED if cut else Status.FAILED,
                usage=event.usage,
                error=event.error.told,
            )
            self._save_end(reply)
        else:
            if isinstance(event, Started):
                reply.started(event.model, event.provider or None)
                self._note_model(message_id, event.model, event.provider or None)
            self._listener.reply_event(message_id, event)

    def _note_model(self, message_id: str, model: str, provider: str | None) -> None:
        try:
            self._messages.set_model(message_id, model, provider)
        except StoreError as error:
            self._listener.trouble(error)  # the end of the reply saves it again

    def _checkpoint(self, reply: GrowingReply) -> None:
        try:
            reply.checkpoint(self._messages, self._monotonic())
        except StoreError as error:
            self._refused(reply, error)
        except (NotFound, UsageError):
            # The row is not ours any more. The end of the reply finds a place for the words.
            if reply.refused("taken"):
                _log.warning("A reply cannot be continued in its row", exc_info=True)

    def _refused(self, reply: GrowingReply, error: StoreError) -> None:
        if reply.refused(error.told):
            self._listener.trouble(error)

    def _save_end(self, reply: GrowingReply) -> None:
        message = reply.end
        assert message is not None
        reply.saved_at = self._monotonic()
        try:
            saved = self._saved_end(message)
        except StoreError as error:
            self._refused(reply, error)
            return
        del self._growing[message.id]
        del self._by_conversation[message.conversation_id]
        self._saved(saved)

    def _saved_end(self, message: Message) -> Message:
        try:
            self._messages.finish(message)
        except (NotFound, UsageError):
            # Another process took this one for dead and ended its reply (its lock was removed):
            # what that row does not have is kept as a variant beside it.
            _log.warning("A reply was ended by another process", exc_info=True)
            message = replace(message, id=new_id())
            self._messages.add(message)
        return message
