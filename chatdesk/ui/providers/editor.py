"""One provider being edited: its form, what saving it takes, and asking its server.

Nothing here waits: keys and files are touched by threads of their own (work.py), servers are asked
by the remote providers' thread. A key that was saved is shown nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from chatdesk.errors import ChatdeskError, KeyringError, UsageError
from chatdesk.providers.profiles import Accounts, Profile
from chatdesk.ui.dialog import announce
from chatdesk.ui.providers.asking import Asking, Servers
from chatdesk.ui.providers.form import ProviderForm
from chatdesk.ui.providers.key_field import KeyPlace, KeyState
from chatdesk.ui.providers.question import Answer, ask
from chatdesk.ui.providers.work import Places, Work
from chatdesk.ui.theme import Theme

if TYPE_CHECKING:
    from chatdesk.providers.remote import Check, RemoteModel

_LATE = (
    "Chatdesk does not wait any longer. If you unlock the keyring now, it may still do what was "
    "asked."
)
_NO_WAY_BACK = "It cannot be brought back. To use the provider again you would give a key again."
_CONVERSATIONS = (
    "Conversations that use it keep their text; to go on with one, choose another model."
)
_LEAVING = (
    Answer("leave", "Remove it, leave the key", "danger"),
    Answer("again", "Try again"),
    Answer("", "Keep it"),
)


class ProviderEditor(QWidget):
    """saved(Profile), key_given(Profile), key_deleted and removed(Profile) tell what was done.

    changed: dirty, new or busy may be another. GUI thread only.
    """

    changed = Signal()
    saved = Signal(object)
    key_given = Signal(object)
    key_deleted = Signal()
    removed = Signal(object)

    def __init__(
        self, accounts: Accounts, servers: Servers, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._profiles = accounts.profiles
        self._places = Places()
        self._again: Callable[[], None] | None = None  # what the keyring is to be asked again
        self._then: Callable[[], None] | None = None  # what comes after saving
        self._given: KeyPlace | None = None  # where the key that is being saved will be
        self.form = ProviderForm(theme, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        self.work = Work(accounts, self)
        self.asking = Asking(servers, self)
        self._connect()

    def _connect(self) -> None:
        form, work, asking = self.form, self.work, self.asking
        form.edited.connect(self.changed)
        form.submitted.connect(self._submitted)
        form.key.remove_requested.connect(self.remove_key)
        form.key.cancel_requested.connect(self.stop_waiting)
        form.key.again_requested.connect(self._try_again)
        form.key.memory_requested.connect(self._keep_in_memory)
        form.strip.test_requested.connect(self.test)
        form.strip.cancel_requested.connect(self.cancel_test)
        form.models.model.list_requested.connect(self.list_models)
        work.profile_saved.connect(self._profile_saved)
        work.saved.connect(self._all_saved)
        work.key_failed.connect(self._key_failed)
        work.key_deleted.connect(self._key_gone)
        work.removed.connect(self._gone)
        work.failed.connect(self._failed)
        asking.tested.connect(self._tested)
        asking.test_failed.connect(form.strip.show_error)
        asking.listed.connect(self._listed)
        asking.list_failed.connect(self._list_failed)

    # -- what is shown ------------------------------------------------------------------------

    @property
    def profile(self) -> Profile | None:
        """The provider that is shown, as it is saved (a new one: as its kind says)."""
        return self.form.profile

    @property
    def new(self) -> bool:
        """Whether it was never saved."""
        return self.form.profile is not None and self.form.new

    @property
    def dirty(self) -> bool:
        """Whether there is something that is not saved."""
        return self.form.dirty

    @property
    def busy(self) -> bool:
        """Whether something is being saved or removed."""
        return self.work.busy

    def load(self, profile: Profile, *, new: bool = False) -> None:
        """Show a provider; what was written for another one is lost."""
        self.asking.cancel()
        self._again = None
        self.form.load(profile, new=new, in_environment=in_environment(profile))
        if self._places.errors:
            self.look()  # perhaps the keyring can be asked by now
        self._show_place()
        self.changed.emit()

    def forget(self) -> None:
        """Show none; what was written is lost."""
        self.asking.cancel()
        self._again = self._then = None
        self.form.forget()
        self.changed.emit()

    def set_places(self, places: Places) -> None:
        """Take over where the keys are."""
        self._places = places
        self._show_place()

    def rename(self) -> None:
        """Go to the name."""
        self.form.name.setFocus()
        self.form.name_line.selectAll()

    def _show_place(self) -> None:
        profile = self.form.profile
        if profile is None or self.form.new:
            return
        error = self._places.errors.get(profile.id)
        place = self._places.places.get(profile.id, "unreachable" if error else "unknown")
        self.form.set_kept(KeyState(place, self._places.keyring))
        if error is not None and not self.busy:
            self._again = self._look_again
            self.form.key.set_trouble(error.told)

    def _look_again(self) -> None:
        self.form.key.set_trouble("")
        self.look()

    def look(self) -> None:
        """Find out where the keys are; found() of the work tells it."""
        self.work.look(self._profiles.list())

    # -- saving -------------------------------------------------------------------------------

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Save what stands in the form, or say at the fields why not; then do something."""
        if self.form.profile is None or self.busy:
            return
        self.form.error.set_text("")
        profile = self.form.check(self._profiles.list())
        if profile is None:
            return
        self._then = then
        self._again = self.save
        self.asking.cancel()
        self.form.strip.clear()
        self.form.begin_saving()
        key = self.form.entered()
        self._given = "keyring" if key is not None else None
        self.work.save(profile, new=self.form.new, key=key)
        self._update()

    def stop_waiting(self) -> None:
        """Do not wait for the keyring any longer."""
        if not self.busy:
            return
        self.work.cancel()
        self._then = None
        self._update()
        key = self.form.key
        again = self._again is not None
        key.set_trouble(_LATE, again=again, memory=key.has_entry and not self.form.new)
        self.look()

    def _submitted(self) -> None:
        if self.dirty or self.new:
            self.save()

    def _update(self) -> None:
        """Follow the work."""
        self.form.key.set_waiting(self.busy)
        self.changed.emit()

    def _profile_saved(self, profile: Profile) -> None:
        # The key that was typed stays until it is kept, too: the keyring may refuse it.
        self.form.end_saving(profile, in_environment=in_environment(profile))
        self.changed.emit()

    def _all_saved(self, profile: Profile) -> None:
        new = self.form.new
        self.form.end_saving(profile, in_environment=in_environment(profile))
        # Known without asking the keyring, which is done all the same.
        given, self._given = self._given, None
        if given is not None or new:
            self._places.places[profile.id] = given or "none"
        self._show_place()
        self.form.key.set_saved()
        self._update()
        then, self._then = self._then, None
        self.saved.emit(profile)
        if given is not None:
            self.key_given.emit(profile)
        if then is not None:
            then()

    def _key_failed(self, error: ChatdeskError) -> None:
        self._then = None
        self._again = self.save
        self._update()
        memory = isinstance(error, KeyringError)
        self.form.key.set_trouble(f"The key is not saved. {error.told}", memory=memory)

    def _keep_in_memory(self) -> None:
        profile = self.form.profile
        try:
            key = self.form.entered()
        except UsageError as error:
            self.form.show_problems({"key": error.told})
            return
        if profile is not None and key is not None and not self.busy:
            self._given = "memory"
            self.work.save_key(profile, key, remember=False)
            self._update()

    def _failed(self, error: ChatdeskError) -> None:
        self._then = None
        self._update()
        if not isinstance(error, KeyringError):
            self.form.show_error(error.told)
        elif self._again == self._remove and self.form.profile is not None:
            title = f"Remove {self.form.profile.name} and leave its key?"
            ask(self, self._theme, title, error.told, _LEAVING, self._leave_answered)
        else:
            self.form.key.set_trouble(error.told, again=self._again is not None)

    def _try_again(self) -> None:
        if self._again is not None:
            self._again()

    # -- deleting -----------------------------------------------------------------------------

    def remove_key(self) -> None:
        """Ask whether the key is to be deleted, and do it."""
        profile = self.form.profile
        if profile is None or self.form.new or self.busy:
            return
        answers = (Answer("delete", "Delete the key", "danger"), Answer("", "Keep it"))
        title = f"Delete the key of {profile.name}?"
        ask(self, self._theme, title, _NO_WAY_BACK, answers, self._key_answered)

    def remove(self) -> None:
        """Ask whether the provider is to be removed with its key, and do it."""
        profile = self.form.profile
        if profile is None or self.form.new or self.busy:
            return
        place = self._places.places.get(profile.id, "none")
        kept = place in ("keyring", "memory") or profile.id in self._places.errors
        key = "Its key is deleted, too, and cannot be brought back. " if kept else ""
        answers = (Answer("remove", "Remove provider", "danger"), Answer("", "Keep it"))
        title = f"Remove {profile.name}?"
        ask(self, self._theme, title, f"{key}{_CONVERSATIONS}", answers, self._remove_answered)

    def _key_answered(self, answer: str) -> None:
        if answer == "delete":
            self._delete_key()

    def _delete_key(self) -> None:
        profile = self.form.profile
        if profile is not None and not self.busy:
            self._again = self._delete_key
            self.work.delete_key(profile)
            self._update()

    def _key_gone(self) -> None:
        self._update()
        self.key_deleted.emit()

    def _remove_answered(self, answer: str) -> None:
        if answer == "remove":
            self._remove()

    def _leave_answered(self, answer: str) -> None:
        if answer == "leave":
            self._remove(leave_key=True)
        elif answer == "again":
            self._remove()

    def _remove(self, *, leave_key: bool = False) -> None:
        profile = self.form.profile
        if profile is not None and not self.busy:
            self._again = self._remove
            self.work.remove(profile, leave_key=leave_key)
            self._update()

    def _gone(self, profile: Profile) -> None:
        self._update()
        self.forget()
        self.removed.emit(profile)

    # -- the server ---------------------------------------------------------------------------

    def test(self) -> None:
        """Test the connection with what stands in the form, saved or not."""
        profile = self._askable()
        if profile is not None:
            self.form.strip.start(profile.place)
            self.asking.test(profile, self.form.entered(), profile.default_model)

    def list_models(self) -> None:
        """Ask the server for its models with what stands in the form."""
        profile = self._askable()
        if profile is not None:
            self.form.models.model.set_busy(True, profile.place)
            self.asking.list_models(profile, self.form.entered())

    def cancel_test(self) -> None:
        """Stop the test."""
        self.asking.cancel_test()
        self.form.strip.clear()
        self.form.strip.button.setFocus()

    def _askable(self) -> Profile | None:
        if self.form.profile is None or self.busy:
            return None
        return self.form.check(self._profiles.list())

    def _tested(self, check: Check) -> None:
        self.form.strip.show_check(check)
        if check.models:
            self.form.models.model.set_models(check.models)

    def _listed(self, models: tuple[RemoteModel, ...]) -> None:
        self.form.models.model.set_busy(False)
        self.form.models.model.set_models(models)
        self.form.models.model.show_found(len(models))

    def _list_failed(self, error: ChatdeskError) -> None:
        self.form.models.model.set_busy(False)
        text = error.told
        self.form.models.model.field.set_error(text)
        announce(self, text, urgent=True)


def in_environment(profile: Profile) -> bool:
    """Whether the environment variable of its kind is set; its value is nobody's business here."""
    variable = profile.preset.variable
    return bool(variable) and bool(os.environ.get(variable, "").strip())
