"""What can go wrong with a server, as errors that say what and what to do.

A ServerProblem whose `again` is set may go away by itself: backoff.py tries again as long as no
word of the reply was told. Which exception or answer means which problem stands in network.py and
answers.py.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from chatdesk.diagnostics import redact
from chatdesk.errors import ProviderError, Remedy

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile

# "soon": the server is busy or the connection broke. "few": it may never work (refused, no such
# name), but a network that just woke up deserves another attempt. "long": nobody is there who could
# answer, which may take minutes, and asking costs nothing. None: the same answer would come.
Again = Literal["soon", "few", "long"] | None

_LONGEST_WORDS = 500  # characters of a server's own message
_NEAR = 3  # names to suggest


class ServerProblem(ProviderError):
    """A server or the way to it did not do its part.

    status: the HTTP status, None where there was no answer. after: seconds that the server wants
    to be left alone, None where it did not say. why: a phrase for while it is waited for.
    retryable, as of every error: whether the person may try again; `again` implies it.
    """

    def __init__(
        self,
        what: str,
        advice: str = "",
        *,
        remedy: Remedy | None = None,
        again: Again = None,
        after: float | None = None,
        status: int | None = None,
        why: str = "",
        retryable: bool = False,
        detail: str = "",
    ) -> None:
        super().__init__(
            what,
            advice,
            remedy=remedy,
            retryable=retryable or again is not None,
            detail=detail,
        )
        self.again = again
        self.after = after
        self.status = status
        self.why = why


class NoModelList(ServerProblem):
    """The server answers, but it has no list of models."""


class NotThisApi(ServerProblem):
    """What answers is no server of the API that the profile says."""


class KeyProblem(ServerProblem):
    """The server wants a key, or another one."""


class NoSuchModel(ServerProblem):
    """The server does not have the model."""

    def suggest(self, model: str, known: Iterable[str]) -> None:
        """Name models of the server whose names are near, where there are any."""
        names = list(known)
        if model in names:
            self.advice = "The server lists it, but does not answer with it: its own log tells why."
        elif near := near_names(model, names):
            self.advice = f"Its models with a similar name: {', '.join(near)}."


class RedirectedElsewhere(ServerProblem):
    """The server sends the request to another origin, which may get neither key nor messages."""

    def __init__(self, own: object, other: object) -> None:
        super().__init__(
            f"{own} redirects to another server, {other}. Nothing was sent there.",
            "If that is the right server, enter its address as the provider's base URL.",
        )


class CompressedAnswer(ServerProblem):
    """The server compresses although it was asked not to: little could unpack to any size."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            "The server compresses its answers although Chatdesk asks it not to.",
            "Turn compression off in the server, or in the proxy before it.",
            detail=f"Content-Encoding: {server_words(encoding, 40)}",
        )


class AnswerTooLarge(ServerProblem):
    """More came than any model writes in one piece."""

    def __init__(self, bound: int) -> None:
        super().__init__(
            f"The server sent more than {_size(bound)} in one piece. That is no model's answer.",
            "Check the base URL in the provider's settings.",
        )


def key_remedy(profile: Profile, verb: str) -> Remedy:
    """Where the key of a provider is given. verb: "Add" or "Replace"."""
    return Remedy(
        f"{verb} it in Settings > Providers.",
        f'{verb} it with: chatdesk keys set "{profile.name}".',
        profile.id,
        key=True,
    )


def entry_remedy(profile: Profile, what: str, option: str) -> Remedy:
    """Where what is entered for a provider is changed. option: that of the command line."""
    return Remedy(
        f"Change {what} in Settings > Providers.",
        f'Change {what} with: chatdesk providers change "{profile.name}" {option}.',
        profile.id,
    )


def address_remedy(profile: Profile) -> Remedy:
    """Where the address of a provider is changed."""
    return entry_remedy(profile, "the base URL", "--base-url URL")


def server_words(text: object, longest: int = _LONGEST_WORDS) -> str:
    """A server's text on one line, fit to be shown: no control characters, no key, not long."""
    kept = str(text)[: 8 * longest]  # nothing hostile is worth more work
    kept = "".join(" " if c.isspace() else c for c in kept if c.isspace() or not _invisible(c))
    kept = redact(" ".join(kept.split()))
    return kept if len(kept) <= longest else f"{kept[:longest].rstrip()}..."


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Of the known names those that may be meant: a few."""
    names = list(known)[:5000]
    by_lower = {each.lower(): each for each in names}
    found = difflib.get_close_matches(name.lower(), by_lower, _NEAR, 0.5)
    # "mixtral" for "open-mixtral-8x7b" is short of half of it, but clearly meant.
    inside = [lower for lower in by_lower if len(name) >= 3 and name.lower() in lower]
    return [by_lower[lower] for lower in dict.fromkeys([*found, *inside])][:_NEAR]


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")


def _size(count: int) -> str:
    return f"{count // 1024 // 1024} MB" if count >= 1024 * 1024 else f"{count:,} bytes"
