"""What a person gives as a key, as the one text that is kept."""

from __future__ import annotations

from chatdesk.credentials import Secret
from chatdesk.providers.nats.login import one_line, read_login
from chatdesk.providers.profiles.profile import Profile


def key_of(profile: Profile, text: str) -> Secret:
    """The key that a text is for this provider. A NATS server's may be a whole credentials file.

    Raises UsageError, which does not repeat the text, for what cannot be one.
    """
    if profile.preset.api != "nats":
        return Secret(text)
    secret = Secret(one_line(text))
    read_login(secret.reveal())
    return secret
