"""What can be wrong with the system's keyring, said so that a person can mend it.

explain() turns whatever a keyring raised into one of these. It keeps the kind of the failure and
no message of it: messages of libraries can hold what they were called with.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chatdesk.errors import KeyringError

WINDOWS_LONGEST = 1280  # characters: CRED_MAX_CREDENTIAL_BLOB_SIZE is 2,560 bytes, UTF-16


class NoKeyring(KeyringError):
    """There is no keyring, or the one there was is gone."""


class UnsafeKeyring(KeyringError):
    """A keyring is chosen in keyring's configuration that is not the system's own."""


class KeyringLocked(KeyringError):
    """The keyring is locked and nobody can be asked for its password here."""


class KeyringDismissed(KeyringError):
    """The person closed the keyring's question or said no."""


class KeyringTimeout(KeyringError):
    """The keyring did not answer in time; its question may still be open."""


class KeyTooLong(KeyringError):
    """The keyring cannot hold a key of this length."""


class KeyringRefused(KeyringError):
    """The keyring answered and would not do it, or failed in a way of its own."""


def no_keyring(detail: str = "") -> NoKeyring:
    """The error for a system without a keyring, with the way to get one there."""
    if sys.platform == "darwin":
        return NoKeyring(
            "The Keychain of this Mac cannot be used.",
            "Open Keychain Access, check that there is a login keychain, then try again.",
            detail=detail,
        )
    if sys.platform == "win32":
        return NoKeyring(
            "The Credential Manager of Windows cannot be used.",
            "Start the service Credential Manager (services.msc), then try again.",
            detail=detail,
        )
    if not has_bus():
        return NoKeyring(
            "There is no keyring here: this session has no D-Bus session bus.",
            "Start Chatdesk from a desktop session, or start this shell with dbus-run-session and "
            "a keyring in it.",
            detail=detail,
        )
    return NoKeyring(
        "There is no keyring on this system, or it is not running.",
        "Install and start one: gnome-keyring, KWallet, or KeePassXC with its Secret Service "
        "integration turned on. Then log out and in again.",
        detail=detail,
    )


def has_bus() -> bool:
    """Whether this session has a D-Bus session bus, on which the keyrings of Linux are."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    path = address.partition(":path=")[2].partition(",")[0] if "unix:path=" in address else ""
    return bool(address) and (not path or Path(path).exists())


def locked(detail: str = "") -> KeyringError:
    """The error for a keyring that stayed locked: nobody was asked, or somebody said no."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return KeyringLocked(
            "The keyring is locked, and without a desktop it cannot ask for its password.",
            "Unlock it first: log in to the desktop, or run gnome-keyring-daemon --unlock.",
            retryable=True,
            detail=detail,
        )
    return dismissed(detail)


def dismissed(detail: str = "") -> KeyringDismissed:
    """The error for a question of the keyring that was closed or answered with no."""
    return KeyringDismissed(
        "The keyring stayed locked, because its question was closed or refused.",
        "Try again and allow it"
        + (" in the Keychain's window." if sys.platform == "darwin" else " with its password."),
        retryable=True,
        detail=detail,
    )


def timed_out(seconds: float) -> KeyringTimeout:
    """The error for a keyring that did not answer within seconds."""
    return KeyringTimeout(
        f"The keyring did not answer within {seconds:.0f} seconds."
        if seconds >= 1.5
        else "The keyring did not answer in time.",
        "If it asks for a password in a window of its own, answer there, then try again.",
        retryable=True,
    )


def too_long() -> KeyTooLong:
    """The error for a key that the Credential Manager cannot hold."""
    return KeyTooLong(
        f"The key is too long: the Credential Manager of Windows keeps {WINDOWS_LONGEST:,} "
        "characters.",
        "Make a shorter key on the provider's page, or keep this one for this run only.",
    )


def refused(detail: str = "") -> KeyringRefused:
    """The error for a keyring that failed in a way that has no name of its own."""
    return KeyringRefused(
        "The keyring did not do it.",
        "Open the system's password manager, check that it works there, then try again.",
        retryable=True,
        detail=detail,
    )


def explain(error: BaseException) -> KeyringError:
    """The error to show for what a keyring raised; raise it outside of the except block.

    Known by the names of the classes, along the chain of causes: the classes themselves are in
    libraries that this system may not have.
    """
    if isinstance(error, KeyringError):
        return error
    names: list[str] = []
    words: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < 8:
        kinds = (kind.__name__ for kind in type(current).__mro__)
        names += [name for name in kinds if name not in ("Exception", "BaseException", "object")]
        words += [str(current)[:400], str(getattr(current, "name", ""))]
        current = current.__cause__ or current.__context__
    detail = type(error).__name__
    said = " ".join(words)
    stayed_locked = {
        "KeyringLocked",
        "KeychainDenied",
        "LockedException",
        "PromptDismissedException",
    }
    if stayed_locked & set(names) or "Error.IsLocked" in said:
        return locked(detail)
    if "Cancelled by user" in said:  # KWallet, which asks in a window
        return dismissed(detail)
    gone = {"NoKeyringError", "SecretServiceNotAvailableException", "ConnectionError"}
    if gone & set(names) or "InitError" in names or "FileNotFoundError" in names:
        return no_keyring(detail)
    if "Error.ServiceUnknown" in said or "Error.NoReply" in said or "Error.Spawn." in said:
        return no_keyring(detail)
    if "TimeoutError" in names:
        return timed_out(0)
    return refused(detail)
