"""Bring a database's schema up to date.

Each step runs in one transaction, so a step that fails or is killed leaves the state before it. A
copy of an existing database is made first. A file that a newer Chatdesk wrote, or another
program, is refused before a byte of it is changed. Two processes may start at the same moment:
whoever comes second finds the work done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import apsw

from chatdesk.errors import SchemaTooNew, StoreError
from chatdesk.store.backup import copy_database
from chatdesk.store.problems import describe

APPLICATION_ID = 0x43484154  # "CHAT"; it marks the file as ours

_log = logging.getLogger(__name__)


def check_version(
    connection: apsw.Connection, path: Path, newest: int, *, exactly: bool = False
) -> None:
    """Refuse a file that this Chatdesk cannot use; reads only.

    newest: the version this Chatdesk knows. exactly: an older file is refused, too.
    """
    version = _version(connection)
    empty = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    ours = connection.execute("PRAGMA application_id").get == APPLICATION_ID
    if not ours and not empty:
        raise StoreError(
            f"{path} is a database of another program.",
            "Choose another folder with --data-dir.",
        )
    if version > newest:
        raise SchemaTooNew(
            "These conversations were saved by a newer Chatdesk.",
            "Install that version or a newer one. Nothing was changed.",
            detail=f"schema {version}, this Chatdesk knows {newest} ({path})",
        )
    if exactly and version < newest:
        raise StoreError(
            "These conversations were saved by an older Chatdesk.",
            "Open them once for writing, so that they are brought up to date.",
            detail=f"schema {version}, this Chatdesk knows {newest} ({path})",
        )


def migrate(
    connection: apsw.Connection, path: Path, backups: Path, migrations: Sequence[str]
) -> None:
    """Run the steps that the database has not gone through; connection is in no transaction.

    Foreign keys must be off (a step may rebuild a table); they are checked after each step.
    """
    version = _version(connection)
    if version >= len(migrations):
        return
    if version > 0:
        copy = _name_of_copy(path, backups, version)
        _log.info("copying the database to %s before an update", copy.name)
        copy_database(connection, copy)
    for step in range(version + 1, len(migrations) + 1):
        _run_step(connection, path, backups, step, migrations[step - 1])


def _run_step(connection: apsw.Connection, path: Path, backups: Path, step: int, sql: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) < step:
            connection.execute(sql)
            if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
                raise apsw.ConstraintError(f"broken links: {broken[:5]}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {step}")
        connection.execute("COMMIT")
    except apsw.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if describe(error, path, backups) is not None:
            raise
        raise StoreError(
            "The conversations could not be brought up to date for this Chatdesk.",
            f"Nothing was lost: they are as they were, and a copy is in {backups}.",
            detail=f"step {step}: {error}",
        ) from error


def _version(connection: apsw.Connection) -> int:
    version = connection.execute("PRAGMA user_version").get
    assert isinstance(version, int)
    return version


def _name_of_copy(path: Path, backups: Path, version: int) -> Path:
    stem = f"{path.stem}-v{version}-{time.strftime('%Y%m%d-%H%M%S')}"
    copy = backups / f"{stem}.db"
    number = 1
    while copy.exists():
        number += 1
        copy = backups / f"{stem}-{number}.db"
    return copy
