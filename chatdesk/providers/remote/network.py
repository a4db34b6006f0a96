"""What an exception of the network means, in words: from the name that is not found to TLS."""

from __future__ import annotations

import errno
import socket
import ssl
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import httpx2

from chatdesk.errors import ChatdeskError, Remedy
from chatdesk.providers.remote.limits import Limits
from chatdesk.providers.remote.problems import (
    NotThisApi,
    ServerProblem,
    address_remedy,
    entry_remedy,
    server_words,
)
from chatdesk.providers.remote.transport import proxy_for

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile

_E = TypeVar("_E", bound=BaseException)

_NO_WAY = frozenset([errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN])
_NO_HTTP = ("illegal status line", "illegal header line", "malformed", "http version")

# X509_V_ERR_*, as OpenSSL numbers them.
_NOT_YET, _EXPIRED, _SELF_SIGNED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 18, 62, 64

_TRUST = (
    "If it is the right server, add the certificate of its authority to the certificates that "
    "this system trusts, or name its file in the environment variable SSL_CERT_FILE, and start "
    "Chatdesk again."
)


def network_problem(error: BaseException, profile: Profile, limits: Limits) -> ChatdeskError | None:
    """What an exception from a request means; None for one that says nothing of the network.

    Libraries wrap exceptions in their own, so all that led to this one is looked at.
    """
    chain = list(causes(error))
    for each in chain:
        if isinstance(each, ChatdeskError):
            return each
    if not any(isinstance(each, httpx2.HTTPError | OSError | ssl.SSLError) for each in chain):
        return None
    return _Words(profile, limits, chain).problem()


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that led to it, the nearest first."""
    pending = deque([error])
    seen: set[int] = set()
    while pending:
        each = pending.popleft()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [other for other in (each.__cause__, each.__context__) if other is not None]
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions


class _Words:
    """One failed request, put into words."""

    def __init__(self, profile: Profile, limits: Limits, chain: list[BaseException]) -> None:
        self._profile = profile
        self._limits = limits
        self._chain = chain
        self._name = profile.name
        self._host = profile.origin.host
        self._address = address_remedy(profile)
        self._detail = server_words("; ".join(f"{type(e).__name__}: {e}" for e in chain if str(e)))

    def problem(self) -> ServerProblem:
        connecting = self._has(httpx2.ConnectError, httpx2.ConnectTimeout)
        if (found := self._find(httpx2.ProxyError)) is not None:
            return self._refused_by_proxy(str(found))
        if (tls := self._find(ssl.SSLError)) is not None:
            return self._tls(tls)
        if connecting and (proxy := proxy_for(self._profile.origin)) is not None:
            return self._no_proxy(httpx2.URL(proxy).netloc.decode("ascii", "replace"))
        if self._has(socket.gaierror):
            return self._problem(
                f"There is no server with the name {self._host}, or this computer is offline.",
                "Check the connection to the internet, and the address.",
                "few",
                f"{self._host} is not found",
                self._address,
            )
        if self._has(httpx2.ConnectTimeout):
            return self._problem(
                f"{self._profile.place} did not answer within {self._limits.connect_s:g} seconds.",
                "Check the address, or try again later.",
                "few",
                f"{self._name} does not answer",
                self._address,
            )
        if connecting:
            return self._no_connection()
        if self._has(httpx2.TimeoutException):
            return self._problem(
                f"{self._name} sent nothing for {self._limits.idle_s:g} seconds.",
                "Try again later, or choose another model.",
                "few",
                f"{self._name} does not answer",
            )
        if self._has(httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, httpx2.InvalidURL):
            return ServerProblem(
                f"No request can be made for {self._name}.",
                "Check its base URL and its headers.",
                remedy=entry_remedy(self._profile, "them", "--base-url URL --header H"),
                detail=self._detail,
            )
        return self._broken()

    def _no_connection(self) -> ServerProblem:
        numbers = {e.errno for e in self._chain if isinstance(e, OSError)}
        place = self._profile.place
        if numbers & _NO_WAY:
            return self._problem(
                f"There is no way to {self._host}. This computer may be offline.",
                "Check the connection to the network, and the address.",
                "few",
                f"{self._host} cannot be reached",
                self._address,
            )
        if self._profile.on_this_computer:
            return self._problem(
                f"{self._name} is not running: no program answers at {place}.",
                "Start it and try again, or correct the address.",
                "few",
                f"{self._name} is not running",
                self._address,
            )
        return self._problem(
            f"{place} refuses connections.",
            "Check the address, or try again later.",
            "few",
            f"{self._name} refuses connections",
            self._address,
        )

    def _broken(self) -> ServerProblem:
        words = " ".join(str(each) for each in self._chain).lower()
        if self._has(httpx2.RemoteProtocolError) and any(sign in words for sign in _NO_HTTP):
            return NotThisApi(
                f"What answers at {self._profile.place} is no web server.",
                "Check the address and the port.",
                remedy=self._address,
                detail=self._detail,
            )
        return self._problem(
            f"The connection to {self._name} broke.",
            "Try again.",
            "soon",
            f"The connection to {self._name} broke",
        )

    def _refused_by_proxy(self, words: str) -> ServerProblem:
        wants_name = words.startswith("407")
        return ServerProblem(
            f"The system's proxy did not let Chatdesk reach {self._host}"
            + (": it wants a user name and a password." if wants_name else "."),
            "Correct the proxy in the system's settings, or add the server to the addresses "
            "without proxy (NO_PROXY).",
            retryable=True,
            detail=server_words(words),
        )

    def _no_proxy(self, proxy: str) -> ServerProblem:
        # The proxy's address may have a password in it.
        shown = proxy.rpartition("@")[2]
        return self._problem(
            f"The system's proxy {shown}, through which {self._host} is reached, does not answer.",
            "Correct the proxy in the system's settings, or add the server to the addresses "
            "without proxy (NO_PROXY).",
            "few",
            "The proxy does not answer",
        )

    def _tls(self, error: ssl.SSLError) -> ServerProblem:
        words = str(error).lower()
        code = getattr(error, "verify_code", 0)
        remedy = None
        host = self._host
        if not isinstance(error, ssl.SSLCertVerificationError):
            if "wrong_version_number" in words or "wrong version number" in words:
                return ServerProblem(
                    f"{self._profile.place} does not speak https.",
                    "Check the port. Begin the address with http:// if the server is on this "
                    "computer.",
                    detail=self._detail,
                )
            return self._problem(
                f"No secure connection to {host} could be made.",
                "Check the address, and whether a program on the way, such as a virus scanner, "
                "looks into secure connections.",
                "few",
                f"No secure connection to {self._name}",
            )
        if code == _EXPIRED or "expired" in words:
            what = f"The certificate of {host} has expired."
            advice = "Check this computer's date. If it is right, only the server's owner can help."
        elif code == _NOT_YET or "not yet valid" in words:
            what = f"The certificate of {host} is not valid yet."
            advice = "Check this computer's date."
        elif code in (_OTHER_NAME, _OTHER_ADDRESS) or "mismatch" in words:
            what = f"The certificate shown by {host} is one of another server."
            advice, remedy = "Check the address.", self._address
        elif code == _SELF_SIGNED:
            what = f"{host} shows a certificate that it signed itself."
            advice = _TRUST
        else:
            what = f"The certificate of {host} is from nobody whom this system trusts."
            advice = _TRUST
        return ServerProblem(
            f"{what} Nothing was sent.",
            advice,
            remedy=remedy,
            retryable=True,
            detail=self._detail,
        )

    def _problem(
        self, what: str, advice: str, again: str, why: str, remedy: Remedy | None = None
    ) -> ServerProblem:
        return ServerProblem(
            what,
            advice,
            remedy=remedy,
            again="soon" if again == "soon" else "few",
            why=why,
            detail=self._detail,
        )

    def _has(self, *kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in self._chain)

    def _find(self, kind: type[_E]) -> _E | None:
        return next((each for each in self._chain if isinstance(each, kind)), None)
