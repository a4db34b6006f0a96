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
from chatdesk.chat.provider import PromptMessage, Provider, Request
from chatdesk.chat.titles import title_from
from chatdesk.chat.tree import Tree
from chatdesk.errors import Busy, UsageError
from chatdesk.session.listener import Listener, Silent
from chatdesk.session.replies import Replies
from chatdesk.settings import Settings, sampling_parameters
from chatdesk.store import Store

LOADED_TREES = 12  # conversations kept in memory besides those with a reply being written


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
    ) -> None:
        """clock gives Unix time in seconds, monotonic seconds for intervals."""
        self._store = store
        self._settings = settings
        self._listener: Listener = listener or Silent()
        self._clock = clock
        self._trees: dict[str, Tree] = {}
        self._replies = Replies(store.messages, provider, self._listener, self._saved, monotonic)
        self._closed = False

    # -- reading ------------------------------------------------------------------------------

    def tree(self, conversation_id: str) -> Tree:
        """The conversation's messages; so_far() gives the text of one being written."""
        tree = self._trees.pop(conversation_id, None)
        if tree is None:
            conversation = self._store.conversations.get(conversation_id)
            tree = Tree(self._store.messages.load(conversation_id), conversation.active_leaf)
        self._trees[conversation_id] = tree  # last used, last forgotten
        if len(self._trees) > LOADED_TREES:
            busy = self._replies.conversations()
            for known in [k for k in self._trees if k not in busy][:-LOADED_TREES]:
                del self._trees[known]
        return tree

    def forget(self, conversation_id: str) -> None:
        """Drop the loaded tree: another process changed the conversation."""
        if self.streaming(conversation_id) is None:
            self._trees.pop(conversation_id, None)

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

    # -- conversations ------------------------------------------------------------------------

    def new_conversation(self, **given: Any) -> Conversation:
        """Make an empty conversation (title, system_prompt, parameters, model may be given)."""
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

    def delete(self, conversation_ids: Iterable[str]) -> None:
        """Move conversations to the trash; replies being written there are stopped and kept."""
        ids = list(conversation_ids)
        for conversation_id in ids:
            self._replies.end_now(conversation_id)
        self._store.conversations.delete(ids)
        for conversation_id in ids:
            self._trees.pop(conversation_id, None)
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
        reply is being written in this conversation.
        """
        leaf = self.tree(conversation_id).active_leaf
        return self._say(conversation_id, leaf, text)

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
            self._store.conversations.set_active_leaf(conversation_id, leaf)
            self._listener.path_changed(conversation_id)

    def delete_branch(self, conversation_id: str, message_id: str) -> Removed:
        """Take a message and all below it out of the conversation; restore_branch() undoes it."""
        tree = self.tree(conversation_id)
        below = tree.descendants(message_id)
        streaming = self.streaming(conversation_id)
        if streaming in below:
            self._replies.end_now(conversation_id)
        before = tree.active_leaf
        self._store.messages.delete_branch(message_id)
        messages = tree.remove(message_id)
        self._store.conversations.set_active_leaf(conversation_id, tree.active_leaf)
        self._listener.path_changed(conversation_id)
        return Removed(conversation_id, message_id, tuple(messages), before)

    def restore_branch(self, removed: Removed) -> None:
        """Undo delete_branch()."""
        tree = self.tree(removed.conversation_id)
        self._store.messages.restore_branch(removed.message_id)
        if removed.message_id not in tree:
            tree.restore(removed.messages)
        if removed.leaf_before is not None and removed.leaf_before in tree:
            tree.activate(removed.leaf_before)
        self._store.conversations.set_active_leaf(removed.conversation_id, tree.active_leaf)
        self._listener.path_changed(removed.conversation_id)

    # -- time ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """Save what is due. Call every 50 ms while anything streams."""
        self._replies.tick()

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
        message = self._store.messages.add(
            Message(
                id=new_id(),
                conversation_id=conversation_id,
                parent_id=parent,
                role=Role.USER,
                content=text,
                created_at=self._clock(),
            )
        )
        branched = tree.active_leaf != parent
        tree.add(message)
        conversation = self._store.conversations.get(conversation_id)
        if not conversation.titled and (parent is None or not conversation.title):
            title = title_from(text)
            if title:
                self._store.conversations.rename(conversation_id, title, by_person=False)
        if branched:
            self._listener.path_changed(conversation_id)
        else:
            self._listener.message_added(message)
        return self._reply_to(conversation_id, message.id)

    def _reply_to(
        self, conversation_id: str, asked: str, beginning: Message | None = None
    ) -> Message:
        tree = self.tree(conversation_id)
        conversation = self._store.conversations.get(conversation_id)
        request = self._request(conversation, tree.path(asked), beginning)
        message = self._store.messages.begin_reply(
            Message(
                id=new_id(),
                conversation_id=conversation_id,
                parent_id=asked,
                role=Role.ASSISTANT,
                content=beginning.content if beginning else "",
                reasoning=beginning.reasoning if beginning else "",
                created_at=self._clock(),
                status=Status.STREAMING,
                model=beginning.model if beginning else conversation.model,
            )
        )
        was_leaf = tree.active_leaf
        tree.add(message)
        self._store.conversations.set_active_leaf(conversation_id, message.id)
        self._store.conversations.touch(conversation_id)
        self._replies.begin(message)
        if was_leaf == asked:
            self._listener.message_added(message)
        else:
            self._listener.path_changed(conversation_id)
        self._changed(conversation_id)
        self._replies.start(message.id, request)
        return message

    def _request(
        self, conversation: Conversation, path: list[Message], beginning: Message | None
    ) -> Request:
        settings = self._settings()
        system = conversation.system_prompt
        if system is None:
            system = settings.chat.system_prompt
        messages = [PromptMessage(Role.SYSTEM, system)] if system.strip() else []
        # A reply that failed before its first word would only teach the model to say nothing.
        messages += [
            PromptMessage(message.role, message.content, message.id)
            for message in path
            if message.content
        ]
        return Request(
            conversation_id=conversation.id,
            messages=tuple(messages),
            parameters=sampling_parameters(settings, conversation.parameters),
            continuation=beginning.content if beginning else "",
            model=conversation.model,
            history=settings.chat.history,
        )

    def _saved(self, message: Message) -> None:
        self._store.conversations.touch(message.conversation_id)
        tree = self._trees.get(message.conversation_id)
        if tree is not None and message.id in tree:
            tree.replace(message)
        self._listener.message_finished(message)
        self._changed(message.conversation_id)

    def _changed(self, conversation_id: str) -> None:
        self._listener.conversation_changed(self._store.conversations.get(conversation_id))
