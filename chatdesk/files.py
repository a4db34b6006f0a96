"""Small files that several processes change: replaced in one step, under a short lock.

A file written with replace_file() is at any moment, also after a power cut, either the old one or
the new one; where that is not worth waiting for the disk, replace_quickly() does without the power
cut. file_lock() belongs to the operating system, so it ends with the process that holds it,
however that ends. Nothing here knows what is in the files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

Signature = tuple[int, int, int]

MOST_ASIDE = 20  # copies of one file; somebody should have looked by then
# Seconds. A holder needs milliseconds where nothing else writes; beside a program that writes much
# it may have to wait seconds for the disk.
PATIENCE = 10.0
_PAUSE = 0.01


class NotAFile(OSError):
    """A pipe, a socket, a device."""


def replace_file(path: Path, content: bytes) -> None:
    """Put content in place of a file, or make it, readable by its owner only. Raises OSError.

    Waits for the disk, which may take seconds.
    """
    _replace(path, content, durably=True)
    if os.name == "posix":  # the new name itself must survive a power cut
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def replace_quickly(path: Path, content: bytes) -> None:
    """As replace_file(), but not waiting for the disk: for what can be made again.

    After a power cut the file may be empty or damaged.
    """
    _replace(path, content, durably=False)


def keep_aside(path: Path, content: bytes | None) -> None:
    """Keep what is about to be replaced as NAME.rejected-<n>.json; what is kept already is not
    kept twice. content: its bytes, None for a file that cannot be read, which is moved. Raises
    OSError.
    """
    if content is None and not path.is_file():
        return
    for number in range(1, MOST_ASIDE + 1):
        kept = path.with_name(f"{path.stem}.rejected-{number}{path.suffix}")
        if not kept.exists():
            break
        if content is not None and _same(kept, content):
            return
    if content is None:
        path.replace(kept)
    else:
        replace_file(kept, content)


def signature_of(path: Path) -> Signature | None:
    """What tells one state of a file from another; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def open_to_read(path: Path) -> BinaryIO:
    """Open a file that may be anything, without waiting (for the writer of a pipe, say).

    Raises NotAFile for what is neither a file nor a folder, OSError for the rest.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise NotAFile(errno.EINVAL, "it is not a file", str(path))


def _replace(path: Path, content: bytes, *, durably: bool) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durably:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _same(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content


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
