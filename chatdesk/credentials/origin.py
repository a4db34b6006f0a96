"""The origin of a server: who gets a key, and nobody else.

A key belongs to a scheme, a host and a port. They are normalised, so that two spellings of the same
server are one origin, and so that what is compared is what the HTTP client connects to: the same
lower case, the same IDNA form. An address that could be read in two ways is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from chatdesk.errors import UsageError

_PORTS = {"https": 443, "http": 80, "tls": 4222, "nats": 4222}  # the latter two for NATS servers
_ENCRYPTED = ("https", "tls")
_EXAMPLE = "Write it like https://api.example.com/v1 or http://127.0.0.1:8080."
_UNFIT = re.compile(r"[\s\\\x00-\x1f\x7f-\x9f]")
_NETLOC = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Names that a resolver reads as a number: 127.1, 0x7f000001. The client would connect to an address
# that nobody saw.
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LONGEST_HOST = 253  # characters, RFC 1035


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a server, normalised. Made by of() or from_parts(), not directly.

    str() is the origin as an address, the web's own ports left out: "https://api.mistral.ai",
    "nats://localhost:4222".
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of a base URL; its path does not matter.

        Raises UsageError for what is no http, https, nats or tls address, and for one with a user
        name, a password, a query or a fragment: keys do not belong there.
        """
        text = url.strip()
        if not text:
            raise UsageError("The address of the server is missing.", _EXAMPLE)
        if _UNFIT.search(text):
            raise UsageError(
                "The address of the server has a space or a character that no address has.",
                _EXAMPLE,
            )
        try:
            parts = urlsplit(text)
        except ValueError as error:  # brackets that do not match, for one
            raise UsageError("The address of the server cannot be read.", _EXAMPLE) from error
        _check_rest(text, parts)
        found = _NETLOC.fullmatch(parts.netloc)
        if found is None:
            raise UsageError(
                "The address of the server cannot be read, or its port is no number.", _EXAMPLE
            )
        host, port = found.groups()
        return cls.from_parts(parts.scheme, host, int(port) if port else None)

    @classmethod
    def from_parts(cls, scheme: str, host: str, port: int | None = None) -> Origin:
        """The origin of a request or a redirect that is taken apart already.

        host may be an IPv6 address with or without brackets; port None is the scheme's own. Raises
        UsageError as of() does.
        """
        scheme = scheme.lower()
        if scheme not in _PORTS:
            raise UsageError(
                f"An address that starts with {scheme}:// is none of a model server."
                if scheme
                else "The address of the server does not say whether it is http or https.",
                _EXAMPLE,
            )
        port = _PORTS[scheme] if port is None else port
        if not 1 <= port <= 65535:
            raise UsageError(
                "The address of the server has a port that is no number from 1 to 65535.",
                _EXAMPLE,
            )
        return cls(scheme, _normal_host(host), port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS[self.scheme] and self.scheme in ("https", "http")
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")

    @property
    def loopback(self) -> bool:
        """Whether the server is on this computer: 127.0.0.0/8, ::1, localhost, *.localhost."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return bool((mapped or address).is_loopback)

    @property
    def secure(self) -> bool:
        """Whether nobody on the way can read what is sent: encrypted, or never leaving the
        computer.
        """
        return self.scheme in _ENCRYPTED or self.loopback


def _check_rest(text: str, parts: SplitResult) -> None:
    """Refuse what is no base URL. The message repeats nothing of the address: it may hold a key."""
    if not parts.netloc:
        if "://" in text or parts.scheme in _PORTS:
            raise UsageError("The address names no server.", _EXAMPLE)
        raise UsageError(
            "The address of the server does not say whether it is http or https.", _EXAMPLE
        )
    if "@" in parts.netloc:
        raise UsageError(
            "The address of the server has a user name or a password in it.",
            "Take it out; a key is given apart and kept in the system's keyring.",
        )
    if parts.query or "?" in text:
        raise UsageError(
            "The address of the server has a ? in it.",
            "Take out the ? and what follows; a key is given apart.",
        )
    if parts.fragment or "#" in text:
        raise UsageError(
            "The address of the server has a # in it.", "Take out the # and what follows."
        )


def _normal_host(given: str) -> str:
    host = given.lower()
    if not host:
        raise UsageError("The address names no server.", _EXAMPLE)
    if ":" in host or host.startswith("["):
        return _normal_ipv6(host.removeprefix("[").removesuffix("]"))
    if not host.isascii():
        host = _ascii_host(host)
    host = host.removesuffix(".")
    if _NUMERIC.fullmatch(host):
        return _normal_ipv4(host)
    labels = host.split(".")
    if len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise UsageError("The name of the server cannot be right.", _EXAMPLE)
    return host


def _normal_ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise UsageError("The address of the server cannot be read.", _EXAMPLE) from None
    if address.scope_id:
        raise UsageError("An address with a network interface (%) cannot be used.", _EXAMPLE)
    return _connectable(address)


def _normal_ipv4(host: str) -> str:
    try:
        return _connectable(ipaddress.IPv4Address(host))
    except ValueError:
        raise UsageError(
            "The address of the server is no number like 127.0.0.1.", _EXAMPLE
        ) from None


def _connectable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.is_unspecified:  # what a server prints that listens on all addresses
        raise UsageError(
            f"{address} is where a server listens, not where it is reached.",
            "Write 127.0.0.1 for a server on this computer.",
        )
    return str(address)


def _ascii_host(host: str) -> str:
    """The form of a name like müller.example that is looked up; as httpx2 makes it."""
    import idna

    try:
        return idna.encode(host).decode("ascii").lower()
    except idna.IDNAError:
        raise UsageError("The name of the server cannot be right.", _EXAMPLE) from None
