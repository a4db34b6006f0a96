"""Providers together with their keys: what keeps a key from going where it does not belong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from chatdesk.credentials.secret import Secret
from chatdesk.errors import KeyringError, UsageError
from chatdesk.providers.profiles.file import Profiles
from chatdesk.providers.profiles.profile import Profile

if TYPE_CHECKING:
    from chatdesk.credentials import Keys


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
        """The key for a provider's origin: from the keyring (or this run's memory), else from the
        environment where the person opted in; None where there is none.

        The keyring is not asked for a provider that needs no key. Raises KeyringError.
        """
        from_environment = self._from_environment(profile)
        if not profile.needs_key:
            return from_environment
        try:
            return self.keys.get(profile.id, profile.origin) or from_environment
        except KeyringError:
            if from_environment is None:
                raise
            return from_environment

    def set_key(self, profile: Profile, key: Secret, remember: bool = True) -> Profile:
        """Keep a key for a provider's origin; remember False: for this run, in memory only.

        Returns the profile as it is then: one that needed no key needs this one now.
        """
        self.keys.set(profile.id, profile.origin, key, remember=remember)
        if not profile.needs_key:
            profile = self.profiles.change(replace(profile, needs_key=True))
        return profile

    def delete_key(self, profile: Profile) -> None:
        """Delete a provider's key from keyring and memory; none there is fine."""
        self.keys.delete(profile.id, profile.origin)

    def change(self, profile: Profile, *, allowed_anew: bool = False) -> Profile:
        """Save a provider that was changed; returns it as it is then.

        With another origin, or where no key is needed any more, the old key is deleted first: if
        that fails nothing is changed. What was allowed for the old origin (the environment's key,
        plain http) is not allowed for the new one, unless allowed_anew says that the person allowed
        it for this address. Raises UsageError, NotFound, StoreError, KeyringError.
        """
        before = self.profiles.find(profile.id)
        try:
            moved = before.origin != profile.origin
        except UsageError:
            moved = True  # the check tells what is wrong with the address
        if moved and not allowed_anew:
            profile = replace(profile, use_environment=False, allow_http=False)
        profile = self.profiles.check(profile)
        if before.needs_key and (moved or not profile.needs_key):
            self.keys.delete(before.id, before.origin)
        return self.profiles.change(profile)

    def remove(self, profile: Profile, *, leave_key: bool = False) -> None:
        """Delete a provider's key and then the provider.

        Where the keyring cannot be reached nothing is removed, unless leave_key accepts that the
        key stays in it. Raises KeyringError, NotFound, StoreError.
        """
        profile = self.profiles.find(profile.id)
        if profile.needs_key:
            try:
                self.keys.delete(profile.id, profile.origin)
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
        if not profile.use_environment or not text.strip():
            return None
        try:
            return Secret(text)
        except UsageError as error:
            raise UsageError(
                f"The key in the environment variable {variable} cannot be used. {error.what}",
                error.advice,
            ) from None
