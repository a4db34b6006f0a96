"""The operating system's own keyring, and no other.

The keyring package can also write to plain files, or nowhere at all, and takes a choice from the
environment and from a file. Here only the system's keyrings count: Secret Service and KWallet,
Keychain, Credential Manager. Whoever chose another is told. Nothing is remembered between calls, so
a keyring that was started, or died and came back, is found by the next one.
"""

from __future__ import annotations

import configparser
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from chatdesk.credentials.problems import (
    WINDOWS_LONGEST,
    UnsafeKeyring,
    explain,
    no_keyring,
    refused,
    too_long,
)

if TYPE_CHECKING:
    import keyring.backend
    from secretstorage import Collection

    from chatdesk.errors import KeyringError

_log = logging.getLogger(__name__)

VARIABLE = "PYTHON_KEYRING_BACKEND"
_SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
_WINDOWS = "keyring.backends.Windows.WinVaultKeyring"
_CHAINER = "keyring.backends.chainer.ChainerBackend"
# The name to show. In the order in which they are tried where the priorities are equal.
_SAFE = {
    _SECRET_SERVICE: "Secret Service",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet",
    "keyring.backends.libsecret.Keyring": "Secret Service",
    "keyring.backends.macOS.Keyring": "Keychain",
    _WINDOWS: "Credential Manager",
}
_OF_SYSTEM = {
    "darwin": ("keyring.backends.macOS.Keyring",),
    "win32": (_WINDOWS,),
}
# libsecret reaches the same keyring as SecretStorage, which keyring brings along on Linux.
_OF_OTHERS = (_SECRET_SERVICE, "keyring.backends.kwallet.DBusKeyring")

Condition = Literal["usable", "locked"]


class Vault(Protocol):
    """A keyring as Keys uses it. Every call may block, for as long as a prompt is open.

    Raises KeyringError subclasses, which hold nothing of what was given.
    """

    @property
    def name(self) -> str: ...

    def open(self) -> None:
        """Unlock it, asking the person where needed."""

    def get(self, service: str, account: str) -> str | None: ...

    def set(self, service: str, account: str, text: str) -> None: ...

    def delete(self, service: str, account: str) -> None:
        """Delete what is there; nothing there is fine."""

    def has(self, service: str, account: str) -> bool | None:
        """Whether there is a key, without asking the person; None where that cannot be told."""

    def condition(self) -> Condition:
        """Whether it is locked, without asking the person."""


def system_vault() -> Vault:
    """The keyring of this system, as it is at this moment.

    Raises NoKeyring where there is none, UnsafeKeyring where another was chosen on purpose.
    """
    chosen = _chosen()
    names = backends() if chosen is None else (chosen,)
    found: list[tuple[float, SystemVault]] = []
    why = ""
    for name in names:
        with _explained() as explained:
            ring, priority = _load(name)
            found.append((priority, SystemVault(ring, name)))
        if explained:
            why = explained[0].detail
    if not found:
        raise no_keyring(why)
    return max(found, key=lambda pair: pair[0])[1]


def backends() -> tuple[str, ...]:
    """The classes of keyring's backends that may be used on this system, by their full names."""
    return _OF_SYSTEM.get(sys.platform, _OF_OTHERS)


def _load(name: str) -> tuple[keyring.backend.KeyringBackend, float]:
    module, _, kind = name.rpartition(".")
    backend = getattr(importlib.import_module(module), kind)
    priority = float(backend.priority)  # raises RuntimeError where it cannot be used
    return backend(), priority


def _chosen() -> str | None:
    """The backend that the person chose for all programs that use keyring; None for none.

    Judged by its name, before anything of it is imported. Raises UnsafeKeyring.
    """
    name = os.environ.get(VARIABLE, "").strip()
    where, remedy = f"The variable {VARIABLE}", "Remove it"
    if not name:
        from keyring.util import platform_

        path = platform_.config_root() / "keyringrc.cfg"
        config = configparser.RawConfigParser()
        try:
            config.read(path, encoding="utf-8")
            name = config.get("backend", "default-keyring", fallback="").strip()
        except (configparser.Error, OSError, UnicodeError):
            name = ""
        where, remedy = f"The file {path}", "Remove the line default-keyring from it"
    if not name or name == _CHAINER:  # which means: whatever the system has
        return None
    if name in _SAFE:
        return name
    if name.startswith(("keyring.backends.null.", "keyring.backends.fail.")):
        why = "which keeps nothing"
    elif "plaintext" in name.lower() or name.startswith("keyrings.alt."):
        why = "which keeps keys in a file"
    else:
        why = "which is not the system's own keyring"
    raise UnsafeKeyring(
        f"{where} chooses {name[:120]}, {why}.",
        f"{remedy}, so that Chatdesk uses the keyring of this system.",
    )


def _where(error: BaseException) -> str:
    """The line that raised it. Its words stay out of the log: they may have the key in them."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"


@contextmanager
def _explained() -> Iterator[list[KeyringError]]:
    """Collect what a keyring raised in the block, as one of our errors without a past."""
    errors: list[KeyringError] = []
    try:
        yield errors
    except Exception as error:  # a keyring's backend may raise anything
        errors.append(explain(error))
        _log.info("The keyring raised %s in %s", type(error).__name__, _where(error))


class SystemVault:
    """One of the safe backends of keyring. Makes a connection for every call."""

    def __init__(self, ring: keyring.backend.KeyringBackend, kind: str) -> None:
        self._ring: Any = ring
        self._kind = kind

    @property
    def name(self) -> str:
        return _SAFE[self._kind]

    def open(self) -> None:
        with _explained() as errors:
            if self._kind == _SECRET_SERVICE:
                with self._collection(make=True) as collection:
                    _unlock(collection)
        _raise(errors)

    def get(self, service: str, account: str) -> str | None:
        text: str | None = None
        with _explained() as errors:
            if self._kind == _SECRET_SERVICE:
                with self._collection() as collection:
                    if collection is None:  # so there is no key; keyring would ask to make one
                        return None
                    _unlock(collection)
            text = self._ring.get_password(self._service(service, account), account)
        _raise(errors)
        return text

    def set(self, service: str, account: str, text: str) -> None:
        if self._kind == _WINDOWS and len(text) > WINDOWS_LONGEST:
            raise too_long()
        with _explained() as errors:
            self._ring.set_password(self._service(service, account), account, text)
        _raise(errors)

    def delete(self, service: str, account: str) -> None:
        name = self._service(service, account)
        with _explained() as errors:
            # A backend deletes one of several, and tells a missing key from a failure only by
            # what can be read afterwards.
            for _ in range(10):
                if self.get(service, account) is None:
                    return
                self._ring.delete_password(name, account)
            errors.append(refused("it is still there"))
        _raise(errors)

    def has(self, service: str, account: str) -> bool | None:
        if self._kind != _SECRET_SERVICE:
            return None if "kwallet" in self._kind else self.get(service, account) is not None
        found: bool | None = False
        with _explained() as errors, self._collection() as collection:
            if collection is not None:
                scheme = self._ring.schemes[self._ring.scheme]
                query = {
                    scheme["username"]: account,
                    scheme["service"]: self._service(service, account),
                }
                found = any(True for _ in collection.search_items(query))
                if not found and collection.is_locked():
                    found = None  # KeePassXC does not look into what is locked
        _raise(errors)
        return found

    def condition(self) -> Condition:
        condition: Condition = "usable"
        with _explained() as errors:
            if self._kind == _SECRET_SERVICE:
                with self._collection() as collection:
                    # Without one, the first key makes one and asks for its password.
                    if collection is None or collection.is_locked():
                        condition = "locked"
            elif "kwallet" not in self._kind:
                self._ring.get_password("Chatdesk", "is it there")
        _raise(errors)
        return condition

    def _service(self, service: str, account: str) -> str:
        # The Credential Manager has one entry per service; keyring moves the one before away, in
        # two steps between which another process could lose it.
        return f"{service} {account}" if self._kind == _WINDOWS else service

    @contextmanager
    def _collection(self, *, make: bool = False) -> Iterator[Collection | None]:
        """The collection that keyring uses, not unlocked; None where there is none yet.

        make: ask the person to make one. (keyring would leave its connection open if they do not.)
        """
        import secretstorage

        with closing(secretstorage.dbus_init()) as connection:
            path = getattr(self._ring, "preferred_collection", None)
            collection: Collection | None
            try:
                collection = (
                    secretstorage.Collection(connection, path)
                    if path
                    else secretstorage.get_collection_by_alias(connection, "default")
                )
            except secretstorage.ItemNotFoundException:
                collection = secretstorage.get_default_collection(connection) if make else None
            yield collection


def _unlock(collection: Collection | None) -> None:
    if collection is not None and collection.is_locked():
        collection.unlock()
        collection.ensure_not_locked()  # it was dismissed


def _raise(errors: list[KeyringError]) -> None:
    # Not in the except block: the error would carry the library's one along, and what that knows.
    if errors:
        raise errors[0]
