"""Small facts about the window that should be there again at the next start.

Where it stood, which conversation was open, how wide the sidebar was. Not settings: nobody edits
them, and losing one matters little.
"""

from __future__ import annotations

import json
from typing import Any

from chatdesk.store.database import Database
from chatdesk.store.values import storable, to_json


class State:
    """JSON values by name. Belongs to the database's thread; methods raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or default where none was ever set."""
        row = self._database.row("SELECT value FROM state WHERE key = ?", (storable(key),))
        return default if row is None else json.loads(row[0])

    def set(self, key: str, value: Any) -> None:
        """Keep a value; raises UsageError for one that JSON cannot hold."""
        with self._database.transaction():
            self._database.rows(
                "INSERT INTO state (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (storable(key), to_json(value)),
            )
