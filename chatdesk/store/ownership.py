"""Which process writes a reply, and whether it is still alive.

Each process that writes replies holds an operating-system lock on a file of its own in the run
folder. The lock ends with the process, however it ends, and is not inherited by a process with
the same number, so "the lock can be taken" means "the owner is dead". A command-line Chatdesk
started beside a running window therefore never takes the window's reply for a cut one.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from chatdesk.errors import StoreError

_PREFIX = "writer-"
_SUFFIX = ".lock"


class Owner:
    """This process (more exactly: this store) as a writer of replies.

    Belongs to the thread of the store. Nothing is written before claim().
    """

    def __init__(self, run: Path) -> None:
        """run is the folder of the locks."""
        self.id = secrets.token_hex(8)
        self._run = run
        self._descriptor: int | None = None

    def claim(self) -> str:
        """Take the lock if it is not held yet; returns the id. Raises StoreError."""
        if self._descriptor is not None:
            return self.id
        path = _lock_file(self._run, self.id)
        try:
            self._run.mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                if _lock(descriptor) and _is_still(path, descriptor):
                    break
                os.close(descriptor)  # a cleaner was quicker: it took the new file for an old one
        except OSError as error:
            raise StoreError(
                f"A lock could not be made in {self._run}: {error.strerror or error}.",
                "Check that the folder may be written to and that the disk is not full.",
                retryable=True,
                detail=str(error),
            ) from error
        self._descriptor = descriptor
        return self.id

    def release(self) -> None:
        """Give the lock back; twice is harmless."""
        if self._descriptor is not None:
            _remove(_lock_file(self._run, self.id), self._descriptor)
            self._descriptor = None


def is_alive(run: Path, owner: str) -> bool:
    """Whether the owner holds its lock. False also where there is no lock file.

    Raises OSError where the lock file cannot be read: then nobody can know.
    """
    try:
        descriptor = os.open(_lock_file(run, owner), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def clean(run: Path) -> None:
    """Remove the lock files of dead owners."""
    for path in run.glob(f"{_PREFIX}*{_SUFFIX}"):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            continue  # gone already, or not ours to remove
        if _lock(descriptor):
            _remove(path, descriptor)
        else:
            os.close(descriptor)


def _lock_file(run: Path, owner: str) -> Path:
    return run / f"{_PREFIX}{owner}{_SUFFIX}"


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)


def _remove(path: Path, descriptor: int) -> None:
    """Remove a lock file whose lock is held, and let go of it."""
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()
    else:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        # flock, not lockf: a POSIX lock is lost when any descriptor of the file is closed.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
