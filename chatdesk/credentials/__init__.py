"""Keys of remote providers: in the system's keyring and nowhere else.

The only room that knows the keyring package. A key belongs to a provider at an Origin; its text is
in a Secret, which does not show it; Keys keeps and finds it.
"""

from chatdesk.credentials.keys import CHECK_TIMEOUT, PROMPT_TIMEOUT, KeyringState, Keys, Place
from chatdesk.credentials.origin import Origin
from chatdesk.credentials.problems import (
    KeyringDismissed,
    KeyringLocked,
    KeyringRefused,
    KeyringTimeout,
    KeyTooLong,
    NoKeyring,
    UnsafeKeyring,
)
from chatdesk.credentials.secret import Secret
from chatdesk.credentials.threads import off_thread
from chatdesk.credentials.vault import Vault, system_vault

__all__ = [
    "CHECK_TIMEOUT",
    "PROMPT_TIMEOUT",
    "KeyTooLong",
    "KeyringDismissed",
    "KeyringLocked",
    "KeyringRefused",
    "KeyringState",
    "KeyringTimeout",
    "Keys",
    "NoKeyring",
    "Origin",
    "Place",
    "Secret",
    "UnsafeKeyring",
    "Vault",
    "off_thread",
    "system_vault",
]
