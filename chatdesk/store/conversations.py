"""Conversations without their messages: make, list, change, delete, restore, purge.

Deleting moves a conversation to the trash and can be undone; only purge removes words for good.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from chatdesk.chat.messages import Conversation, new_id
from chatdesk.errors import Busy, NotFound, Remedy
from chatdesk.store.database import Database, Row
from chatdesk.store.values import storable, storable_or_none, to_json

_COLUMNS = (
    "id, title, created_at, updated_at, system_prompt, parameters, model, active_leaf, titled,"
    " deleted_at, draft"
)
_UPDATED_AT = 3  # its place in _COLUMNS
_LAST = "\U0010ffff"  # sorts after every text that begins with the same prefix


class Conversations:
    """Belongs to the database's thread. Ids are whole ids except in get().

    Methods raise NotFound for an unknown id and StoreError where the file cannot be used.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        """clock gives Unix time in seconds."""
        self._database = database
        self._clock = clock

    # -- reading ------------------------------------------------------------------------------

    def get(self, conversation_id: str) -> Conversation:
        """The conversation with this id or the only one whose id begins so, in the trash or not.

        Raises NotFound also where several ids begin so.
        """
        wanted = storable(conversation_id)
        row = self._database.row(f"SELECT {_COLUMNS} FROM conversations WHERE id = ?", (wanted,))
        if row is not None:
            return _conversation(row)
        found = (
            self._database.rows(
                f"SELECT {_COLUMNS} FROM conversations WHERE id >= ? AND id < ? LIMIT 2",
                (wanted, wanted + _LAST),
            )
            if wanted
            else []
        )
        if len(found) > 1:
            raise NotFound(
                f"More than one conversation's id begins with {wanted}.", "Give more of the id."
            )
        if not found:
            raise _unknown(wanted)
        return _conversation(found[0])

    def list(self, *, deleted: bool = False) -> list[Conversation]:
        """All conversations, newest updated first; deleted: those in the trash instead.

        Reads no message. 100,000 conversations take some tenths of a second.
        """
        # Sorting here is quicker than in SQL: the rows come nearly in order already.
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM conversations"
            f" WHERE deleted_at IS {'NOT NULL' if deleted else 'NULL'} ORDER BY key DESC"
        )
        rows.sort(key=itemgetter(_UPDATED_AT), reverse=True)
        return [_conversation(row) for row in rows]

    def count(self, *, deleted: bool = False) -> int:
        """How many conversations there are; deleted: in the trash."""
        condition = "NOT NULL" if deleted else "NULL"
        row = self._database.row(
            f"SELECT count(*) FROM conversations WHERE deleted_at IS {condition}"
        )
        assert row is not None
        return int(row[0])

    # -- changing -----------------------------------------------------------------------------

    def create(
        self,
        title: str = "",
        *,
        system_prompt: str | None = None,
        parameters: dict[str, Any] | None = None,
        model: str | None = None,
    ) -> Conversation:
        """Make an empty conversation. A tuple in parameters comes back as a list (JSON)."""
        now = self._clock()
        with self._database.transaction():
            rows = self._database.rows(
                "INSERT INTO conversations"
                " (id, title, created_at, updated_at, system_prompt, parameters, model)"
                f" VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
                (
                    new_id(),
                    storable(title),
                    now,
                    now,
                    storable_or_none(system_prompt),
                    to_json(parameters or {}),
                    storable_or_none(model),
                ),
            )
        return _conversation(rows[0])

    def rename(self, conversation_id: str, title: str, by_person: bool = True) -> Conversation:
        """Give a title; by_person: automatic titles do not replace it any more."""
        return self._update(
            conversation_id, "title = ?, titled = ?", storable(title), int(by_person)
        )

    def set_system_prompt(self, conversation_id: str, text: str | None) -> Conversation:
        """None: as in the settings."""
        return self._update(conversation_id, "system_prompt = ?", storable_or_none(text))

    def set_parameters(self, conversation_id: str, parameters: dict[str, Any]) -> Conversation:
        """Sampling parameters of this conversation's own; missing keys: as in the settings."""
        return self._update(conversation_id, "parameters = ?", to_json(parameters))

    def set_model(self, conversation_id: str, model: str | None) -> Conversation:
        """None: the default model."""
        return self._update(conversation_id, "model = ?", storable_or_none(model))

    def set_draft(self, conversation_id: str, text: str) -> Conversation:
        """What stands in the composer and is not sent yet."""
        return self._update(conversation_id, "draft = ?", storable(text))

    def set_active_leaf(self, conversation_id: str, message_id: str | None) -> Conversation:
        """Which path is shown; raises NotFound for a message that is not in the conversation."""
        if message_id is not None and not self._database.rows(
            "SELECT 1 FROM messages AS m JOIN conversations AS c ON c.key = m.conversation"
            " WHERE m.id = ? AND c.id = ?",
            (message_id, conversation_id),
        ):
            raise NotFound("This message is not in the conversation.", detail=message_id)
        return self._update(conversation_id, "active_leaf = ?", message_id)

    def touch(self, conversation_id: str) -> Conversation:
        """Something happened in it now: it moves to the front of the list."""
        return self._update(conversation_id, "updated_at = max(updated_at, ?)", self._clock())

    # -- the trash ----------------------------------------------------------------------------

    def delete(self, conversation_ids: Iterable[str]) -> None:
        """Move to the trash, all or none; what is there stays there since when it was."""
        now = self._clock()
        with self._database.transaction():
            for conversation_id in conversation_ids:
                self._update(conversation_id, "deleted_at = coalesce(deleted_at, ?)", now)

    def restore(self, conversation_ids: Iterable[str]) -> None:
        """Take out of the trash, all or none."""
        with self._database.transaction():
            for conversation_id in conversation_ids:
                self._update(conversation_id, "deleted_at = NULL")

    def purge(self, conversation_ids: Iterable[str]) -> None:
        """Remove conversations and their messages for good, all or none; unknown ids are ignored.

        Their bytes are overwritten in the database (not in backups). Raises Busy where a reply is
        being written in one of them.
        """
        with self._database.durable():
            for conversation_id in conversation_ids:
                row = self._database.row(
                    "SELECT key FROM conversations WHERE id = ?", (storable(conversation_id),)
                )
                if row is not None:
                    self._purge(row[0])
        self._database.shrink_log()

    def purge_deleted_before(self, moment: float) -> int:
        """Purge what was moved to the trash before a time (Unix seconds); returns how many.

        A conversation in which a reply is being written is left for the next time.
        """
        ids = self._database.rows(
            "SELECT id FROM conversations AS c WHERE deleted_at < ? AND NOT EXISTS"
            " (SELECT 1 FROM messages WHERE owner IS NOT NULL AND conversation = c.key)",
            (moment,),
        )
        if ids:
            self.purge(conversation_id for (conversation_id,) in ids)
        return len(ids)

    # -- inner --------------------------------------------------------------------------------

    def _update(self, conversation_id: str, changes: str, *values: Any) -> Conversation:
        wanted = storable(conversation_id)
        with self._database.transaction():
            rows = self._database.rows(
                f"UPDATE conversations SET {changes} WHERE id = ? RETURNING {_COLUMNS}",
                (*values, wanted),
            )
            if not rows:
                raise _unknown(wanted)
        return _conversation(rows[0])

    def _purge(self, key: int) -> None:
        rows = self._database.rows
        if rows("SELECT 1 FROM messages WHERE owner IS NOT NULL AND conversation = ?", (key,)):
            raise Busy("A reply is being written in this conversation.", "Stop it or wait for it.")
        rows("INSERT INTO purging VALUES (?)", (key,))
        rows("DELETE FROM removed_branches WHERE conversation = ?", (key,))
        rows("DELETE FROM messages WHERE conversation = ?", (key,))
        rows("DELETE FROM conversations WHERE key = ?", (key,))
        rows("DELETE FROM purging WHERE conversation = ?", (key,))


def _conversation(row: Row) -> Conversation:
    identity, title, created, updated, prompt, parameters, model, leaf, titled, deleted, draft = row
    return Conversation(
        identity,
        title,
        created,
        updated,
        prompt,
        {} if parameters == "{}" else json.loads(parameters),
        model,
        leaf,
        titled == 1,
        deleted,
        draft,
    )


def _unknown(conversation_id: str) -> NotFound:
    if not conversation_id:
        return NotFound(
            "No conversation was named.",
            remedy=Remedy(terminal="See: chatdesk conversations list."),
        )
    return NotFound(
        f"There is no conversation {conversation_id}.", "It may have been deleted for good."
    )
