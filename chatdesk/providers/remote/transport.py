"""The one door to the network: what goes out is checked here, and what comes in is bounded.

Every library that talks to a server gets a client with this transport. It lets a request out only
to the profile's own origin, and puts the key in itself, so that no library ever has it. Of a
library's headers only those go out that HTTP needs: others tell the system, its processor and its
Python. No cookie is kept and no compression accepted.
"""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import httpx2

from chatdesk import __version__
from chatdesk.credentials import Origin, Secret
from chatdesk.errors import UsageError
from chatdesk.providers.remote import library_logs
from chatdesk.providers.remote.limits import Limits
from chatdesk.providers.remote.problems import (
    AnswerTooLarge,
    CompressedAnswer,
    RedirectedElsewhere,
    ServerProblem,
)

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile
    from chatdesk.providers.remote.api import Server

USER_AGENT = f"Chatdesk/{__version__}"

# What is kept of the headers that a library sets.
_KEPT = frozenset(["host", "content-type", "content-length", "transfer-encoding", "accept"])
_REDIRECTS = frozenset([301, 302, 307, 308])
BODY = "chatdesk.body"  # among a response's extensions: its BoundedStream
_TWO_ENDS = (b"\n\n", b"\n\r", b"\r\r")  # of lines; CR LF is one
_STREAM_TYPES = ("text/event-stream", "application/x-ndjson")


def guarded_client(profile: Profile, key: Secret | None, limits: Limits) -> httpx2.AsyncClient:
    """A client for one provider. To be made, used and closed in the loop's thread.

    Raises ServerProblem where the address must not be used or the proxy's cannot be.
    """
    library_logs.keep_quiet()
    return httpx2.AsyncClient(
        transport=GuardedTransport(profile, key, limits), trust_env=False, timeout=None
    )


def client_of(server: Server) -> httpx2.AsyncClient:
    """The guarded client of a server that is talked to over HTTP."""
    if not isinstance(server.connection, httpx2.AsyncClient):
        raise TypeError("this server is not talked to over HTTP")
    return server.connection


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to one origin only, with its key. Belongs to the loop's thread."""

    def __init__(self, profile: Profile, key: Secret | None, limits: Limits) -> None:
        self._origin = profile.origin
        self._key = key
        self._limits = limits
        if not self._origin.secure and not profile.allow_http:
            raise ServerProblem(
                f"{profile.name} is not asked, because http:// to {self._origin.host} is not "
                "encrypted.",
                "Use an https:// address, or allow http for this provider on purpose.",
            )
        taken = {"authorization"} if key is not None else set()
        self._headers = {"user-agent": USER_AGENT} | {
            name.lower(): value
            for name, value in profile.headers
            if name.lower() not in _KEPT | taken
        }
        # Over http nobody shows a certificate, and the system's are slow to read.
        context = tls_context() if self._origin.scheme == "https" else _trusting_nobody()
        proxy = proxy_for(self._origin)
        self._inner = httpx2.AsyncHTTPTransport(
            verify=context,
            trust_env=False,
            proxy=None if proxy is None else httpx2.Proxy(proxy, ssl_context=_proxy_tls(proxy)),
            limits=httpx2.Limits(keepalive_expiry=limits.linger_s),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and follow redirects within the origin. Raises ServerProblem."""
        url = request.url
        for _ in range(self._limits.redirects + 1):
            response = await self._inner.handle_async_request(self._checked(request, url))
            try:
                target = self._redirect(url, response)
                if target is None:
                    return self._bounded(response, request)
            except BaseException:
                await response.aclose()
                raise
            await response.aclose()
            url = target
        raise ServerProblem(
            "The server redirects in a circle.",
            "Check the base URL in the provider's settings.",
            status=response.status_code,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _checked(self, request: httpx2.Request, url: httpx2.URL) -> httpx2.Request:
        """The request as it goes out."""
        if _origin_of(url) != self._origin:
            # No library may be talked into asking somebody else.
            raise RedirectedElsewhere(self._origin, _origin_of(url))
        headers = {
            name: value for name, value in request.headers.items() if name.lower() in _KEPT
        } | self._headers
        headers["accept-encoding"] = "identity"
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key.reveal()}"
        # As bytes: a key may have any character of Latin-1, and an error of encoding would show it.
        fields = [(name.encode("ascii"), text.encode("latin-1")) for name, text in headers.items()]
        extensions = dict(request.extensions)
        if self._origin.host.endswith(".localhost"):
            # Such a name means this computer, but some resolvers would ask the network for it.
            extensions["sni_hostname"] = self._origin.host
            url = url.copy_with(host="localhost")
        limits = self._limits
        return httpx2.Request(
            request.method,
            url,
            headers=fields,
            stream=request.stream,
            extensions=extensions
            | {
                "timeout": {
                    "connect": limits.connect_s,
                    "read": limits.idle_s,
                    "write": limits.idle_s,
                    "pool": None,
                }
            },
        )

    def _redirect(self, url: httpx2.URL, response: httpx2.Response) -> httpx2.URL | None:
        """Where a redirect within the origin leads, with the same method; None for no redirect.

        303 is left to the caller: it says that the answer is a page to be read elsewhere.
        """
        location = response.headers.get("location")
        if response.status_code not in _REDIRECTS or not location:
            return None
        try:
            target = httpx2.URL(urljoin(str(url), location)).copy_with(fragment=None, userinfo=b"")
            origin = _origin_of(target)
        except (ValueError, httpx2.InvalidURL, UsageError):
            raise ServerProblem(
                "The server redirects to an address that cannot be read.",
                "Check the base URL in the provider's settings.",
                status=response.status_code,
            ) from None
        if origin != self._origin:
            raise RedirectedElsewhere(self._origin, origin)
        return target

    def _bounded(self, response: httpx2.Response, request: httpx2.Request) -> httpx2.Response:
        """The response without cookies, and with a body that cannot grow beyond all bounds."""
        headers = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower() not in (b"set-cookie", b"set-cookie2")
        ]
        failed = response.status_code >= 400
        encoding = response.headers.get("content-encoding", "").strip().lower()
        stream: httpx2.AsyncByteStream = response.stream  # type: ignore[assignment]
        if encoding not in ("", "identity"):
            if not failed:
                raise CompressedAnswer(encoding)
            # The status says enough; what cannot be bounded is not unpacked.
            headers = [(n, v) for n, v in headers if n.lower() != b"content-encoding"]
            stream = _Cut(stream, 0)
        elif failed:
            stream = _Cut(stream, self._limits.error_bytes)
        elif response.headers.get("content-type", "").lower().startswith(_STREAM_TYPES):
            stream = BoundedStream(stream, self._limits.event_bytes, self._limits.stream_bytes)
        else:
            stream = BoundedStream(stream, self._limits.body_bytes, self._limits.body_bytes)
        return httpx2.Response(
            response.status_code,
            headers=headers,
            stream=stream,
            request=request,
            extensions={**response.extensions, BODY: stream},
        )


class BoundedStream(httpx2.AsyncByteStream):
    """A body in which neither the whole nor one event of a stream may be larger than a bound."""

    def __init__(self, inner: httpx2.AsyncByteStream, event: int, whole: int) -> None:
        self._inner = inner
        self._event = event
        self._whole = whole
        self._last = b""
        self._before = b""

    @property
    def tail(self) -> bytes:
        """The last of what came so far."""
        return self._before[-64:] + self._last[-64:]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        whole = event = 0
        async for chunk in self._inner:
            size = len(chunk)
            whole += size
            # Some servers send the empty line that ends an event apart from it, so that the end
            # falls between two chunks, and does so in every event.
            event = (
                0
                if b"\n\n" in chunk
                or b"\n\r\n" in chunk
                or b"\r\r" in chunk
                or self._last[-1:] + chunk[:1] in _TWO_ENDS
                else event + size
            )
            if event > self._event or whole > self._whole:
                raise AnswerTooLarge(min(self._event, self._whole))
            self._before, self._last = self._last, chunk
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Cut(httpx2.AsyncByteStream):
    """A body that ends at a bound, whatever follows."""

    def __init__(self, inner: httpx2.AsyncByteStream, bound: int) -> None:
        self._inner = inner
        self._left = bound

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self._left:
            return
        async for chunk in self._inner:
            yield chunk[: self._left]
            self._left -= len(chunk)
            if self._left <= 0:
                return

    async def aclose(self) -> None:
        await self._inner.aclose()


def proxy_for(origin: Origin) -> str | None:
    """The system's proxy for an origin: its settings, or http_proxy, https_proxy and no_proxy.

    Nothing that stays on this computer goes through one.
    """
    if origin.loopback:
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(origin.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    scheme = proxy.partition("://")[0].lower()
    if scheme not in ("http", "https"):
        raise ServerProblem(
            f"The system's proxy speaks {scheme}, which Chatdesk does not.",
            "Set an http proxy in the system's settings, or add the server to the addresses "
            "without proxy (NO_PROXY).",
        )
    return proxy


def _origin_of(url: httpx2.URL) -> Origin:
    return Origin.from_parts(url.scheme, url.raw_host.decode("ascii"), url.port)


def tls_context() -> ssl.SSLContext:
    """For a client. Trusts whom the system trusts, and who is in SSL_CERT_FILE and SSL_CERT_DIR."""
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        try:
            context.load_verify_locations(cafile=file or None, capath=folder or None)
        except OSError as error:
            raise ServerProblem(
                "The certificates named by SSL_CERT_FILE or SSL_CERT_DIR cannot be read.",
                "Correct these environment variables, or remove them.",
                detail=f"{type(error).__name__}: {error}",
            ) from error
    return context


def _trusting_nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_tls(proxy: str) -> ssl.SSLContext | None:
    return tls_context() if proxy.lower().startswith("https:") else None
