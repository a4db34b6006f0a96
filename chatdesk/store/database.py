"""The connection to the database: how it is opened, its transactions, and what they promise.

- transaction(): all or nothing; in the file at once for every process, on the disk soon. Never
  waits for the disk.
- durable(): the same, and when it returns the words survive a power cut.
- snapshot(): several reads that see one state.

The file is in WAL mode, so readers and a writer do not wait for each other; two writers wait at
most BUSY_TIMEOUT. Copying the WAL back into the database (a checkpoint) waits for the disk, so it
is done after a durable transaction, which has waited anyway, and at the end.

A Database belongs to the thread that opened it; another thread opens its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import apsw

from chatdesk.errors import StoreError
from chatdesk.store.backup import copy_database
from chatdesk.store.migrate import check_version, migrate
from chatdesk.store.migrations import MIGRATIONS
from chatdesk.store.private import create_private, make_private
from chatdesk.store.problems import worded

BUSY_TIMEOUT = 3.0  # seconds a write waits for another process's write
CHECKPOINT_PAGES = 1000  # of WAL (4 MB), after which a durable transaction checkpoints
MOST_PAGES = 16_000  # of WAL (64 MB), after which any transaction does

_log = logging.getLogger(__name__)

Row = tuple[Any, ...]
Mode = Literal["read", "write", "durable"]


class Database:
    """One connection. Raises StoreError (worded) whenever the file cannot be used."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        backups: Path | None = None,
        migrations: Sequence[str] = MIGRATIONS,
    ) -> None:
        """Open the file, make it where it is missing, and bring its schema up to date.

        backups: the folder of the copy made before an update (default: "backups" beside the
        file). read_only: the file must exist and be up to date, and nothing is written.
        Raises SchemaTooNew (and leaves the file alone) where a newer Chatdesk wrote it.
        """
        self.path = path
        self.backups = path.parent / "backups" if backups is None else backups
        self.read_only = read_only
        self._thread = threading.get_ident()
        self._mode: Mode | None = None
        self._closed = False
        self._wal_pages = 0
        self._relaxed = "NORMAL"
        if not read_only:
            self._prepare_files()
        flags = (
            apsw.SQLITE_OPEN_READONLY
            if read_only
            else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        )
        with worded(self.path, self.backups):
            self._connection = apsw.Connection(str(path), flags=flags)
        try:
            with worded(self.path, self.backups):
                self._set_up(migrations)
        except BaseException:
            self._connection.close(True)
            raise

    # -- statements -----------------------------------------------------------------------------

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and return all its rows."""
        self._check_thread()
        with worded(self.path, self.backups):
            return self._connection.execute(sql, bindings).fetchall()

    def row(self, sql: str, bindings: Sequence[Any] = ()) -> Row | None:
        """The first row of a statement, None where it gives none."""
        found = self.rows(sql, bindings)
        return found[0] if found else None

    # -- transactions -----------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes of the block or, if it raises, none. Blocks may be nested.

        An inner block that raises is taken back alone if the outer one goes on.
        """
        if self._mode is None:
            with self._outermost("write"):
                yield
        elif self._mode == "read":
            raise RuntimeError("a snapshot cannot become a transaction")
        else:
            with self._nested():
                yield

    @contextmanager
    def durable(self) -> Iterator[None]:
        """A transaction that is on the disk when the block is left. May stand around others."""
        if self._mode is None:
            with self._outermost("durable"):
                yield
        elif self._mode == "durable":
            with self._nested():
                yield
        else:
            raise RuntimeError("only the outermost transaction can be durable")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads of the block see the same state of the database."""
        if self._mode is not None:
            yield
            return
        self._run("BEGIN")
        self._mode = "read"
        try:
            yield
        finally:
            self._mode = None
            self._run("ROLLBACK")

    # -- about the file ---------------------------------------------------------------------------

    def data_version(self) -> int:
        """A number that changes when another connection (of any process) changed the file."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def schema_version(self) -> int:
        """How many migrations the file has gone through."""
        return int(self.rows("PRAGMA user_version")[0][0])

    def check(self) -> list[str]:
        """Read the whole file and tell what is damaged; empty where it is sound.

        Takes seconds for a large file: not for the window's thread.
        """
        self._check_thread()
        found: list[str] = []
        with worded(self.path, self.backups):
            try:
                for (line,) in self._connection.execute("PRAGMA integrity_check(20)"):
                    found.append(str(line))
                for row in self._connection.execute("PRAGMA foreign_key_check"):
                    found.append(f"a broken link in {row[0]}")
            except apsw.CorruptError as error:  # too damaged to be looked through to the end
                found.append(str(error))
        return [line for line in found if line != "ok"]

    def backup(self, destination: Path) -> None:
        """Copy the database as it is now into a new file of mode 0600.

        Raises StoreError where the copy cannot be made or the file exists. The copy is whole and
        on the disk when this returns; other processes may go on writing meanwhile.
        """
        self._check_thread()
        with worded(destination, self.backups):
            copy_database(self._connection, destination)

    def shrink_log(self) -> None:
        """Empty the WAL, so that words deleted for good are in no file any more.

        Where another process reads at this moment it is left for later.
        """
        self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def close(self) -> None:
        """Close the connection; twice is harmless. The last one to close empties the WAL."""
        self._check_thread()
        if not self._closed:
            with worded(self.path, self.backups):
                self._connection.close()
            self._closed = True

    # -- inner ------------------------------------------------------------------------------------

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a Database is used by the thread that opened it")

    def _prepare_files(self) -> None:
        try:
            if not create_private(self.path):
                for suffix in ("", "-wal", "-shm"):
                    make_private(self.path.with_name(self.path.name + suffix))
        except OSError as error:
            raise StoreError(
                f"The conversations in {self.path} cannot be opened: "
                f"{error.strerror or 'the file cannot be made'}.",
                "Check that the folder exists and that you may write in it, or choose another "
                "with --data-dir.",
                detail=str(error),
            ) from error

    def _set_up(self, migrations: Sequence[str]) -> None:
        connection = self._connection
        connection.set_busy_timeout(round(BUSY_TIMEOUT * 1000))
        check_version(connection, self.path, len(migrations), exactly=self.read_only)
        connection.execute("PRAGMA trusted_schema = OFF")  # the file may come from anywhere
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA cache_size = -8000")  # kilobytes
        connection.execute("PRAGMA temp_store = MEMORY")  # no words in temporary files
        # Without it INSERT OR REPLACE deletes rows without asking the triggers.
        connection.execute("PRAGMA recursive_triggers = ON")
        if not self.read_only:
            self._start_writing()
            migrate(connection, self.path, self.backups, migrations)
            connection.execute(f"PRAGMA synchronous = {self._relaxed}")
        connection.execute("PRAGMA foreign_keys = ON")

    def _start_writing(self) -> None:
        connection = self._connection
        if connection.readonly("main"):  # SQLite falls back to reading without a word
            raise apsw.ReadOnlyError("the file cannot be opened for writing")
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:  # SQLite does not wait by itself when two processes set the mode at once
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").get
                break
            except apsw.BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        if mode != "wal":  # some network drives; without a WAL only FULL keeps the file sound
            _log.warning("the database's journal mode is %s", mode)
            self._relaxed = "FULL"
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone stops at the drive
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is purged is overwritten
        connection.set_wal_hook(self._note_wal)  # in place of SQLite's own checkpoints

    def _note_wal(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    @contextmanager
    def _outermost(self, mode: Mode) -> Iterator[None]:
        self._check_thread()
        if mode == "durable":
            self._run("PRAGMA synchronous = FULL")
        try:
            self._run("BEGIN IMMEDIATE")
            self._mode = mode
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors (a full disk).
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise
            finally:
                self._mode = None
        finally:
            if mode == "durable":
                self._run(f"PRAGMA synchronous = {self._relaxed}")
        if self._wal_pages >= (CHECKPOINT_PAGES if mode == "durable" else MOST_PAGES):
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self._run("SAVEPOINT nested")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._run("ROLLBACK TO nested")
                self._run("RELEASE nested")
            raise
        self._run("RELEASE nested")

    def _run(self, sql: str) -> None:
        with worded(self.path, self.backups):
            self._connection.execute(sql)

    def _checkpoint(self, mode: int) -> None:
        # The transaction is safe in the WAL whatever happens here, so it is no error for the
        # person; the next one tries again.
        try:
            self._connection.wal_checkpoint(mode=mode)
            self._wal_pages = 0
        except apsw.Error as error:
            _log.info("a checkpoint was not possible: %s", error)
