"""What goes wrong on the way to a worker, in words: from the address to a pool without room."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import nats.errors

from chatdesk.errors import ProviderError
from chatdesk.providers.nats.guarded import NotEncrypted

_Kinds = tuple[type[BaseException], ...]

# The first that fits decides: what is raised, its reason, what happened at a place, what to do.
_CONNECTION: tuple[tuple[_Kinds, str, str, str], ...] = (
    (
        (ssl.SSLError, nats.errors.SecureConnFailedError),
        "tls",
        "The encrypted connection to {place} failed.",
        "The certificate of the server, or of its authority, is not trusted here.",
    ),
    (
        (nats.errors.SecureConnRequiredError,),
        "tls",
        "The NATS server {place} talks only over an encrypted connection.",
        "Write its address with tls:// in place of nats://.",
    ),
    (
        (NotEncrypted,),
        "tls",
        "The NATS server {place} does not encrypt. Nothing was sent.",
        "Check the address. In a network that you trust it may be written with nats://.",
    ),
    (
        (ConnectionRefusedError,),
        "refused",
        "Nothing listens at {place}.",
        "Is the NATS server running, and the port right?",
    ),
    (
        (socket.gaierror,),
        "name",
        "There is no computer named {place}.",
        "Check the address.",
    ),
    (
        (TimeoutError,),
        "time",
        "{place} does not answer.",
        "Is it the address of a NATS server, and can this computer reach it?",
    ),
    (
        (BaseException,),
        "other",
        "The NATS server {place} could not be reached.",
        "Check the address, and whether the server runs.",
    ),
)


class NoConnection(ProviderError):
    """The server cannot be reached, or does not let this client in.

    reason: "refused", "name", "time", "tls", "login" or "other".
    """

    def __init__(self, reason: str, what: str, advice: str, detail: str = "") -> None:
        super().__init__(what, advice, retryable=reason != "login", detail=detail)
        self.reason = reason


def connection_problem(url: str, error: BaseException) -> NoConnection:
    """What an exception of a connection means."""
    place = url.partition("://")[2].partition("/")[0]
    detail = type(error).__name__
    if isinstance(error, nats.errors.AuthorizationError) or "uthorization" in str(error):
        return NoConnection(
            "login",
            f"The NATS server {place} does not know this user, or the key is wrong.",
            "Ask who runs it for a user, and give the key again.",
            detail,
        )
    chain = list(_causes(error))
    reason, what, advice = next(
        words for kinds, *words in _CONNECTION if any(isinstance(e, kinds) for e in chain)
    )
    return NoConnection(reason, what.format(place=place), advice, detail)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what led to it, each once."""
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        seen.append(each)
        yield each
        each = each.__cause__ or each.__context__


class NoWorker(ProviderError):
    """Nobody listens, or nobody answers."""

    def __init__(self) -> None:
        super().__init__(
            "No worker is listening.", "Start one, or try again later.", retryable=True
        )


class AllBusy(ProviderError):
    """No worker has room, nor a place in its line."""

    def __init__(self) -> None:
        super().__init__("All workers are busy.", "Try again later.", retryable=True)


class NotAllowed(ProviderError):
    """The server's permissions do not let this user ask."""

    def __init__(self, user: str) -> None:
        super().__init__(
            f"The NATS server does not let the user {user} ask these workers.",
            "Ask who runs it for the permission, or give the key of another user.",
        )


class NothingKept(ProviderError):
    """The server was to keep a request, and does not."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "No worker is listening, and the NATS server keeps no requests.",
            "It does so once a worker was there that takes kept requests.",
            retryable=True,
            detail=detail,
        )
