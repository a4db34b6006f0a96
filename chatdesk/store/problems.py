"""What can go wrong with a database, told in words.

SQLite's errors are turned into StoreError here and nowhere else. An error that only a mistake in
our own SQL or a broken promise of our own can cause (a violated constraint, a misuse of the
library) is a bug: it is left as it is and reaches the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from chatdesk.errors import StoreError

_IN_USE = (apsw.BusyError, apsw.LockedError, apsw.ProtocolError)
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_FORBIDDEN = (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError)


@contextmanager
def worded(path: Path, backups: Path) -> Iterator[None]:
    """Raise SQLite's expected errors of the block as StoreError; path is the database."""
    try:
        yield
    except apsw.Error as error:
        problem = describe(error, path, backups)
        if problem is None:
            raise
        raise problem from error


def describe(error: apsw.Error, path: Path, backups: Path) -> StoreError | None:
    """The error in words; None where it is a bug and not an expected error."""
    detail = f"{type(error).__name__}: {error} ({path})"
    if isinstance(error, _IN_USE):
        return StoreError(
            "The conversations are being changed by another Chatdesk.",
            "Try again in a moment.",
            retryable=True,
            detail=detail,
        )
    if isinstance(error, _DAMAGED):
        return damaged(path, backups, detail)
    if isinstance(error, apsw.FullError):
        return StoreError(
            "The disk is full.", "Free some space and try again.", retryable=True, detail=detail
        )
    if isinstance(error, _FORBIDDEN):
        return StoreError(
            f"The conversations in {path} cannot be changed: the file or its folder is read-only.",
            "Change its permissions, or choose another folder with --data-dir.",
            detail=detail,
        )
    if isinstance(error, apsw.CantOpenError):
        return StoreError(
            f"The conversations in {path} cannot be opened.",
            "Check that the folder exists and that you may read and write in it.",
            detail=detail,
        )
    if isinstance(error, apsw.IOError):
        return StoreError(
            f"The disk failed to read or write {path}.",
            "Check that the disk works and is not full, then try again.",
            retryable=True,
            detail=detail,
        )
    if isinstance(error, apsw.TooBigError):
        return StoreError("This text is too large to be saved.", "Shorten it.", detail=detail)
    return None


def damaged(path: Path, backups: Path, detail: str = "") -> StoreError:
    """The error for a file that is no sound database. Nothing is deleted or replaced."""
    try:
        copies = sorted(copy.name for copy in backups.glob("*.db"))
    except OSError:
        copies = []
    if copies:
        advice = f"Move it aside and put a copy from {backups} in its place ({copies[-1]})."
    else:
        advice = f"Move it aside to start anew. Copies would be in {backups}; there is none."
    return StoreError(
        f"The file with the conversations is damaged: {path}.",
        f"{advice} Nothing was deleted.",
        detail=detail,
    )
