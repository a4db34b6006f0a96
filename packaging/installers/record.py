"""What was built from which sources, so that only what is missing or old is built again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from installers.project import ROOT

# What the installers are made of and made by.
SOURCES = ("chatdesk", "docs/images", "packaging", "resources", "CHANGELOG.md", "pyproject.toml")
# What decides how they are made, whatever Chatdesk itself does.
HOW = ("packaging", "resources", "pyproject.toml")


def sources_key(names: Iterable[str], root: Path = ROOT) -> str:
    """Changes with every file below these names: its path or its bytes. Needs no git."""
    digest = hashlib.sha256()
    for name in names:
        place = root / name
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class Record:
    """What was built, by a name for it ("frozen", "deb"), in a small file."""

    def __init__(self, file: Path, key: str) -> None:
        self._file = file
        self._key = key

    def is_current(self, name: str) -> bool:
        """Whether it was built from these sources, and is still there as it was built."""
        noted = self._read().get(name)
        if not isinstance(noted, dict) or noted.get("key") != self._key:
            return False
        files = noted.get("files", {})
        return bool(files) and all(_size(Path(path)) == size for path, size in files.items())

    def forget(self, name: str) -> None:
        """Before it is built: an interrupted build leaves nothing that looks whole."""
        noted = self._read()
        if noted.pop(name, None) is not None:
            self._write(noted)

    def note(self, name: str, files: Sequence[Path]) -> None:
        """It was built: these files (of a folder, one file in it that every build writes)."""
        sizes = {str(path): _size(path) for path in files}
        self._write(self._read() | {name: {"key": self._key, "files": sizes}})

    def _read(self) -> dict[str, object]:
        try:
            noted = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _write(self, noted: dict[str, object]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
