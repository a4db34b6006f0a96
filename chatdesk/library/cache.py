"""Remembers what was found in model files, so that listing a large folder reads no file twice.

An entry holds while the sizes and times of the model's files stay as they were. The cache is a file
in the data directory; it may be deleted at any time, and one that makes no sense is ignored.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from chatdesk.errors import ModelError
from chatdesk.files import replace_quickly
from chatdesk.library.models import ModelInfo, inspect, parts

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Signature = tuple[tuple[int, int], ...]

_MISSING = (-1, -1)
_LARGEST_FILE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found: info, or why there is none."""

    signature: Signature
    info: ModelInfo | None = None
    what: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class _Document:
    # Raise it whenever inspect() comes to say something else about the same file.
    version: Literal[2]
    entries: dict[str, Entry]


class InspectionCache:
    """inspect() with a memory. Any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._entries: dict[str, Entry] | None = None
        self._changed = False

    def inspect(self, path: Path) -> ModelInfo:
        """As models.inspect(); raises ModelError."""
        signature = _signature(path)
        with self._guard:
            entry = self._loaded().get(str(path))
        if entry is None or entry.signature != signature:
            entry = self._read(path, signature)
        if entry.info is None:
            raise ModelError(entry.what, entry.advice)
        return entry.info

    def keep_only(self, paths: set[str]) -> None:
        """Forget what is about other files, and save if anything changed. Never raises."""
        with self._guard:
            entries = self._loaded()
            for gone in entries.keys() - paths:
                del entries[gone]
                self._changed = True
            if not self._changed:
                return
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_quickly(self._path, _adapter().dump_json(_Document(2, entries)))
            except OSError:
                return  # a cache that cannot be saved is only slower
            self._changed = False

    def _read(self, path: Path, signature: Signature) -> Entry:
        try:
            entry = Entry(signature, inspect(path))
        except ModelError as error:
            if isinstance(error.__cause__, OSError):
                raise  # permissions change without changing the file
            entry = Entry(signature, None, error.what, error.advice)
        if _is_text(path):
            with self._guard:
                self._loaded()[str(path)] = entry
                self._changed = True
        return entry

    def _loaded(self) -> dict[str, Entry]:
        if self._entries is None:
            self._entries = {}
            try:
                if self._path.is_file() and self._path.stat().st_size <= _LARGEST_FILE:
                    self._entries = _adapter().validate_json(self._path.read_bytes()).entries
            except (OSError, ValueError):  # pydantic's errors are ValueErrors
                self._entries = {}
        return self._entries


def _adapter() -> TypeAdapter[_Document]:
    from pydantic import TypeAdapter  # most of a tenth of a second, which no window waits for

    return TypeAdapter(_Document)


def _is_text(path: Path) -> bool:
    """Whether a path can stand in a JSON file: not all names are UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _signature(path: Path) -> Signature:
    return tuple(_stat(part) for part in parts(path))


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return _MISSING
    return found.st_size, found.st_mtime_ns
