"""Files that only their owner can read: the database, what SQLite keeps beside it, and copies.

SQLite gives its -wal and -shm files the mode of the database, so it is enough that the database
exists with the right mode before SQLite opens it. The process's umask is left alone: it belongs
to all threads.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MODE = 0o600


def create_private(path: Path) -> bool:
    """Make an empty file of mode 0600; False where something is there already. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return False
    os.close(descriptor)
    return True


def make_private(path: Path) -> None:
    """Take all rights on a file from everybody else; a missing file is no error. Raises OSError.

    Goes by the name and never opens the file: closing any descriptor of a database drops the locks
    that all connections of this process hold on it (POSIX advisory locks).
    """
    # A file of somebody else's that we may write is shared on purpose and not ours to change.
    with suppress(FileNotFoundError, PermissionError):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            path.chmod(mode & 0o700)
