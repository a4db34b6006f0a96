"""The conversations held in memory, and whether another process has changed one since.

The window and the command line share one database. What another process writes is noticed by a
stamp of the conversation that costs no more because it is long.
"""

from __future__ import annotations

from collections.abc import Callable

from chatdesk.chat.messages import Status
from chatdesk.chat.tree import Tree
from chatdesk.store import Store

LOADED_TREES = 12  # conversations kept in memory besides those with a reply being written


class Trees:
    """Belongs to the session's thread. Methods raise StoreError and NotFound."""

    def __init__(self, store: Store, busy: Callable[[], set[str]]) -> None:
        """busy: the conversations in which this process writes a reply."""
        self._store = store
        self._busy = busy
        self._loaded: dict[str, Tree] = {}
        self._stamps: dict[str, object] = {}

    def get(self, conversation_id: str) -> Tree:
        """The conversation's tree, loaded where it is not."""
        tree = self._loaded.pop(conversation_id, None)
        if tree is None:
            conversation = self._store.conversations.get(conversation_id)
            stamp = self._store.messages.stamp(conversation_id)
            tree = Tree(self._store.messages.load(conversation_id), conversation.active_leaf)
            self._stamps[conversation_id] = stamp
        self._loaded[conversation_id] = tree  # last used, last forgotten
        if len(self._loaded) > LOADED_TREES:
            busy = self._busy()
            for known in [k for k in self._loaded if k not in busy][:-LOADED_TREES]:
                self.forget(known)
        return tree

    def loaded(self, conversation_id: str) -> Tree | None:
        """The tree if it is in memory."""
        return self._loaded.get(conversation_id)

    def forget(self, conversation_id: str) -> None:
        """Read the conversation anew when it is next wanted. A reply being written goes on."""
        self._loaded.pop(conversation_id, None)
        self._stamps.pop(conversation_id, None)

    def look_again(self, conversation_id: str) -> bool:
        """Forget the tree if the database has another state; returns whether it may have.

        Also this process's own changes count as one.
        """
        if conversation_id not in self._loaded:
            return False
        if self._store.messages.stamp(conversation_id) == self._stamps.get(conversation_id):
            return False
        self.forget(conversation_id)
        return True

    def written_elsewhere(self, conversation_id: str) -> bool:
        """Whether another process writes, or wrote until it died, the reply at the end."""
        tree = self._loaded.get(conversation_id)
        if tree is None or tree.active_leaf is None or conversation_id in self._busy():
            return False
        return tree.get(tree.active_leaf).status is Status.STREAMING
