"""The store as the rest of Chatdesk gets it: one object with the parts, opened and recovered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chatdesk.paths import DataDir
from chatdesk.store.conversations import Conversations
from chatdesk.store.database import Database
from chatdesk.store.messages import Messages
from chatdesk.store.ownership import Owner
from chatdesk.store.recovery import recover
from chatdesk.store.state import State


@dataclass(frozen=True, slots=True)
class Store:
    """Belongs to the thread that opened it; another thread opens its own."""

    database: Database
    conversations: Conversations
    messages: Messages
    state: State
    owner: Owner
    run: Path  # the folder of the writers' locks

    def data_version(self) -> int:
        """A number that changes when another process changed something; costs microseconds."""
        return self.database.data_version()

    def recover(self) -> list[str]:
        """End the replies of processes that died since; returns the messages' ids.

        open_store() has done it once; a window that sees another process come and go may again.
        """
        return recover(self.database, self.run, self.owner)

    def close(self) -> None:
        """Close the database; twice is harmless. Replies begun and not finished count as cut."""
        self.database.close()
        self.owner.release()


def open_store(data: DataDir) -> Store:
    """Open the conversations of a data directory, making what is missing.

    Replies of processes that died are there afterwards as interrupted. Raises StoreError
    (SchemaTooNew for the file of a newer Chatdesk) with what to do.
    """
    data.create()
    database = Database(data.database, backups=data.backups)
    owner = Owner(data.run)
    store = Store(
        database=database,
        conversations=Conversations(database),
        messages=Messages(database, owner),
        state=State(database),
        owner=owner,
        run=data.run,
    )
    try:
        store.recover()
    except BaseException:
        store.close()
        raise
    return store
