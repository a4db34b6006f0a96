"""Prompts and replies of a cluster's users, kept for export as fine-tuning data.

A database of its own: it belongs to whoever runs the cluster and has nothing to do with the
conversations of a window. Several processes may write to it; each exchange is kept once, whoever
brings it and however often.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import apsw

from chatdesk.errors import SchemaTooNew, StoreError

_APPLICATION_ID = 0x43446578  # "CDex"
_VERSION = 1
_SCHEMA = """
CREATE TABLE exchange (
    user TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at REAL NOT NULL,
    prompt TEXT NOT NULL,
    response TEXT NOT NULL,
    model TEXT NOT NULL,
    begins INTEGER NOT NULL CHECK (begins IN (0, 1)),
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    PRIMARY KEY (user, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX exchange_by_time ON exchange (user, at);
"""
_BUSY_MS = 10_000
_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """A prompt and its reply. at: Unix time in seconds; begins: it began a new conversation."""

    user: str
    request_id: str
    at: float
    prompt: str
    response: str
    model: str
    begins: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Exchanges:
    """The database. Used by one thread at a time; close() it. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                path.touch(mode=0o600)
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(_BUSY_MS)
            self._prepare()
        except (apsw.Error, OSError) as error:
            raise self._problem(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Twice is harmless."""
        with suppress(apsw.Error):
            self._connection.close()

    def add(self, exchanges: list[KeptExchange]) -> None:
        """Keep these, in one transaction; what is there already stays as it is."""
        try:
            with self._connection:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(exchange) for exchange in exchanges],
                )
        except apsw.Error as error:
            raise self._problem(error) from error

    def count(self) -> int:
        """How many exchanges are kept."""
        return int(next(self._rows("SELECT count(*) FROM exchange"))[0])

    def conversations(self, user: str | None = None) -> Iterator[list[KeptExchange]]:
        """The exchanges of each conversation in order, of one user or of all."""
        current: list[KeptExchange] = []
        rows = self._rows(
            "SELECT * FROM exchange WHERE ?1 IS NULL OR user = ?1 ORDER BY user, at, request_id",
            (user,),
        )
        for row in rows:
            exchange = _exchange(row)
            if current and (exchange.begins or exchange.user != current[0].user):
                yield current
                current = []
            current.append(exchange)
        if current:
            yield current

    def export(self, file: IO[str], user: str | None = None) -> int:
        """Write one JSON line per conversation, {"messages": [{"role", "content"}, ...]}.

        This is what chat fine-tuning tools read. Users are not named. Returns the number of lines.
        """
        lines = 0
        for exchanges in self.conversations(user):
            messages: list[dict[str, str]] = []
            for exchange in exchanges:
                messages.append({"role": "user", "content": exchange.prompt})
                messages.append({"role": "assistant", "content": exchange.response})
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
            lines += 1
        return lines

    def _prepare(self) -> None:
        self._write_ahead()
        self._connection.pragma("synchronous", "normal")
        # Several processes may come at once: who is first makes the tables.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            version = int(self._connection.pragma("user_version"))
            if version > _VERSION:
                raise SchemaTooNew(
                    f"{self._path.name} was written by a newer Chatdesk.", "Update Chatdesk."
                )
            if version == 0:
                self._connection.execute(_SCHEMA)
                self._connection.pragma("application_id", _APPLICATION_ID)
                self._connection.pragma("user_version", _VERSION)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _write_ahead(self) -> None:
        """SQLite does not wait by itself where another process does the same right now."""
        deadline = time.monotonic() + _BUSY_MS / 1000
        while True:
            try:
                self._connection.pragma("journal_mode", "wal")
                return
            except apsw.BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """One after the other: all of them may be more than the memory holds."""
        try:
            yield from self._connection.execute(sql, bindings)
        except apsw.Error as error:
            raise self._problem(error) from error

    def _problem(self, error: Exception) -> StoreError:
        return StoreError(
            f"The database {self._path.name} cannot be used.",
            "Is there room on the disk, and may this user write there?",
            retryable=True,
            detail=f"{type(error).__name__}: {error}",
        )


def _row(exchange: KeptExchange) -> tuple[Any, ...]:
    return (
        exchange.user,
        exchange.request_id,
        exchange.at,
        exchange.prompt,
        exchange.response,
        exchange.model,
        int(exchange.begins),
        exchange.prompt_tokens,
        exchange.completion_tokens,
    )


def _exchange(row: tuple[Any, ...]) -> KeptExchange:
    user, request_id, at, prompt, response, model, begins, prompt_tokens, completion_tokens = row
    return KeptExchange(
        user,
        request_id,
        at,
        prompt,
        response,
        model,
        bool(begins),
        prompt_tokens,
        completion_tokens,
    )
