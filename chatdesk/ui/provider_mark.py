"""The mark of what answers outside Chatdesk, the same wherever it is worn.

Who calls it knows whether that is another program on this very computer: of a provider by its
address (Profile.on_this_computer), of a reply by what was noted when it was asked for
(session/whereabouts.py).
"""

from __future__ import annotations


def provider_mark(here: bool) -> str:
    """The icon's name: a computer where nothing leaves this one, else a cloud."""
    return "computer" if here else "cloud"
