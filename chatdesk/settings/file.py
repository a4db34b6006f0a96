"""settings.json: loaded without ever failing, saved without ever being half written.

The window and the command line may change settings at the same time: every change takes a short
lock, reads the file again, puts its own keys in, and replaces the file in one step. What cannot be
understood in the file is told in SettingsFile.problems, kept in a copy beside it, and replaced by
defaults. Only what was set is written, so a default that gets better reaches everyone.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesk.errors import SettingsError
from chatdesk.files import (
    Signature,
    file_lock,
    keep_aside,
    open_to_read,
    replace_file,
    signature_of,
)
from chatdesk.settings.declared import Settings
from chatdesk.settings.table import OPTIONS, option, settings_with, validate

# Far above what the longest system prompt needs; a larger file is something else.
LARGEST_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a file says: its valid values by key, what is wrong, and then its bytes.

    broken: nothing of it could be understood; content is None where it could not even be read.
    """

    values: dict[str, Any]
    problems: tuple[str, ...] = ()
    content: bytes | None = None
    signature: Signature | None = None
    broken: bool = False


class SettingsFile:
    """The settings of one data directory.

    `values` and `problems` may be read by any thread: they are replaced, never changed. The methods
    may be called by any thread too; subscribers are called by the thread that made the change.
    """

    def __init__(self, path: Path) -> None:
        """Load the file. Never raises: whatever is wrong with it is in `problems`."""
        # A settings file that is a link keeps being one: what it points to is replaced.
        self._path = Path(os.path.realpath(path))
        self._guard = threading.RLock()
        self._subscribers: list[Callable[[str], None]] = []
        self._set: dict[str, Any] = {}
        self._signature: Signature | None = None
        self._values = Settings()
        self._problems: tuple[str, ...] = ()
        reading = self._read()
        self._take(reading)
        if reading.content is not None:
            # Where this cannot be saved now, the next change that can be puts it right.
            with contextlib.suppress(SettingsError):
                self._change(lambda current: current)

    @property
    def path(self) -> Path:
        """Where the settings are kept."""
        return self._path

    @property
    def values(self) -> Settings:
        """The settings in force."""
        return self._values

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong with the file when it was last read, one worded sentence each."""
        return self._problems

    def get(self, key: str) -> Any:
        """The value in force; raises SettingsError for a key that does not exist."""
        entry = option(key)
        return getattr(getattr(self._values, entry.group), entry.name)

    def is_set(self, key: str) -> bool:
        """Whether the file has a value of its own for this key (it may equal the default)."""
        return option(key).key in self._set

    def set(self, key: str, value: Any) -> None:
        """Validate and save one setting (a typed value or a string). Raises SettingsError."""
        self.set_many({key: value})

    def set_many(self, values: Mapping[str, Any]) -> None:
        """Save several settings, all or none. Raises SettingsError."""
        checked = {key: validate(key, value) for key, value in values.items()}
        self._change(lambda current: {**current, **checked})

    def save(self, key: str, value: Any) -> None:
        """Save one setting and leave it to set() or reload_if_changed() to take it over, in the
        thread of the subscribers: this one may be one that can wait. Raises SettingsError.
        """
        checked = {option(key).key: validate(key, value)}
        with self._writing():
            self._put(lambda current: {**current, **checked})

    def reset(self, *keys: str) -> None:
        """Go back to the defaults for these keys. Raises SettingsError."""
        known = {option(key).key for key in keys}
        self._change(lambda current: {k: v for k, v in current.items() if k not in known})

    def reload_if_changed(self) -> tuple[str, ...]:
        """Take over what another process saved; returns the keys whose values changed.

        Costs one stat() when nothing changed. A file that cannot be understood (perhaps it is being
        edited) changes nothing but `problems`.
        """
        with self._guard:
            if signature_of(self._path) == self._signature:
                return ()
            reading = self._read()
            if reading.broken:
                self._problems = reading.problems
                self._signature = reading.signature
                return ()
            changed = self._take(reading)
        self._tell(changed)
        return changed

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call callback(key) after each change of a value; returns what ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    # -- inner --------------------------------------------------------------------------------

    def _change(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        with self._guard, self._writing():
            changed = self._take(self._put(edit))
        self._tell(changed)

    def _put(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> _Reading:
        """Under the lock: put the edited file in the place of the one that is there."""
        reading = self._read()
        # A file that broke since it was read must not take the other settings with it.
        current = self._set if reading.broken else reading.values
        wanted = edit(dict(current))
        if reading.problems:
            keep_aside(self._path, reading.content)
        elif wanted == current and reading.signature is not None:
            return reading  # it says so already
        replace_file(self._path, _document(wanted))
        return _Reading(wanted, reading.problems, signature=signature_of(self._path))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file_lock(self._path.with_name(f".{self._path.name}.lock")):
                yield
        except TimeoutError as error:
            raise SettingsError(
                "The settings are being saved by another Chatdesk.",
                "Try again in a moment.",
                retryable=True,
            ) from error
        except OSError as error:
            raise SettingsError(
                f"The settings could not be saved to {self._path}: {error.strerror or error}.",
                "Check that its folder can be written to and that the disk is not full.",
                retryable=True,
                detail=str(error),
            ) from error

    def _take(self, reading: _Reading) -> tuple[str, ...]:
        """Make a reading the values in force; returns the keys whose values changed."""
        before, self._values = self._values, settings_with(reading.values)
        self._set = reading.values
        self._signature = reading.signature
        self._problems = reading.problems

        def at(settings: Settings, key: str) -> Any:
            group, _, name = key.partition(".")
            return getattr(getattr(settings, group), name)

        return tuple(e.key for e in OPTIONS if at(before, e.key) != at(self._values, e.key))

    def _tell(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            for callback in tuple(self._subscribers):
                callback(key)

    def _read(self) -> _Reading:
        signature = signature_of(self._path)
        if signature is None and not os.path.lexists(self._path):  # a dead link is told
            return _Reading({})
        name = self._path.name

        def broken(reason: str, content: bytes | None = None) -> _Reading:
            words = f"{name} {reason}. The defaults are used."
            return _Reading({}, (words,), content, signature, broken=True)

        try:
            with open_to_read(self._path) as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            return broken(f"cannot be read: {error.strerror or 'no reason given'}")
        if len(content) > LARGEST_FILE:
            return broken("is too large to be a settings file")
        try:
            document = json.loads(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return broken("is not UTF-8 text", content)
        except json.JSONDecodeError as error:
            return broken(f"is not valid JSON (line {error.lineno}: {error.msg})", content)
        except (ValueError, RecursionError):
            return broken("is not a settings file", content)
        if not isinstance(document, dict):
            return broken("is not a settings file", content)
        values, problems = _checked(document)
        return _Reading(values, problems, content if problems else None, signature)


def _document(values: Mapping[str, Any]) -> bytes:
    document: dict[str, dict[str, Any]] = {}
    for entry in OPTIONS:
        if entry.key in values:
            document.setdefault(entry.group, {})[entry.name] = values[entry.key]
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _checked(document: Mapping[Any, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The valid values of a file by key, and a sentence for each that is not."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for group, content in document.items():
        if not isinstance(content, dict):
            problems.append(f'"{str(group)[:40]}" in the settings file is not known: left out.')
            continue
        for name, value in content.items():
            key = f"{group}.{name}"
            try:
                values[key] = validate(key, value)
            except SettingsError as error:
                problems.append(f"{error} It was left out of the settings.")
    return values, tuple(problems)
