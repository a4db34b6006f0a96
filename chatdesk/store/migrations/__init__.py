"""The steps that made the database what it is, oldest first.

A step that was ever released is never changed, moved or taken out: the file of a person who
skipped five versions goes through the same steps as everybody's. A change of the schema is a new
module at the end.
"""

from __future__ import annotations

from chatdesk.store.migrations import v0001_conversations, v0002_providers

MIGRATIONS: tuple[str, ...] = (v0001_conversations.SQL, v0002_providers.SQL)
"""The SQL of each step; the schema's version is how many of them a database has gone through."""
