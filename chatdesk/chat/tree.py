"""The tree of one conversation: parent links, siblings (variants) and the active path.

An edit or a regeneration adds a sibling; nothing is replaced. The active leaf says which path is
shown; each message remembers which of its children was shown last, so that going to another
variant and back ends at the same leaf. All operations cost no more than the length of the path
they touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import attrgetter

from chatdesk.chat.messages import Message, Role, Status
from chatdesk.errors import NotFound, UsageError


class Tree:
    """Messages of one conversation. Not thread-safe: used by the thread that owns the session."""

    def __init__(self, messages: Iterable[Message] = (), active_leaf: str | None = None) -> None:
        """messages in any order; UsageError where a parent is missing or links form a ring."""
        self._messages: dict[str, Message] = {}
        self._children: dict[str | None, list[str]] = {None: []}
        self._chosen: dict[str | None, str] = {}
        self._active_leaf: str | None = None
        known = {message.id: message for message in sorted(messages, key=attrgetter("order"))}
        # Children are reached from their parents, so what is never reached hangs in a ring.
        waiting: dict[str, list[Message]] = {}
        for message in known.values():
            if message.parent_id is None or message.parent_id in self._messages:
                reached = [message]
                for found in reached:
                    self._insert(found)
                    if waiting:  # seldom: messages come with their parents first
                        reached.extend(waiting.pop(found.id, ()))
            else:
                waiting.setdefault(message.parent_id, []).append(message)
        for parent, children in waiting.items():
            if parent not in known:
                raise UsageError("A message has no parent.", detail=children[0].id)
        if waiting:
            raise UsageError("The messages' parent links form a ring.")
        if active_leaf is not None and active_leaf in self._messages:
            self._choose(active_leaf)
        else:
            self._active_leaf = self._descend(None)

    # -- reading ------------------------------------------------------------------------------

    @property
    def active_leaf(self) -> str | None:
        """The id of the last message of the shown path; None in an empty conversation."""
        return self._active_leaf

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._messages

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def get(self, message_id: str) -> Message:
        """The message with this id; raises NotFound."""
        try:
            return self._messages[message_id]
        except KeyError:
            raise NotFound("This message does not exist.", detail=message_id) from None

    def path(self, leaf: str | None = None) -> list[Message]:
        """The messages from the first to leaf (default: the active leaf)."""
        path = list(self.upwards(leaf))
        path.reverse()
        return path

    def upwards(self, leaf: str | None = None) -> Iterator[Message]:
        """The same from the end on: who looks for something recent need not see everything."""
        current = self._active_leaf if leaf is None else leaf
        if current is not None:
            self.get(current)
        messages = self._messages
        while current is not None:
            message = messages[current]
            yield message
            current = message.parent_id

    def children(self, message_id: str | None) -> list[Message]:
        """The direct replies to a message (None: the first messages), oldest first."""
        return [self._messages[child] for child in self._children.get(message_id, ())]

    def siblings(self, message_id: str) -> list[str]:
        """The ids of the variants of a message, itself included, oldest first."""
        return list(self._children[self.get(message_id).parent_id])

    def variant(self, message_id: str) -> tuple[int, int]:
        """(index from 1, count) of a message among its variants: what "2/3" shows."""
        siblings = self._children[self.get(message_id).parent_id]
        count = len(siblings)
        return (1, 1) if count == 1 else (siblings.index(message_id) + 1, count)

    def descendants(self, message_id: str) -> list[str]:
        """The ids of a message and all below it, parents before children."""
        self.get(message_id)
        found = [message_id]
        for current in found:
            found.extend(self._children.get(current, ()))
        return found

    # -- changing -----------------------------------------------------------------------------

    def add(self, message: Message) -> None:
        """Add a message below its parent and make it the active leaf."""
        if message.id in self._messages:
            raise UsageError("This message exists already.", detail=message.id)
        if message.parent_id is not None:
            self.get(message.parent_id)
        self._insert(message)
        self._choose(message.id)

    def replace(self, message: Message) -> None:
        """Put a newer state of a message that is still streaming in its place."""
        old = self.get(message.id)
        if old.status is not Status.STREAMING:
            raise UsageError("A finished message cannot be changed.", detail=message.id)
        if (old.parent_id, old.role) != (message.parent_id, message.role):
            raise UsageError("A message cannot change its place.", detail=message.id)
        self._messages[message.id] = replace(message, order=old.order)

    def select_variant(self, message_id: str, step: int) -> str:
        """Show the next (step 1) or previous (-1) variant; returns the new active leaf.

        Stops at the ends: no step is taken past the first or last variant.
        """
        siblings = self._children[self.get(message_id).parent_id]
        index = min(max(siblings.index(message_id) + step, 0), len(siblings) - 1)
        return self.show(siblings[index])

    def show(self, message_id: str) -> str:
        """Make the path through this message active, down to the leaf last shown below it."""
        self.get(message_id)
        leaf = self._descend(message_id)
        assert leaf is not None
        self._choose(leaf)
        return leaf

    def activate(self, leaf: str | None) -> None:
        """Make exactly this message the end of the active path (None: nothing is shown).

        Used to take back an action: the leaf that was active before it becomes active again.
        """
        if leaf is None:
            self._active_leaf = None
        else:
            self.get(leaf)
            self._choose(leaf)

    def remove(self, message_id: str) -> list[Message]:
        """Take a message and all below it out; returns them, parents first, for restore().

        When the active path goes through it, the nearest variant becomes active, else the parent.
        """
        removed = [self._messages[found] for found in self.descendants(message_id)]
        on_path = self._active_leaf is not None and any(
            m.id == message_id for m in self.upwards(self._active_leaf)
        )
        parent = removed[0].parent_id
        siblings = self._children[parent]
        index = siblings.index(message_id)
        siblings.remove(message_id)
        for message in removed:
            del self._messages[message.id]
            self._children.pop(message.id, None)
            self._chosen.pop(message.id, None)
        if self._chosen.get(parent) == message_id:
            del self._chosen[parent]
            if siblings:
                self._chosen[parent] = siblings[min(index, len(siblings) - 1)]
        if on_path:
            self._active_leaf = None
            leaf = self._descend(parent)
            if leaf is not None:
                self._choose(leaf)
        return removed

    def restore(self, messages: Iterable[Message]) -> None:
        """Put back what remove() returned and show it."""
        first: str | None = None
        for message in messages:
            self._insert(message)
            first = first or message.id
        if first is not None:
            self.show(first)

    # -- inner --------------------------------------------------------------------------------

    def _insert(self, message: Message) -> None:
        self._messages[message.id] = message
        self._children.setdefault(message.id, [])
        siblings = self._children[message.parent_id]
        position = len(siblings)
        while position and self._messages[siblings[position - 1]].order > message.order:
            position -= 1
        siblings.insert(position, message.id)

    def _descend(self, message_id: str | None) -> str | None:
        """The leaf last shown below a message; the newest where none was shown."""
        current = message_id
        while children := self._children.get(current):
            current = self._chosen.get(current, children[-1])
        return current

    def _choose(self, leaf: str) -> None:
        self._active_leaf = leaf
        current: str | None = leaf
        while current is not None:
            parent = self._messages[current].parent_id
            self._chosen[parent] = current
            current = parent


def last_of(path: Iterable[Message], role: Role) -> Message | None:
    """The newest message of a role on a path, None where there is none."""
    found = None
    for message in path:
        if message.role is role:
            found = message
    return found
