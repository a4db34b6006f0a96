"""Where the tests below the window keep their files: in memory, if there is room for them there.

They make thousands of databases and settings, each of which waits for the disk as a person's does;
no test cuts the power. That was more than half of their time.
"""

from __future__ import annotations

import os
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 1024 * 1024 * 1024  # bytes; all tests together need less than half of it


def pytest_configure() -> None:
    """Before anything asks for a folder."""
    if has_room(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def has_room(folder: Path) -> bool:
    """Whether there is a file system in memory that programs can be written to and run from."""
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC
