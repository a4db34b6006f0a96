"""Providers together with their keys: what keeps a key from going where it does not belong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from chatdesk.credentials import Keys, Origin, Secret
from chatdesk.errors import KeyringError, UsageError
from chatdesk.providers.profiles.file import Profiles
from chatdesk.providers.profiles.profile import Profile

KeyPlace = Literal["keyring", "memory", "environment", "none"]


class Accounts:
    """The providers of a data directory and their keys.

    Any thread but the window's: what touches a key may wait for the keyring (and for the person,
    whom it asks to unlock it). Methods raise a KeyringError where the keyring does not do it.
    """

    def __init__(
        self, profiles: Profiles, keys: Keys, environment: Mapping[str, str] | None = None
    ) -> None:
        """environment: where opted-in keys come from; None: this process's own."""
        self.profiles = profiles
        self.keys = keys
        self._environment = os.environ if environment is None else environment

    def key(self, profile: Profile) -> Secret | None:
        """The key for a provider's origin: from this run's memory or the keyring, else from the
        environment where the person opted in; None where there is none.

        The keyring is not asked where no key was given to it. Raises KeyringError.
        """
        from_environment = self._from_environment(profile)
        try:
            return self.keys.get(profile.id, profile.origin) or from_environment
        except KeyringError:
            if from_environment is None:
                raise
            return from_environment

    def place(self, profile: Profile) -> KeyPlace:
        """Where key() would take the key from. The person is not asked for anything."""
        found = self.keys.place(profile.id, profile.origin)
        if found == "none" and self._from_environment(profile) is not None:
            return "environment"
        return found

    def set_key(self, profile: Profile, key: Secret, remember: bool = True) -> None:
        """Keep a key for a provider's origin; remember False: for this run, in memory only."""
        self.keys.set(profile.id, profile.origin, key, remember=remember)

    def delete_key(self, profile: Profile) -> None:
        """Delete a provider's key from keyring and memory; none there is fine."""
        self.keys.delete(profile.id, profile.origin)

    def change(self, profile: Profile, *, allowed_anew: bool = False) -> Profile:
        """Save a provider that was changed; returns it as it is then.

        With another origin, or where it is said that no key is needed any more, the old key is
        deleted first: if that fails nothing is changed. What was allowed for the old origin (the
        environment's key, plain http) is not allowed for the new one, unless allowed_anew says that
        the person allowed it for this address. Raises UsageError, NotFound, StoreError,
        KeyringError.
        """
        self.profiles.reload_if_changed()  # another process may have moved it
        before = self.profiles.find(profile.id)
        try:
            moved = before.origin != profile.origin
        except UsageError:
            moved = True  # the check tells what is wrong with the address
        if moved and not allowed_anew:
            profile = replace(profile, use_environment=False, allow_http=False)
        profile = self.profiles.check(profile)
        if moved or (before.needs_key and not profile.needs_key):
            # All: the address may have been changed in the file as well.
            self.keys.delete_all(before.id)
        return self.profiles.change(profile)

    def remove(self, profile: Profile, *, leave_key: bool = False) -> None:
        """Delete a provider's key, for whichever address it was given, and then the provider.

        Where the keyring cannot be reached nothing is removed, unless leave_key accepts that the
        key stays in it. Raises KeyringError, NotFound, StoreError.
        """
        self.profiles.reload_if_changed()
        profile = self.profiles.find(profile.id)
        try:
            self.keys.delete_all(profile.id)
        except KeyringError as error:
            if not leave_key:
                error.what = (
                    f"{profile.name} was not removed, because its key could not be deleted. "
                    f"{error.what}"
                )
                raise
        self.profiles.remove(profile.id)

    def _from_environment(self, profile: Profile) -> Secret | None:
        variable = profile.preset.variable
        text = self._environment.get(variable, "") if variable else ""
        if not text.strip() or not self._opted_in(profile):
            return None
        try:
            return Secret(text)
        except UsageError as error:
            raise UsageError(
                f"The key in the environment variable {variable} cannot be used. {error.what}",
                error.advice,
                remedy=error.remedy,
            ) from None

    def _opted_in(self, profile: Profile) -> bool:
        """Whether the person let this origin have the environment's key.

        A copy that was given another address but is not saved yet does not inherit that.
        """
        if not profile.use_environment:
            return False
        usual = profile.preset.base_url
        if usual and profile.origin == Origin.of(usual):
            return True
        saved = self.profiles.named(profile.id)
        return saved is not None and saved.use_environment and saved.origin == profile.origin
