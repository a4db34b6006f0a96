"""Which keys in the system's keyring are this data directory's.

The keyring belongs to the person, the keys to a data directory: two of them share none by accident.
So each has an id of its own in a small file, which is part of the name under which the keyring
keeps its keys. The file remembers the path it was made for. A directory that was moved keeps its
id; a copy, beside which the original still stands, gets a new one and asks for its keys again.

The file also lists for whom the keyring was given a key (names, no secrets), so that the keyring,
which may ask for a password, is asked only where there is something to find.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatdesk.diagnostics import logger
from chatdesk.errors import StoreError
from chatdesk.files import file_lock, replace_file
from chatdesk.paths import DataDir

FILE_NAME = "keyring.json"
_LOCK_NAME = "keyring.lock"
_ID_BYTES = 8
_LARGEST = 1_000_000  # bytes; a file beyond is not ours


@dataclass(frozen=True, slots=True)
class Record:
    """What the file says: the id, the path it was made for, whose keys the keyring was given."""

    id: str
    path: str
    accounts: frozenset[str] = frozenset()

    def to_bytes(self) -> bytes:
        content = {"id": self.id, "path": self.path, "accounts": sorted(self.accounts)}
        return (json.dumps(content, indent=2) + "\n").encode()


class Scope:
    """The id of a data directory and the accounts it has in the keyring. Any thread may call.

    Every call reads the file: another process may have changed it. Methods that write raise
    StoreError where that cannot be done.
    """

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._path = data.root / FILE_NAME
        self._lock = threading.Lock()

    def current(self) -> Record | None:
        """The record as it is now; None where nothing was ever kept in the keyring."""
        record = _read(self._path)
        if record is None or record.path == self._here():
            return record
        with self._changing():
            record = _read(self._path)
            if record is None or record.path == self._here():
                return record
            if _is_copy(record, self._data.root):
                logger.info("The data directory is a copy: its keys are asked for again.")
                record = self._new()
            else:
                record = replace(record, path=self._here())
            self._write(record)
            return record

    def add(self, account: str) -> Record:
        """Note that the keyring is about to get a key for account; makes the id where needed."""
        known = self.current()
        if known is not None and account in known.accounts:
            return known
        self._data.create()
        with self._changing():
            record = _read(self._path) or self._new()
            record = replace(record, accounts=record.accounts | {account})
            self._write(record)
            return record

    def drop(self, account: str) -> None:
        """Note that the keyring has no key for account any more."""
        known = self.current()
        if known is None or account not in known.accounts:
            return
        with self._changing():
            record = _read(self._path)
            if record is not None:
                self._write(replace(record, accounts=record.accounts - {account}))

    def _here(self) -> str:
        return os.path.realpath(self._data.root)

    def _new(self) -> Record:
        return Record(secrets.token_hex(_ID_BYTES), self._here())

    def _write(self, record: Record) -> None:
        replace_file(self._path, record.to_bytes())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            self._data.run.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock, file_lock(self._data.run / _LOCK_NAME):
                yield
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror or error}.",
                "Check the permissions of the data directory and the space on the disk.",
                detail=type(error).__name__,
            ) from error


def _read(path: Path) -> Record | None:
    """The record in a file; None where there is none, or none that can be understood."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large")
        content: Any = json.loads(path.read_bytes())
        name, made_for, accounts = content["id"], content["path"], content["accounts"]
        if not (isinstance(name, str) and len(name) == 2 * _ID_BYTES and name.isalnum()):
            raise ValueError("no id")
        return Record(name, str(made_for), frozenset(map(str, accounts)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s is not understood (%s).", path.name, type(error).__name__)
        return None


def _is_copy(record: Record, here: Path) -> bool:
    """Whether the directory that record was made for is still there, with the same id."""
    original = Path(record.path)
    try:
        if os.path.samefile(original, here):  # noqa: PTH121 (another name of the same directory)
            return False
        found = _read(original / FILE_NAME)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # no path of this system
        return False
    except OSError:
        return True  # there, and not ours to look into: rather ask for the keys once more
    return found is not None and found.id == record.id
