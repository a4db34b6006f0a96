"""providers.json: the providers of one data directory; loaded without ever failing, never a key.

The window and the command line may change it at the same time: every change takes a short lock,
reads the file again, makes its change and replaces the file in one step. What cannot be understood
is told in Profiles.problems and kept in a copy beside it before the file is replaced; so is what a
newer Chatdesk wrote that this one does not know.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from chatdesk.errors import NotFound, Remedy, StoreError, UsageError
from chatdesk.files import (
    Signature,
    file_lock,
    keep_aside,
    open_to_read,
    replace_file,
    signature_of,
)
from chatdesk.paths import DataDir
from chatdesk.providers.profiles.entries import (
    MOST_PROFILES,
    check_free,
    check_known,
    document_of,
    folded,
    new_profile_id,
    says_more,
    understood,
)
from chatdesk.providers.profiles.presets import PRESETS
from chatdesk.providers.profiles.profile import Profile, checked

LARGEST_FILE = 4 * 1024 * 1024  # far above what MOST_PROFILES need


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a file says. content: its bytes where writing it anew would lose something.

    broken: nothing of it could be understood.
    """

    profiles: tuple[Profile, ...] = ()
    problems: tuple[str, ...] = ()
    content: bytes | None = None
    signature: Signature | None = None
    broken: bool = False


class Profiles:
    """The providers of a data directory. Any thread; subscribers are called by the changing one."""

    def __init__(self, data: DataDir) -> None:
        """Load the file. Never raises: whatever is wrong with it is in `problems`."""
        # A file that is a link keeps being one: what it points to is replaced.
        self._path = Path(os.path.realpath(data.root / "providers.json"))
        # Held for a moment only: the window's thread looks for changes while another thread saves,
        # which may have to wait for another process.
        self._guard = threading.Lock()
        self._changing = threading.Lock()
        self._subscribers: list[Callable[[], None]] = []
        self._reading = self._read()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong with the file when it was last read, one worded sentence each."""
        return self._reading.problems

    def list(self) -> list[Profile]:
        """All providers, by name."""
        return sorted(self._reading.profiles, key=lambda profile: profile.name.casefold())

    def named(self, name_or_id: str) -> Profile | None:
        """The provider with this name, in whatever case, or this id; None where there is none."""
        wanted = folded(name_or_id)
        profiles = self._reading.profiles
        for profile in profiles:
            if folded(profile.name) == wanted:
                return profile
        return next((p for p in profiles if p.id == name_or_id), None)

    def find(self, name_or_id: str) -> Profile:
        """As named(). Raises NotFound, with near names, where there is none."""
        found = self.named(name_or_id)
        if found is not None:
            return found
        names = {folded(profile.name): profile.name for profile in self._reading.profiles}
        near = difflib.get_close_matches(folded(name_or_id), names, n=3, cutoff=0.5)
        raise NotFound(
            f'There is no provider "{name_or_id[:80]}".',
            f"Did you mean {' or '.join(names[name] for name in near)}?" if near else "",
            remedy=None if near else Remedy(terminal="See: chatdesk providers list."),
        )

    def add(
        self,
        name: str,
        kind: str,
        *,
        base_url: str = "",
        needs_key: bool | None = None,
        default_model: str = "",
        models: tuple[str, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        context_size: int = 0,
        template: str = "",
        use_environment: bool = False,
        allow_http: bool = False,
        keep_requests: bool = False,
    ) -> Profile:
        """Add a provider; what is left out is as its kind's preset says.

        Raises UsageError for what cannot be, StoreError where it cannot be saved.
        """
        preset = PRESETS.get(kind)
        wanted = checked(
            Profile(
                "",
                name,
                kind,
                base_url,
                (preset is None or preset.needs_key) if needs_key is None else needs_key,
                default_model,
                models,
                headers,
                context_size,
                template,
                use_environment,
                allow_http,
                keep_requests,
            )
        )

        def edit(profiles: tuple[Profile, ...]) -> tuple[Profile, ...]:
            nonlocal wanted
            if len(profiles) >= MOST_PROFILES:
                raise UsageError("There are too many providers.", "Remove one first.")
            check_free(wanted, profiles)
            wanted = replace(wanted, id=new_profile_id(wanted, profiles))
            return (*profiles, wanted)

        self._change(edit)
        return wanted

    def check(self, profile: Profile) -> Profile:
        """The profile as it would be saved. Raises UsageError where it cannot be."""
        wanted = checked(profile)
        check_free(wanted, self._reading.profiles)
        return wanted

    def change(self, profile: Profile) -> Profile:
        """Save a provider that was changed, by its id; returns it in its usual form.

        Where its key may go is the caller's concern: see Accounts.change(). Raises UsageError,
        NotFound where it was removed meanwhile, StoreError.
        """
        wanted = checked(profile)

        def edit(profiles: tuple[Profile, ...]) -> tuple[Profile, ...]:
            check_known(wanted.id, wanted.name, profiles)
            check_free(wanted, profiles)
            return tuple(wanted if p.id == wanted.id else p for p in profiles)

        self._change(edit)
        return wanted

    def remove(self, profile_id: str) -> None:
        """Forget a provider; its key is the caller's concern: see Accounts.remove().

        Raises NotFound, StoreError.
        """

        def edit(profiles: tuple[Profile, ...]) -> tuple[Profile, ...]:
            check_known(profile_id, profile_id, profiles)
            return tuple(p for p in profiles if p.id != profile_id)

        self._change(edit)

    def reload_if_changed(self) -> bool:
        """Take over what another process saved; returns whether anything is different.

        Costs one stat() when nothing changed. A file that cannot be understood (perhaps it is being
        edited) changes nothing but `problems`.
        """
        with self._guard:
            if signature_of(self._path) == self._reading.signature:
                return False
            before, reading = self._reading, self._read()
            if reading.broken:
                reading = replace(reading, profiles=before.profiles)
            self._reading = reading
        changed = reading.profiles != before.profiles
        if changed:
            self._tell()
        return changed

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call callback() after each change; returns what ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    # -- inner --------------------------------------------------------------------------------

    def _change(self, edit: Callable[[tuple[Profile, ...]], tuple[Profile, ...]]) -> None:
        with self._changing, self._writing():
            reading = self._read()
            # A file that broke since it was read must not take the providers with it.
            wanted = edit(self._reading.profiles if reading.broken else reading.profiles)
            if reading.content is not None or reading.problems:
                keep_aside(self._path, reading.content)
            replace_file(self._path, document_of(wanted))
            with self._guard:
                self._reading = _Reading(wanted, signature=signature_of(self._path))
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file_lock(self._path.with_name(f".{self._path.name}.lock")):
                yield
        except TimeoutError as error:
            raise StoreError(
                "The providers are being saved by another Chatdesk.",
                "Try again in a moment.",
                retryable=True,
            ) from error
        except OSError as error:
            raise StoreError(
                f"The providers could not be saved to {self._path}: {error.strerror or error}.",
                "Check that its folder can be written to and that the disk is not full.",
                retryable=True,
                detail=str(error),
            ) from error

    def _read(self) -> _Reading:
        signature = signature_of(self._path)
        if signature is None and not os.path.lexists(self._path):  # a dead link is told
            return _Reading()
        name = self._path.name

        def broken(reason: str, content: bytes | None = None) -> _Reading:
            words = f"{name} {reason}, so the providers in it are not known."
            return _Reading((), (words,), content, signature, broken=True)

        try:
            with open_to_read(self._path) as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            return broken(f"cannot be read ({error.strerror or 'no reason given'})")
        if len(content) > LARGEST_FILE:
            return broken("is too large")
        try:
            document = json.loads(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return broken("is not UTF-8 text", content)
        except json.JSONDecodeError as error:
            return broken(f"is not valid JSON (line {error.lineno}: {error.msg})", content)
        except (ValueError, RecursionError):
            return broken("is not valid JSON", content)
        entries = document.get("providers") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            return broken("has no list of providers", content)
        profiles, problems = understood(entries)
        kept = content if problems or says_more(document, entries) else None
        return _Reading(profiles, problems, kept, signature)
