"""A folder of model files: what is in it, its trash, and copies put into it.

A model in several parts is handled as one. The trash is a hidden folder inside, so throwing away
and taking back are quick whatever the size, and a model keeps its sub-folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from chatdesk.errors import ModelError
from chatdesk.library.models import is_later_part, is_there, parts
from chatdesk.library.words import shown, size_text

_DEPTH = 2  # sub-folders that are looked into: publisher/model/file
_TRASH = ".trash"


class ModelsFolder:
    """One folder, which need not exist. Any thread; every method uses the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def scan(self) -> Iterator[Path]:
        """The first file of each model in it, and each folder that cannot be read, by name."""
        return _scan(self._path, _DEPTH)

    def throw_away(self, path: Path) -> Path:
        """Move a model to the trash; returns its new place. Raises ModelError."""
        place = path.relative_to(self._path)
        number = 1
        while True:
            trash = self._path / (_TRASH if number == 1 else f"{_TRASH}-{number}")
            if not any(os.path.lexists(part) for part in parts(trash / place)):
                return self._move(path, trash / place)
            number += 1

    def take_back(self, trashed: Path) -> Path:
        """Move a model from the trash to its place; returns that. Raises ModelError."""
        return self._move(trashed, self._path.joinpath(*trashed.relative_to(self._path).parts[1:]))

    def trashed(self, path: Path) -> Path | None:
        """Where in the trash a model is; path may be its place there or the one it had before."""
        if not path.is_relative_to(self._path):
            return None
        place = path.relative_to(self._path)
        if place.parts and place.parts[0].startswith(_TRASH):
            return path if is_there(path) else None
        if is_there(path):
            return None
        trashes = sorted(self._path.glob(f"{_TRASH}*"), reverse=True)
        return next((trash / place for trash in trashes if is_there(trash / place)), None)

    def copy(self, path: Path) -> Path:
        """Copy a model into the folder; returns the copy. Takes long. Raises ModelError."""
        folder = self._path
        sources = parts(path)
        target = folder / path.name
        temporary: Path | None = None
        try:
            size = sum(part.stat().st_size for part in sources)
            if target.exists():
                if all(_same_size(part, folder / part.name) for part in sources):
                    return target  # it was copied before
                raise ModelError(
                    f"There is another model {shown(target)} in the models folder already.",
                    "Rename the file, or add it without copying.",
                )
            for made in (folder.parent, folder):  # the data directory too is its owner's only
                made.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if free < size:
                raise ModelError(
                    f"There is no room for a copy: it needs {size_text(size)} and "
                    f"{size_text(free)} are free.",
                    "Add the model without copying.",
                )
            # The first part comes last: a model whose copying was cut off is not listed.
            for part in reversed(sources):
                temporary = folder / f".{part.name}.copying"
                shutil.copyfile(part, temporary)
                temporary.replace(folder / part.name)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise ModelError(
                f"{shown(path)} could not be copied: {error.strerror or error}.",
                "Check the space on the disk, or add the model without copying.",
                retryable=True,
                detail=str(error),
            ) from error
        return target

    def _move(self, path: Path, target: Path) -> Path:
        """Move all parts of a model; returns the new place of the first."""
        taken = next((part for part in parts(target) if os.path.lexists(part)), None)
        if taken is not None:
            raise ModelError(
                f"There is a model {shown(taken)} in the models folder already.",
                "Remove or rename it first.",
            )
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part, new in zip(parts(path), parts(target), strict=True):
                if os.path.lexists(part):
                    part.replace(new)
        except OSError as error:
            raise ModelError(
                f"{shown(path)} could not be moved: {error.strerror or error}.",
                "Check that no other program uses it and that the folder can be written to.",
                retryable=True,
                detail=str(error),
            ) from error
        return target


def _same_size(one: Path, other: Path) -> bool:
    return other.is_file() and one.stat().st_size == other.stat().st_size


def _scan(folder: Path, depth: int) -> Iterator[Path]:
    """The GGUF files in a folder, and each folder that cannot be read (but not what is hidden)."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError:
        yield folder
        return
    for entry in found:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            if depth:
                yield from _scan(Path(entry.path), depth - 1)
        elif entry.name.lower().endswith(".gguf"):
            path = Path(entry.path)
            if not (is_later_part(path) and is_there(parts(path)[0])):
                yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a ring
        return False
