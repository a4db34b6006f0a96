"""Copy a database while it is in use, by SQLite's own backup.

The copy is written under another name and renamed when it is whole and on the disk: a file with
the final name is always a complete database, in one file, of mode 0600.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from chatdesk.errors import StoreError
from chatdesk.store.private import create_private

_PAGES_A_STEP = 4096


def copy_database(source: apsw.Connection, destination: Path) -> None:
    """Write a copy of source to a new file.

    Raises StoreError where the file exists or its folder cannot be used, apsw.Error where SQLite
    cannot copy. What was written of a failed copy is removed.
    """
    part = destination.with_name(f"{destination.name}.{os.getpid()}.part")
    try:
        destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if destination.exists():
            raise StoreError(f"{destination} exists already.", "Choose another name.")
        part.unlink(missing_ok=True)
        create_private(part)
        try:
            _copy(source, part)
            _to_disk(part)
            part.replace(destination)
        finally:
            part.unlink(missing_ok=True)
        if os.name == "posix":
            _to_disk(destination.parent)
    except OSError as error:
        raise StoreError(
            f"A copy of the conversations could not be written to {destination}: "
            f"{error.strerror or 'the file cannot be made'}.",
            "Check that the folder may be written to and that the disk is not full.",
            detail=str(error),
        ) from error


def _copy(source: apsw.Connection, part: Path) -> None:
    target = apsw.Connection(str(part), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        with target.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(_PAGES_A_STEP)
        # The copy says that it is in WAL mode; a file that is kept should need no others.
        target.execute("PRAGMA journal_mode = DELETE")
    finally:
        target.close()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
