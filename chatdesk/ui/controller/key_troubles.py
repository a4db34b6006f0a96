"""What is wrong with a provider's key, told beside the window's work with the way to mend it.

The reply says what happened to it; but the person may be in another conversation by then, and what
was told is no longer so once there is another key.
"""

from __future__ import annotations

from collections.abc import Callable

from chatdesk.errors import ChatdeskError, KeyringError
from chatdesk.providers.profiles import Profile
from chatdesk.ui.toast import Toasts


class KeyTroubles:
    """GUI thread only. mend(provider's id): lead the person to where its key is given."""

    def __init__(self, toasts: Toasts, mend: Callable[[str], object]) -> None:
        self._toasts = toasts
        self._mend = mend
        self._told: dict[str, str] = {}  # what was told, and the provider's id

    def reply_failed(self, profile: Profile, error: ChatdeskError) -> None:
        """A remote reply ended with an error, perhaps for want of a key."""
        from chatdesk.providers.remote.problems import KeyProblem

        if isinstance(error, KeyringError | KeyProblem):
            self._told[error.what] = profile.id
            self._toasts.show_message(
                error.what,
                "Add or replace the key",
                lambda: self._mend(profile.id),
                "error",
                undoes=False,
            )

    def mended(self, profile: Profile) -> None:
        """A provider has another key, or is gone: what was wrong with the old one is not so."""
        for told in [told for told, of in self._told.items() if of == profile.id]:
            self._toasts.dismiss(told)
            del self._told[told]

    def tried_again(self) -> None:
        """Something is sent again: what was told before may not be so any more."""
        for told in self._told:
            self._toasts.dismiss(told)
        self._told.clear()
