"""The messages of all conversations: a tree by parent links, of rows that never change.

A person's message is one row, on the disk when add() returns. A reply begins as a row that is
streaming; its text is appended piece by piece, each at the cost of the piece alone, and finish()
writes the whole into the row, which is final from then on. The database itself refuses to change
a final row (triggers in migrations/v0001_conversations.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from chatdesk.chat.events import DeltaKind
from chatdesk.chat.messages import Message, Role, Status, Usage
from chatdesk.errors import NotFound, UsageError
from chatdesk.store.database import Database, Row
from chatdesk.store.ownership import Owner
from chatdesk.store.values import known_usage, storable, storable_or_none, usage_columns

_USAGE = (
    "measured, prompt_tokens, cached_tokens, completion_tokens, first_token_ms, tokens_per_second,"
    " estimated"
)
_COLUMNS = (
    "key, id, parent, role, status, created_at, model, error, finish_reason, content, reasoning,"
    f" provider, {_USAGE}"
)
_ROLES = {role.value: role for role in Role}
_STATUSES = {status.value: status for status in Status}


class Messages:
    """Belongs to the database's thread. Methods raise StoreError where the file cannot be used.

    Text is stored as values.storable() makes it; what a method returns is what is stored.
    """

    def __init__(
        self, database: Database, owner: Owner, *, clock: Callable[[], float] = time.time
    ) -> None:
        """owner marks the replies this process writes; clock gives Unix time in seconds."""
        self._database = database
        self._owner = owner
        self._clock = clock

    # -- reading ------------------------------------------------------------------------------

    def load(self, conversation_id: str) -> list[Message]:
        """The messages of a conversation in the order they were made, parents first.

        Deleted branches are left out. A reply being written has the text saved until now.
        Raises NotFound for an unknown conversation. 10,000 messages take some 50 ms.
        """
        with self._database.snapshot():
            conversation = self._conversation_key(conversation_id)
            rows = self._database.rows(
                f"SELECT {_COLUMNS} FROM messages WHERE conversation = ? ORDER BY key",
                (conversation,),
            )
            hidden = {
                key
                for (key,) in self._database.rows(
                    "SELECT message FROM removed_branches WHERE conversation = ?", (conversation,)
                )
            }
            return self._messages(conversation_id, rows, hidden)

    def get(self, message_id: str) -> Message:
        """One message, in a deleted branch or not; raises NotFound."""
        with self._database.snapshot():
            row = self._database.row(
                f"SELECT {_COLUMNS} FROM messages WHERE id = ?", (storable(message_id),)
            )
            if row is None:
                raise _unknown(message_id)
            place = self._database.row(
                "SELECT c.id, p.id FROM messages AS m"
                " JOIN conversations AS c ON c.key = m.conversation"
                " LEFT JOIN messages AS p ON p.key = m.parent WHERE m.key = ?",
                (row[0],),
            )
            assert place is not None
            conversation_id, parent_id = place
            key, parent = row[0], row[2]
            names = {} if parent is None else {parent: parent_id}
            grown = self._grown(key) if row[4] == Status.STREAMING else ("", "")
            return _message(conversation_id, row, names, grown)

    def stamp(self, conversation_id: str) -> object:
        """A value that is another one when other messages would be loaded than before.

        Text that this process appends changes nothing in it. The cost does not grow with the
        conversation.
        """
        others = "SELECT key FROM messages WHERE owner <> ?1 AND conversation = c.key"
        return self._database.row(
            "SELECT active_leaf, (SELECT max(key) FROM messages WHERE conversation = c.key),"
            f" (SELECT group_concat(key) FROM ({others})),"
            f" (SELECT max(key) FROM chunks WHERE message IN ({others})),"
            " (SELECT group_concat(message) FROM removed_branches WHERE conversation = c.key)"
            " FROM conversations AS c WHERE id = ?2",
            (self._owner.id, storable(conversation_id)),
        )

    # -- writing ------------------------------------------------------------------------------

    def add(self, message: Message) -> Message:
        """Save a finished message, a person's or an imported one; on the disk on return.

        It becomes its conversation's active leaf, and the conversation's time of update becomes
        its own if that is later, in the same transaction. Returns the message with its order.
        Raises NotFound for an unknown conversation, UsageError for a streaming message, an id
        that exists, or a parent that is not in the conversation.
        """
        if message.status is Status.STREAMING:
            raise UsageError("A reply that is being written cannot be added as finished.")
        with self._database.durable():
            return self._insert(message, None)

    def begin_reply(self, message: Message) -> Message:
        """Save the row of a reply that is about to be written by this process.

        Its content and reasoning are what it begins with (a continued reply). It becomes the
        active leaf as in add(), and raises what add() raises. Not waited for on the disk: the
        row has no word in it that is not elsewhere.
        """
        if message.status is not Status.STREAMING:
            raise UsageError("A reply begins as streaming.")
        owner = self._owner.claim()
        with self._database.transaction():
            return self._insert(message, owner)

    def set_model(self, message_id: str, model: str, provider: str | None = None) -> None:
        """Note which model writes a reply of this process and where (None: in Chatdesk itself).

        So a reply that is cut tells it, too. Without effect on a reply that is finished or another
        process's.
        """
        with self._database.transaction():
            self._database.rows(
                "UPDATE messages SET model = ?, provider = ? WHERE id = ? AND owner = ?",
                (storable(model), storable_or_none(provider), message_id, self._owner.id),
            )

    def append(self, message_id: str, kind: DeltaKind, text: str) -> None:
        """Add text to a reply of this process. The cost depends on the text alone.

        Survives the end of the process at once, a power cut after a moment. Raises UsageError
        where this process writes no such reply.
        """
        if not text:
            return
        with self._database.transaction():
            rows = self._database.rows(
                "INSERT INTO chunks (message, kind, text)"
                " SELECT key, ?, ? FROM messages WHERE id = ? AND owner = ? RETURNING key",
                (kind, storable(text), message_id, self._owner.id),
            )
            if not rows:
                raise UsageError("This reply is not being written here.", detail=message_id)

    def finish(self, message: Message) -> Message:
        """Save a reply as it ended, final from now on; on the disk on return.

        content and reasoning replace what was appended. Saving the same end again is harmless.
        Raises UsageError for a message that is still streaming, or ended otherwise, or is
        another process's; NotFound for an unknown one.
        """
        if message.status is Status.STREAMING:
            raise UsageError("A reply that is being written has no end yet.")
        with self._database.durable():
            rows = self._database.rows(
                "UPDATE messages SET content = ?, reasoning = ?, status = ?, owner = NULL,"
                " model = ?, provider = ?, error = ?, finish_reason = ?, measured = ?,"
                " prompt_tokens = ?, cached_tokens = ?, completion_tokens = ?, first_token_ms = ?,"
                " tokens_per_second = ?, estimated = ?"
                " WHERE id = ? AND owner = ? RETURNING key",
                (
                    storable(message.content),
                    storable(message.reasoning),
                    message.status.value,
                    storable_or_none(message.model),
                    storable_or_none(message.provider),
                    storable_or_none(message.error),
                    storable(message.finish_reason),
                    *usage_columns(message.usage),
                    message.id,
                    self._owner.id,
                ),
            )
            if rows:
                self._database.rows("DELETE FROM chunks WHERE message = ?", rows[0])
            stored = self.get(message.id)
        if not rows and not _same_end(stored, message):
            raise UsageError(
                "This reply is being written by another Chatdesk."
                if stored.status is Status.STREAMING
                else "A finished message cannot be changed.",
                detail=message.id,
            )
        return stored

    # -- deleted branches ---------------------------------------------------------------------

    def delete_branch(self, message_id: str) -> None:
        """Hide a message and all below it; twice is harmless. Raises NotFound."""
        with self._database.transaction():
            conversation, key = self._place(message_id)
            self._database.rows(
                "INSERT INTO removed_branches (conversation, message, removed_at)"
                " VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (conversation, key, self._clock()),
            )

    def restore_branch(self, message_id: str) -> None:
        """Show a deleted branch again (not branches below it that were deleted by themselves)."""
        with self._database.transaction():
            self._database.rows(
                "DELETE FROM removed_branches WHERE conversation = ? AND message = ?",
                self._place(message_id),
            )

    # -- inner --------------------------------------------------------------------------------

    def _conversation_key(self, conversation_id: str) -> int:
        row = self._database.row(
            "SELECT key FROM conversations WHERE id = ?", (storable(conversation_id),)
        )
        if row is None:
            raise NotFound(
                "This conversation does not exist.",
                "It may have been deleted for good.",
                detail=conversation_id,
            )
        return int(row[0])

    def _place(self, message_id: str) -> tuple[int, int]:
        row = self._database.row(
            "SELECT conversation, key FROM messages WHERE id = ?", (storable(message_id),)
        )
        if row is None:
            raise _unknown(message_id)
        return int(row[0]), int(row[1])

    def _insert(self, message: Message, owner: str | None) -> Message:
        rows = self._database.rows
        if message.role is Role.SYSTEM:
            raise UsageError("The system prompt belongs to the conversation.")
        conversation = self._conversation_key(message.conversation_id)
        if rows("SELECT 1 FROM messages WHERE id = ?", (message.id,)):
            raise UsageError("This message exists already.", detail=message.id)
        parent: int | None = None
        if message.parent_id is not None:
            of_parent, parent = self._place(message.parent_id)
            if of_parent != conversation:
                raise UsageError(
                    "A message cannot answer one of another conversation.", detail=message.id
                )
        stored = replace(
            message,
            content=storable(message.content),
            reasoning=storable(message.reasoning),
            model=storable_or_none(message.model),
            provider=storable_or_none(message.provider),
            error=storable_or_none(message.error),
            finish_reason=storable(message.finish_reason),
            usage=known_usage(message.usage),
        )
        key = rows(
            "INSERT INTO messages (id, conversation, parent, role, status, created_at, owner,"
            f" model, error, finish_reason, content, reasoning, provider, {_USAGE})"
            f" VALUES ({', '.join('?' * 20)}) RETURNING key",
            (
                stored.id,
                conversation,
                parent,
                stored.role.value,
                stored.status.value,
                stored.created_at,
                owner,
                stored.model,
                stored.error,
                stored.finish_reason,
                stored.content,
                stored.reasoning,
                stored.provider,
                *usage_columns(stored.usage),
            ),
        )[0][0]
        rows(
            "UPDATE conversations SET active_leaf = ?, updated_at = max(updated_at, ?)"
            " WHERE key = ?",
            (stored.id, stored.created_at, conversation),
        )
        return replace(stored, order=key)

    def _messages(
        self, conversation_id: str, rows: Iterable[Row], hidden: set[int]
    ) -> list[Message]:
        names: dict[int, str] = {}
        found: list[Message] = []
        for row in rows:
            key, message_id, parent = row[:3]
            if hidden and (key in hidden or parent in hidden):
                hidden.add(key)  # parents come first, so all below is hidden, too
                continue
            names[key] = message_id
            grown = self._grown(key) if row[4] == "streaming" else ("", "")
            found.append(_message(conversation_id, row, names, grown))
        return found

    def _grown(self, key: int) -> tuple[str, str]:
        """Text and reasoning that were appended to a reply being written."""
        chunks = self._database.rows(
            "SELECT kind, text FROM chunks WHERE message = ? ORDER BY key", (key,)
        )
        return (
            "".join(text for kind, text in chunks if kind == "text"),
            "".join(text for kind, text in chunks if kind == "reasoning"),
        )


def _message(
    conversation_id: str, row: Row, names: dict[int, str], grown: tuple[str, str]
) -> Message:
    """A row as a message; names gives the id of its parent."""
    key, message_id, parent, role, status, created, model, error, reason, text, thought = row[:11]
    provider, measured = row[11:13]
    return Message(
        message_id,
        conversation_id,
        None if parent is None else names[parent],
        _ROLES[role],
        text + grown[0],
        created,
        key,
        thought + grown[1],
        _STATUSES[status],
        model,
        _usage(row[13:]) if measured else None,
        error,
        reason,
        provider,
    )


def _usage(figures: Row) -> Usage:
    prompt, cached, completion, first, speed, estimated = figures
    return Usage(prompt, cached, completion, first, speed, estimated == 1)


def _same_end(stored: Message, message: Message) -> bool:
    """Whether a reply is saved with this end already: an earlier attempt only seemed to fail."""
    return stored.status is message.status and (stored.content, stored.reasoning) == (
        storable(message.content),
        storable(message.reasoning),
    )


def _unknown(message_id: str) -> NotFound:
    return NotFound("This message does not exist.", detail=message_id)
