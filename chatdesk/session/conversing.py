"""Send, edit, regenerate, continue, stop - and the promise that no word is lost.

The person's message is committed before a provider is asked. A reply is saved while it grows
(growing.py) and as a whole when it ends; if saving fails the text stays in memory, the person is
told and saving is tried again. Finished messages never change: an edit, a regeneration or a
continuation adds a sibling and moves the active leaf.

A Session belongs to one thread; a provider's events must be delivered on it (ui/bridge.py and
headless.py do that). It knows no Qt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chatdesk.chat.messages import Conversation, Message, Role, Status, new_id
from chatdesk.chat.provider import Provider, Request
from chatdesk.chat.titles import title_from
from chatdesk.chat.tree import Tree
from chatdesk.errors import Busy, Remedy, StoreError, UsageError
from chatdesk.session.listener import Listener, Silent
from chatdesk.session.outgoing import Outgoing, outgoing
from chatdesk.session.replies import Replies
from chatdesk.session.requests import request_for
from chatdesk.session.trees import Trees
from chatdesk.settings import Settings, sampling_parameters
from chatdesk.store import Store


@dataclass(frozen=True, slots=True)
class Removed:
    """A deleted branch, for restore_branch()."""

    conversation_id: str
    message_id: str
    messages: tuple[Message, ...]
    leaf_before: str | None


class Session:
    """What can be done with conversations. Methods raise StoreError where saving fails."""

    def __init__(
        self,
        store: Store,
        provider: Provider,
        settings: Callable[[], Settings],
        listener: Listener | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        model_for_new: Callable[[], str | None] = lambda: None,
        remote: Callable[[str], tuple[str, str] | None] = lambda model: None,
    ) -> None:
        """clock gives Unix time in seconds, monotonic seconds for intervals.

        model_for_new: the model that new conversations are made with, None for the default local
        one; a remote default model is written into each, so that no conversation made without it
        is ever sent there. remote: of a conversation's model that is a provider's, the model's and
        the provider's names; None for a local one. It only tells them before the reply begins.
        """
        self._store = store
        self._settings = settings
        self._listener: Listener = listener or Silent()
        self._clock = clock
        self._model_for_new = model_for_new
        self._remote = remote
        self._replies = Replies(store.messages, provider, self._listener, self._saved, monotonic)
        self._trees = Trees(store, self._replies.conversations)
        self._closed = False

    # -- reading ------------------------------------------------------------------------------

    def tree(self, conversation_id: str) -> Tree:
        """The conversation's messages; so_far() gives the text of one being written."""
        return self._trees.get(conversation_id)

    def forget(self, conversation_id: str) -> None:
        """Read the conversation anew when it is next wanted. A reply being written goes on."""
        self._trees.forget(conversation_id)

    def look_again(self, conversation_id: str) -> bool:
        """Another process wrote something: returns whether this conversation is to be shown anew.

        Also where only this process has changed it since it was loaded.
        """
        return self._trees.look_again(conversation_id)

    def written_elsewhere(self, conversation_id: str) -> bool:
        """Whether another process writes, or wrote until it died, the reply at the end."""
        return self._trees.written_elsewhere(conversation_id)

    def streaming(self, conversation_id: str) -> str | None:
        """The id of the reply being written in a conversation."""
        return self._replies.streaming(conversation_id)

    def streaming_conversations(self) -> set[str]:
        """The ids of all conversations in which a reply is being written."""
        return self._replies.conversations()

    def growing(self, message_id: str) -> Message | None:
        """The row, as it began, of a reply being written; None for any other id."""
        return self._replies.growing(message_id)

    def so_far(self, message: Message) -> Message:
        """The message with the text that has arrived until now."""
        return self._replies.so_far(message)

    def remedy(self, message_id: str) -> Remedy | None:
        """Where that is mended which ended a reply, as far as this process saw it end.

        It is not saved: what a face can do about an error is not part of the conversation.
        """
        return self._replies.remedy(message_id)

    # -- conversations ------------------------------------------------------------------------

    def new_conversation(self, **given: Any) -> Conversation:
        """Make an empty conversation (title, system_prompt, parameters, model may be given).

        Where no model is given it gets the one for new conversations.
        """
        if given.get("model") is None:
            given["model"] = self._model_for_new()
        conversation = self._store.conversations.create(**given)
        self._listener.conversation_changed(conversation)
        return conversation

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a title. An empty one brings the automatic title back."""
        title = " ".join(title.split())
        if title:
            self._store.conversations.rename(conversation_id, title, by_person=True)
        else:
            path = self.tree(conversation_id).path()
            automatic = title_from(path[0].content) if path else ""
            self._store.conversations.rename(conversation_id, automatic, by_person=False)
        self._changed(conversation_id)

    def configure(
        self, conversation_id: str, system_prompt: str | None, parameters: dict[str, Any]
    ) -> None:
        """Set what this conversation has of its own; None and missing keys: as in the settings.

        Raises SettingsError for a value out of bounds.
        """
        sampling_parameters(self._settings(), parameters)
        self._store.conversations.set_system_prompt(conversation_id, system_prompt)
        self._store.conversations.set_parameters(conversation_id, parameters)
        self._changed(conversation_id)

    def set_model(self, conversation_id: str, model: str | None) -> None:
        """Let another model answer from the next message on; None: the default local model.

        A reply that is being written goes on as it began. Choosing a provider's model is the
        choice to send it the conversation: outgoing() says what that is.
        """
        self._store.conversations.set_model(conversation_id, model)
        self._changed(conversation_id)

    def outgoing(self, conversation_id: str) -> Outgoing:
        """What the conversation's next message takes along to whoever answers it."""
        conversation = self._store.conversations.get(conversation_id)
        path = self.tree(conversation_id).path()
        return outgoing(conversation, path, self._settings())

    def delete(self, conversation_ids: Iterable[str]) -> None:
        """Move conversations to the trash; replies being written there are stopped and kept."""
        ids = list(conversation_ids)
        for conversation_id in ids:
            self._replies.end_now(conversation_id)
        self._store.conversations.delete(ids)
        for conversation_id in ids:
            self._trees.forget(conversation_id)
            self._changed(conversation_id)

    def restore(self, conversation_ids: Iterable[str]) -> None:
        """Take conversations back out of the trash."""
        ids = list(conversation_ids)
        self._store.conversations.restore(ids)
        for conversation_id in ids:
            self._changed(conversation_id)

    # -- messages -----------------------------------------------------------------------------

    def send(self, conversation_id: str, text: str) -> Message:
        """Add the person's message at the end of the active path and start the reply.

        Returns the reply. Raises UsageError for a text without a visible character, Busy while a
        reply is being written in this conversation, here or at its end by another process. Where
        it raises nothing was saved.
        """
        self.tree(conversation_id)
        if self.written_elsewhere(conversation_id):
            self._store.recover()  # that process may be dead
            self.forget(conversation_id)
            self.tree(conversation_id)
            self._listener.path_changed(conversation_id)
            if self.written_elsewhere(conversation_id):
                raise Busy("Another Chatdesk is writing a reply here.", "Wait until it is there.")
        return self._say(conversation_id, self.tree(conversation_id).active_leaf, text)

    def edit(self, conversation_id: str, message_id: str, text: str) -> Message:
        """Say something else in place of an earlier message of the person: a new branch."""
        message = self.tree(conversation_id).get(message_id)
        if message.role is not Role.USER:
            raise UsageError("Only your own messages can be edited.")
        return self._say(conversation_id, message.parent_id, text)

    def regenerate(self, conversation_id: str, message_id: str) -> Message:
        """Write another variant of a reply (or a first one to a message without a reply)."""
        message = self.tree(conversation_id).get(message_id)
        asked = message.parent_id if message.role is Role.ASSISTANT else message.id
        if asked is None:
            raise UsageError("This reply answers no message.")
        self._refuse_if_busy(conversation_id)
        return self._reply_to(conversation_id, asked)

    def continue_reply(self, conversation_id: str, message_id: str) -> Message:
        """Go on with a reply that was cut: a sibling that begins with its text."""
        message = self.tree(conversation_id).get(message_id)
        if message.role is not Role.ASSISTANT or message.parent_id is None:
            raise UsageError("Only a reply can be continued.")
        if message.status is Status.STREAMING:
            raise Busy("This reply is still being written.")
        self._refuse_if_busy(conversation_id)
        return self._reply_to(conversation_id, message.parent_id, beginning=message)

    def stop(self, conversation_id: str) -> bool:
        """Stop the reply being written, if there is one; what was written stays."""
        return self._replies.stop(conversation_id)

    def select_variant(self, conversation_id: str, message_id: str, step: int) -> None:
        """Show the next (1) or previous (-1) variant of a message."""
        tree = self.tree(conversation_id)
        before = tree.active_leaf
        leaf = tree.select_variant(message_id, step)
        if leaf != before:
            try:
                self._store.conversations.set_active_leaf(conversation_id, leaf)
            except StoreError:
                tree.activate(before)
                raise
            self._listener.path_changed(conversation_id)

    def delete_branch(self, conversation_id: str, message_id: str) -> Removed:
        """Take a message and all below it out of the conversation; restore_branch() undoes it."""
        tree = self.tree(conversation_id)
        below = tree.descendants(message_id)
        streaming = self.streaming(conversation_id)
        if streaming in below:
            self._replies.end_now(conversation_id)
        before = tree.active_leaf
        messages = tree.remove(message_id)
        try:
            with self._store.database.transaction():
                self._store.messages.delete_branch(message_id)
                self._store.conversations.set_active_leaf(conversation_id, tree.active_leaf)
        except StoreError:
            tree.restore(messages)
            tree.activate(before)
            raise
        self._listener.path_changed(conversation_id)
        return Removed(conversation_id, message_id, tuple(messages), before)

    def restore_branch(self, removed: Removed) -> None:
        """Undo delete_branch(). Below a message that is deleted, too, it comes back with that."""
        self._store.messages.restore_branch(removed.message_id)
        # Read anew: meanwhile more may have been deleted or restored above and below it.
        self.forget(removed.conversation_id)
        tree = self.tree(removed.conversation_id)
        if removed.leaf_before is not None and removed.leaf_before in tree:
            tree.show(removed.leaf_before)
        self._store.conversations.set_active_leaf(removed.conversation_id, tree.active_leaf)
        self._listener.path_changed(removed.conversation_id)

    # -- time ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """Save what is due. Call every 50 ms while anything streams."""
        self._replies.tick()

    def save(self) -> None:
        """Save what has come of the replies being written now, and not when it is due."""
        self._replies.save()

    def close(self) -> None:
        """Stop all runs and save what they wrote as interrupted. No run can start afterwards."""
        self._closed = True
        self._replies.close()

    # -- inner --------------------------------------------------------------------------------

    def _refuse_if_busy(self, conversation_id: str) -> None:
        if self._closed:
            raise Busy("Chatdesk is closing.")
        if self.streaming(conversation_id) is not None:
            raise Busy(
                "A reply is still being written in this conversation.", "Stop it or wait for it."
            )

    def _say(self, conversation_id: str, parent: str | None, text: str) -> Message:
        if not text.strip():
            raise UsageError("The message is empty.", "Type something to send.")
        self._refuse_if_busy(conversation_id)
        tree = self.tree(conversation_id)
        conversation = self._store.conversations.get(conversation_id)
        message = Message(
            id=new_id(),
            conversation_id=conversation_id,
            parent_id=parent,
            role=Role.USER,
            content=text,
            created_at=self._clock(),
        )
        above = [] if parent is None else tree.path(parent)
        request = request_for(conversation, [*above, message], self._settings())
        title = ""
        if not conversation.titled and (parent is None or not conversation.title):
            title = title_from(text)
        # All or nothing: a message that seems not to be sent must not be there all the same.
        with self._store.database.durable():
            message = self._store.messages.add(message)
            if title:
                self._store.conversations.rename(conversation_id, title, by_person=False)
            reply = self._begin_reply(conversation, message.id)
        return self._start(tree, [message, reply], request)

    def _reply_to(
        self, conversation_id: str, asked: str, beginning: Message | None = None
    ) -> Message:
        tree = self.tree(conversation_id)
        conversation = self._store.conversations.get(conversation_id)
        request = request_for(
            conversation, tree.path(asked), self._settings(), continuing=beginning
        )
        with self._store.database.transaction():
            reply = self._begin_reply(conversation, asked, beginning)
        return self._start(tree, [reply], request)

    def _begin_reply(
        self, conversation: Conversation, asked: str, beginning: Message | None = None
    ) -> Message:
        """Save the row of a reply, which is the active leaf then."""
        if conversation.deleted_at is not None:  # by another process, or opened from the trash
            self._store.conversations.restore([conversation.id])
        model, provider = self._expected(conversation, beginning)
        return self._store.messages.begin_reply(
            Message(
                id=new_id(),
                conversation_id=conversation.id,
                parent_id=asked,
                role=Role.ASSISTANT,
                content=beginning.content if beginning else "",
                reasoning=beginning.reasoning if beginning else "",
                created_at=self._clock(),
                status=Status.STREAMING,
                model=model,
                provider=provider,
            )
        )

    def _expected(
        self, conversation: Conversation, beginning: Message | None
    ) -> tuple[str | None, str | None]:
        """Who is going to write a reply, as far as is known before it says so."""
        chosen = conversation.model
        remote = self._remote(chosen) if chosen is not None else None
        if remote is not None:
            return remote
        if beginning is not None and beginning.provider is None:
            return beginning.model, None
        return chosen, None

    def _start(self, tree: Tree, added: list[Message], request: Request) -> Message:
        """Show what was saved and start the reply, which is the last of it."""
        reply = added[-1]
        at_end = tree.active_leaf == added[0].parent_id
        for message in added:
            tree.add(message)
        self._replies.begin(reply)
        try:
            if at_end:
                for message in added:
                    self._listener.message_added(message)
            else:
                self._listener.path_changed(reply.conversation_id)
            self._changed(reply.conversation_id)
        finally:  # a conversation whose reply never starts could not be used any more
            self._replies.start(reply.id, request)
        return reply

    def _saved(self, message: Message) -> None:
        conversation_id = message.conversation_id
        tree = self._trees.loaded(conversation_id)
        if tree is None or message.id in tree:
            if tree is not None:
                tree.replace(message)
            self._listener.message_finished(message)
        else:  # it was saved as another message than the one that is shown
            self.forget(conversation_id)
            self._listener.path_changed(conversation_id)
        try:
            self._store.conversations.touch(conversation_id)
            self._changed(conversation_id)
        except StoreError as error:
            self._listener.trouble(error)

    def _changed(self, conversation_id: str) -> None:
        self._listener.conversation_changed(self._store.conversations.get(conversation_id))
