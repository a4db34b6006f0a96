"""Where commands find a NATS server, and their login: no argument, which everybody could see."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

from chatdesk.errors import UsageError
from chatdesk.providers.nats.login import Login, one_line, read_login

VARIABLE = "CHATDESK_NATS_KEY"
_LONGEST = 65_536  # bytes
FORMS = "a token, name:password, an NKey seed or a credentials file"


def checked_url(url: str) -> str:
    """The address of a NATS server. Raises UsageError for what is none, or has a key in it."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine, parts = False, urlsplit("")
    if parts.username or parts.password:
        raise UsageError(
            "A key does not belong into an address, which everybody on this computer can see.",
            f"Put it into the environment variable {VARIABLE}, or into a file (--key-file).",
        )
    if not fine or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(
            "That is no address of a NATS server.", "Write nats://HOST:PORT or tls://HOST:PORT."
        )
    return url


def read_key(file: str | None) -> str:
    """The key in a file, or else in the environment; "" for none.

    Raises UsageError for a file that cannot be read, or that others may read.
    """
    if file is None:
        return os.environ.get(VARIABLE, "").strip()
    path = Path(file)
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(_LONGEST + 1)
    except OSError as error:
        raise UsageError(
            f"The key file {path.name} cannot be read.", "Check its name and its rights."
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO) and not _handed_over(path):
        raise UsageError(
            f"Others may read the key file {path.name}.", f"Change that: chmod 600 {path.name}"
        )
    if not data.strip() or len(data) > _LONGEST:
        raise UsageError(f"There is no key in {path.name}.", f"It holds {FORMS}.")
    return one_line(data.decode("utf-8", "replace")).strip()


def login_for(user: str | None, key: str) -> Login:
    """The login of this user. Raises UsageError where the key is another one's.

    user: with a key that is only a password, whose it is; without a key, who one says to be (a
    server that asks for none believes everybody).
    """
    if user is None:
        return read_login(key)
    if not key:
        return Login(user)
    login = read_login(key)
    if login.token:
        return read_login(f"{user}:{key}")
    if login.user != user:
        raise UsageError(
            f"The key is not that of {user}.", f"It belongs to {login.user}; leave --user out."
        )
    return login


def _handed_over(path: Path) -> bool:
    """Whether systemd gave the file (LoadCredential=): its rights are in an access list, and the
    mode shows the list's mask as rights of the group.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(folder) and path.resolve().is_relative_to(Path(folder).resolve())
