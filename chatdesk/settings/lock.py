"""A short lock between processes, for read-change-replace of one file.

It belongs to the operating system, so it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 2.0  # seconds; a holder needs milliseconds
_PAUSE = 0.01


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock that the file at path stands for. Also keeps out other threads.

    Raises TimeoutError after PATIENCE, OSError where the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _try(descriptor):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is locked")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)  # lets go of the lock


if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Some network file systems have no locks. Two changes in the same millisecond are a
            # smaller harm than settings that cannot be changed.
            return True
        return True
