"""Give replies whose process died an end: interrupted, with every word that was saved."""

from __future__ import annotations

import logging
from pathlib import Path

from chatdesk.chat.messages import Status
from chatdesk.store.database import Database
from chatdesk.store.ownership import Owner, clean, is_alive

_log = logging.getLogger(__name__)


def recover(database: Database, run: Path, owner: Owner) -> list[str]:
    """Finish the replies of dead owners as interrupted; returns the ids of the messages.

    Replies of living processes and of `owner` itself are left alone. May be called at any time;
    does nothing quickly where no reply is being written. Raises StoreError.
    """
    owners = database.rows("SELECT DISTINCT owner FROM messages WHERE owner IS NOT NULL")
    dead = [found for (found,) in owners if found != owner.id and not _alive(run, found)]
    recovered: list[str] = []
    for found in dead:
        with database.durable():
            recovered += _end_replies(database, found)
    clean(run)
    if recovered:
        _log.info("%d replies of a process that died were kept as interrupted", len(recovered))
    return recovered


def _alive(run: Path, owner: str) -> bool:
    try:
        return is_alive(run, owner)
    except OSError as error:
        # A reply that cannot be told to be dead is left as it is.
        _log.warning("the lock of a writer cannot be read: %s", error)
        return True


def _end_replies(database: Database, owner: str) -> list[str]:
    replies = database.rows(
        "SELECT key, id, content, reasoning FROM messages WHERE owner = ?", (owner,)
    )
    for key, _id, content, reasoning in replies:
        grown = database.rows(
            "SELECT kind, text FROM chunks WHERE message = ? ORDER BY key", (key,)
        )
        database.rows("DELETE FROM chunks WHERE message = ?", (key,))
        database.rows(
            "UPDATE messages SET content = ?, reasoning = ?, status = ?, owner = NULL"
            " WHERE key = ?",
            (
                content + "".join(text for kind, text in grown if kind == "text"),
                reasoning + "".join(text for kind, text in grown if kind == "reasoning"),
                Status.INTERRUPTED.value,
                key,
            ),
        )
    return [message_id for _key, message_id, _content, _reasoning in replies]
