"""The remote providers a person has set up: which there are, where they are, what they may be told.

Kept in providers.json of the data directory, which never holds a key: keys are in the operating
system's keyring (credentials/), bound to the provider's origin. Nothing here talks to a server.
"""

from __future__ import annotations

from chatdesk.providers.profiles.accounts import Accounts, KeyPlace
from chatdesk.providers.profiles.file import Profiles
from chatdesk.providers.profiles.key_text import key_of
from chatdesk.providers.profiles.names import ADD_PROVIDER, RemoteName, provider_of, split, typed
from chatdesk.providers.profiles.presets import PRESETS, Continuing, Preset
from chatdesk.providers.profiles.profile import TEMPLATES, Profile

__all__ = [
    "ADD_PROVIDER",
    "PRESETS",
    "TEMPLATES",
    "Accounts",
    "Continuing",
    "KeyPlace",
    "Preset",
    "Profile",
    "Profiles",
    "RemoteName",
    "key_of",
    "provider_of",
    "split",
    "typed",
]
