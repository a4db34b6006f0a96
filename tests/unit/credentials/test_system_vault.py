"""The system's keyring: which one counts, and what is said where it does not work.

What a real one does is in tests/e2e/test_real_keyring.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keyring.errors import (
    InitError,
    NoKeyringError,
    PasswordDeleteError,
    PasswordSetError,
)
from keyring.errors import KeyringLocked as TheirKeyringLocked

from chatdesk.credentials import (
    KeyringDismissed,
    KeyringLocked,
    KeyringRefused,
    KeyringTimeout,
    KeyTooLong,
    NoKeyring,
    UnsafeKeyring,
    problems,
    system_vault,
)
from chatdesk.credentials.problems import WINDOWS_LONGEST, explain, locked, no_keyring, timed_out
from chatdesk.credentials.vault import SystemVault
from chatdesk.errors import KeyringError

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about Linux")


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody chose a keyring, and this session has none."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)


def configured(text: str) -> Path:
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "python_keyring"
    folder.mkdir(parents=True)
    (folder / "keyringrc.cfg").write_text(text)
    return folder / "keyringrc.cfg"


# -- which keyring counts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("keyring.backends.null.Keyring", "keeps nothing"),
        ("keyring.backends.fail.Keyring", "keeps nothing"),
        ("keyrings.alt.file.PlaintextKeyring", "in a file"),
        ("keyrings.alt.file.EncryptedKeyring", "in a file"),
        ("keyring.backends.file.PlaintextKeyring", "in a file"),
        ("somebody.elses.Keyring", "not the system's own"),
        ("keyring.backends.SecretService.Keyring.Inner", "not the system's own"),
        ("nonsense", "not the system's own"),
    ],
)
def test_a_keyring_that_is_not_the_systems_own_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    with pytest.raises(UnsafeKeyring) as error:
        system_vault()
    assert why in error.value.what and name in error.value.what
    assert "PYTHON_KEYRING_BACKEND" in error.value.what and "Remove it" in error.value.advice
    assert "keyrings" not in sys.modules and "somebody" not in sys.modules


@linux_only
@pytest.mark.usefixtures("no_choice")
def test_a_choice_in_keyrings_own_file_is_judged_too(tmp_path: Path) -> None:
    (tmp_path / "evil_keyring.py").write_text("raise SystemExit('imported')\n")
    path = configured(f"[backend]\ndefault-keyring=evil_keyring.Keyring\nkeyring-path={tmp_path}\n")
    with pytest.raises(UnsafeKeyring) as error:
        system_vault()
    assert str(path) in error.value.what and "default-keyring" in error.value.advice
    assert str(tmp_path) not in sys.path


@linux_only
@pytest.mark.usefixtures("no_choice")
@pytest.mark.parametrize("text", ["", "garbage", "[backend]\n", "[other]\ndefault-keyring=x\n"])
def test_a_file_that_chooses_nothing_is_passed_over(text: str) -> None:
    configured(text)
    with pytest.raises(NoKeyring):
        system_vault()


@linux_only
@pytest.mark.usefixtures("no_choice")
@pytest.mark.parametrize(
    "name",
    ["", "keyring.backends.chainer.ChainerBackend", "keyring.backends.SecretService.Keyring"],
)
def test_without_a_keyring_there_is_none_whatever_was_chosen(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    with pytest.raises(NoKeyring) as error:
        system_vault()
    assert error.value.__context__ is None


def test_importing_the_room_does_not_import_keyring() -> None:
    program = (
        "import sys, chatdesk.credentials\n"
        "print([name for name in sys.modules if name.partition('.')[0] in"
        " ('keyring', 'secretstorage', 'jeepney', 'cryptography', 'idna')])\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout == "[]\n"


# -- the words for what is wrong -------------------------------------------------------------------


class SecretServiceNotAvailableException(Exception):
    """As secretstorage calls it."""


class LockedException(Exception):
    """As secretstorage calls it."""


class PromptDismissedException(Exception):
    """As secretstorage calls it."""


class KeychainDenied(Exception):
    """As keyring's macOS backend calls it."""


class DBusErrorResponse(Exception):
    """As jeepney calls it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"[{name}] ()")
        self.name = name


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.fixture(params=[False, True], ids=["terminal", "desktop"])
def desktop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if request.param:
        monkeypatch.setenv("DISPLAY", ":7")
    yield request.param


@linux_only
@pytest.mark.parametrize(
    "error",
    [
        TheirKeyringLocked("Failed to unlock the collection!"),
        LockedException("Collection is locked!"),
        PromptDismissedException("Prompt dismissed."),
        caused(InitError("Failed to create the collection."), PromptDismissedException("no")),
        DBusErrorResponse("org.freedesktop.Secret.Error.IsLocked"),
    ],
)
def test_a_keyring_that_stays_locked_was_refused_or_had_nobody_to_ask(
    error: Exception, desktop: bool
) -> None:
    told = explain(error)
    assert type(told) is (KeyringDismissed if desktop else KeyringLocked) and told.retryable
    assert ("gnome-keyring-daemon --unlock" in told.advice) is not desktop


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoKeyringError("No recommended backend was available."), NoKeyring),
        (SecretServiceNotAvailableException("gone"), NoKeyring),
        (caused(InitError("x"), SecretServiceNotAvailableException("gone")), NoKeyring),
        (ConnectionResetError(104, "reset"), NoKeyring),
        (ConnectionRefusedError(111, "refused"), NoKeyring),
        (FileNotFoundError(2, "no such socket"), NoKeyring),
        (DBusErrorResponse("org.freedesktop.DBus.Error.NoReply"), NoKeyring),
        (DBusErrorResponse("org.freedesktop.DBus.Error.ServiceUnknown"), NoKeyring),
        (DBusErrorResponse("org.freedesktop.DBus.Error.Spawn.ChildExited"), NoKeyring),
        (DBusErrorResponse("org.freedesktop.DBus.Error.AccessDenied"), KeyringRefused),
        (PasswordSetError("Cancelled by user"), KeyringDismissed),
        (PasswordSetError("Can't store password on keychain"), KeyringRefused),
        (PasswordDeleteError("no"), KeyringRefused),
        (TimeoutError("Did not authenticate"), KeyringTimeout),
        (AttributeError("a bug of a backend"), KeyringRefused),
        (KeyTooLong("It is too long."), KeyTooLong),
    ],
)
def test_whatever_a_keyring_raises_becomes_words(error: Exception, kind: type[Exception]) -> None:
    told = explain(error)
    assert type(told) is kind and told.what.endswith(".")


def test_no_words_of_a_library_are_passed_on() -> None:
    error = caused(RuntimeError("the-key-itself"), ValueError("the-key-itself"))
    told = explain(error)
    assert "the-key-itself" not in f"{told!r} {told} {told.detail}"


@pytest.mark.parametrize(
    ("platform", "word"),
    [("darwin", "Keychain Access"), ("win32", "Credential Manager"), ("linux", "dbus-run-session")],
)
def test_the_remedy_is_this_systems(
    monkeypatch: pytest.MonkeyPatch, platform: str, word: str
) -> None:
    monkeypatch.setattr(problems, "sys", SimpleNamespace(platform=platform))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert word in no_keyring().advice


def test_on_a_mac_a_refusal_is_the_keychains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "sys", SimpleNamespace(platform="darwin"))
    told = explain(caused(TheirKeyringLocked("Can't get it"), KeychainDenied("-128")))
    assert type(told) is KeyringDismissed and "Keychain" in told.advice


@linux_only
def test_with_a_bus_the_remedy_is_to_install_a_keyring(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bus").write_text("")
    for address, there in (
        (f"unix:path={tmp_path}/bus", True),
        (f"unix:path={tmp_path}/bus,guid=00", True),
        ("unix:abstract=/tmp/dbus-x,guid=00", True),
        (f"unix:path={tmp_path}/gone", False),
        ("", False),
    ):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        assert ("gnome-keyring" in no_keyring().advice) is there


def test_the_time_waited_is_told() -> None:
    assert "60 seconds" in timed_out(60.0).what and "0 seconds" not in timed_out(0.0).what
    assert locked().retryable


# -- the backends ----------------------------------------------------------------------------------


class Ring:
    """A backend of keyring that keeps what it is given and fails as it is told."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], str] = {}
        self.failing: Exception | None = None

    def get_password(self, service: str, account: str) -> str | None:
        if self.failing:
            raise self.failing
        return self.stored.get((service, account))

    def set_password(self, service: str, account: str, text: str) -> None:
        if self.failing:
            raise self.failing
        self.stored[service, account] = text

    def delete_password(self, service: str, account: str) -> None:
        if self.failing:
            raise self.failing
        if self.stored.pop((service, account), None) is None:
            raise PasswordDeleteError("No such password!")


KINDS = {
    "Keychain": "keyring.backends.macOS.Keyring",
    "Credential Manager": "keyring.backends.Windows.WinVaultKeyring",
    "KWallet": "keyring.backends.kwallet.DBusKeyring",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_key_goes_in_and_out_of_every_keyring(name: str) -> None:
    ring: Any = Ring()
    vault = SystemVault(ring, KINDS[name])
    vault.open()
    assert vault.name == name and vault.condition() == "usable"
    assert vault.get("Chatdesk 1", "a") is None and vault.has("Chatdesk 1", "a") is not True
    vault.set("Chatdesk 1", "a", "text")
    vault.set("Chatdesk 1", "b", "other")
    assert vault.get("Chatdesk 1", "a") == "text" and vault.has("Chatdesk 1", "a") is not False
    vault.delete("Chatdesk 1", "a")
    vault.delete("Chatdesk 1", "a")
    assert vault.get("Chatdesk 1", "a") is None and vault.get("Chatdesk 1", "b") == "other"


def test_windows_has_an_entry_for_each_account_and_a_bound_for_its_length() -> None:
    ring: Any = Ring()
    vault = SystemVault(ring, KINDS["Credential Manager"])
    vault.set("Chatdesk 1", "a", "k" * WINDOWS_LONGEST)
    vault.set("Chatdesk 1", "b", "text")
    assert len({service for service, _ in ring.stored}) == 2
    with pytest.raises(KeyTooLong) as error:
        vault.set("Chatdesk 1", "a", "k" * (WINDOWS_LONGEST + 1))
    assert "kkk" not in str(error.value)


@pytest.mark.parametrize("call", ["get", "set", "delete"])
def test_what_a_backend_raises_leaves_no_trace_of_the_key(call: str) -> None:
    ring: Any = Ring()
    ring.failing = ValueError("cannot keep the-key-itself")
    vault = SystemVault(ring, KINDS["Keychain"])
    arguments = ("Chatdesk 1", "a", "the-key-itself")[: 3 if call == "set" else 2]
    with pytest.raises(KeyringError) as error:
        getattr(vault, call)(*arguments)
    assert "the-key-itself" not in "".join(traceback.format_exception(error.value))
    assert error.value.__context__ is None and error.value.__cause__ is None


def test_a_key_that_cannot_be_deleted_is_told() -> None:
    ring: Any = Ring()
    ring.stored["Chatdesk 1", "a"] = "text"
    ring.delete_password = lambda service, account: None
    with pytest.raises(KeyringRefused):
        SystemVault(ring, KINDS["Keychain"]).delete("Chatdesk 1", "a")
