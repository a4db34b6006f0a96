"""Saving and removing providers and their keys, off the GUI thread: the keyring may ask the person.

Each step runs in a daemon thread of its own, as keyring calls must (credentials/threads.py), and
tells its end by a signal. To stop waiting is possible at any time; the keyring, if it has a window
open, still has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject, Signal

from chatdesk.credentials import Secret, off_thread
from chatdesk.errors import ChatdeskError
from chatdesk.providers.profiles import Accounts, Profile
from chatdesk.ui.models.background import Job
from chatdesk.ui.providers.futures import told
from chatdesk.ui.providers.key_field import KeyPlace


@dataclass(frozen=True, slots=True)
class Places:
    """Where keys are, by the id of the provider; what could not be found out is in errors.

    keyring: what the keyring is called, "" where there is none or it does not say.
    """

    places: dict[str, KeyPlace] = field(default_factory=dict)
    errors: dict[str, ChatdeskError] = field(default_factory=dict)
    keyring: str = ""


class Work(QObject):
    """One piece of work at a time. GUI thread only.

    profile_saved(Profile): it is in the file, its key is on the way. saved(Profile): everything
    is. key_failed(ChatdeskError): the profile is saved, its key is not. key_deleted.
    removed(Profile). failed(ChatdeskError): nothing was changed. found(Places).
    """

    profile_saved = Signal(object)
    saved = Signal(object)
    key_failed = Signal(object)
    key_deleted = Signal()
    removed = Signal(object)
    failed = Signal(object)
    found = Signal(object)

    def __init__(self, accounts: Accounts, parent: QObject) -> None:
        super().__init__(parent)
        self._accounts = accounts
        self._job: Job | None = None
        self._look: Job | None = None
        self._profile: Profile | None = None
        self._key: Secret | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being saved or removed."""
        return self._job is not None

    def save(self, profile: Profile, *, new: bool, key: Secret | None) -> None:
        """Save a provider, then the key that was given for it."""
        self._key = key
        self._start(partial(_save, self._accounts, profile, new), self._profile_done, self._failed)

    def save_key(self, profile: Profile, key: Secret, *, remember: bool = True) -> None:
        """Keep a key; remember False: in memory only, until Chatdesk is closed."""
        self._profile = profile
        work = partial(self._accounts.set_key, profile, key, remember)
        self._start(work, self._key_done, self._key_refused)

    def delete_key(self, profile: Profile) -> None:
        """Delete the key that is kept."""
        work = partial(self._accounts.delete_key, profile)
        self._start(work, self._key_gone, self._failed)

    def remove(self, profile: Profile, *, leave_key: bool = False) -> None:
        """Remove a provider and its key; leave_key: where the keyring does not let go of it."""
        self._profile = profile
        work = partial(self._accounts.remove, profile, leave_key=leave_key)
        self._start(work, self._gone, self._failed)

    def look(self, profiles: Sequence[Profile]) -> None:
        """Find out where the keys are. The person is asked for nothing."""
        if self._look is not None:
            self._look.cancel()
        self._look = told(off_thread(partial(_look, self._accounts, tuple(profiles))))
        self._look.done.connect(self.found)

    def cancel(self) -> None:
        """Do not wait any longer; nothing is told of what becomes of it."""
        if self._job is not None:
            self._job.cancel()
        self._job = self._key = self._profile = None

    # -- inner --------------------------------------------------------------------------------

    def _start(
        self,
        work: Callable[[], object],
        done: Callable[..., None],
        failed: Callable[[ChatdeskError], None],
    ) -> None:
        self._job = told(off_thread(work))
        self._job.done.connect(done)
        self._job.failed.connect(failed)

    def _profile_done(self, profile: Profile) -> None:
        self._job = None
        key, self._key = self._key, None
        if key is None:
            self.saved.emit(profile)
        else:
            self.save_key(profile, key)
            self.profile_saved.emit(profile)

    def _key_done(self) -> None:
        self._job = None
        profile, self._profile = self._profile, None
        self.saved.emit(profile)

    def _key_refused(self, error: ChatdeskError) -> None:
        self._job = self._profile = None
        self.key_failed.emit(error)

    def _key_gone(self) -> None:
        self._job = None
        self.key_deleted.emit()

    def _gone(self) -> None:
        self._job = None
        profile, self._profile = self._profile, None
        self.removed.emit(profile)

    def _failed(self, error: ChatdeskError) -> None:
        self._job = self._key = self._profile = None
        self.failed.emit(error)


def _save(accounts: Accounts, profile: Profile, new: bool) -> Profile:
    if not new:
        # The form resets what was allowed when the address changes, so what it says is meant anew.
        return accounts.change(profile, allowed_anew=True)
    return accounts.profiles.add(
        profile.name,
        profile.kind,
        base_url=profile.base_url,
        needs_key=profile.needs_key,
        default_model=profile.default_model,
        models=profile.models,
        headers=profile.headers,
        context_size=profile.context_size,
        template=profile.template,
        use_environment=profile.use_environment,
        allow_http=profile.allow_http,
        keep_requests=profile.keep_requests,
    )


def _look(accounts: Accounts, profiles: Sequence[Profile]) -> Places:
    found = Places(keyring=accounts.keys.check().name)
    for profile in profiles:
        try:
            found.places[profile.id] = accounts.keys.place(profile.id, profile.origin)
        except ChatdeskError as error:
            found.errors[profile.id] = error
    return found
