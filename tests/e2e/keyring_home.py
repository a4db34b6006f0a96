"""A real keyring: gnome-keyring-daemon on a session bus of its own, in a home of its own.

    with keyring_home(environment, folder) as home:
        subprocess.run([...], env=home.environment)      # finds an unlocked Secret Service

environment says the HOME; with a DISPLAY in it the keyring's prompt is a window there. Nothing is
started by the bus itself but the prompter and the screen reader's bus: a killed daemon stays away
until start().
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import secretstorage
from jeepney import DBusAddress, MatchRule, new_method_call
from jeepney.bus import parse_addresses
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, prep_socket

PATIENCE_S = 60.0
PASSWORD = "pw of the keyring"
SECRETS = "org.freedesktop.secrets"
_SERVICES = Path("/usr/share/dbus-1/services")
_ACTIVATED = ("org.gnome.keyring.SystemPrompter", "org.gnome.keyring.PrivatePrompter")
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@dataclass
class KeyringHome:
    """One person's keyring. environment: for the processes that are to find it."""

    environment: dict[str, str] = field(repr=False)
    folder: Path
    daemon: subprocess.Popen[bytes] | None = None
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, password: str = PASSWORD) -> None:
        """Start the daemon and unlock its keyring, which is made with this password at first."""
        self._start_daemon("--unlock", password)

    def start_locked(self) -> None:
        """Start the daemon as after a login without a password: everything is locked."""
        self._start_daemon("--start", "")

    def kill(self) -> None:
        """SIGKILL the daemon, and wait until the bus knows."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = None
        self._wait_for_owner(False)

    def lock(self) -> None:
        """Lock the keyring, as its password manager does."""
        with self._connection() as connection:
            collection = secretstorage.get_collection_by_alias(connection, "default")
            collection.lock()
            assert collection.is_locked()

    def unlock(self, password: str = PASSWORD) -> None:
        """Unlock it without the person, as a login does; open questions answer themselves."""
        with self._connection() as connection:
            unlock_with_password(connection, password)

    def stored(self) -> dict[str, str]:
        """What the unlocked keyring has: account, and the text kept for it."""
        with self._connection() as connection:
            collection = secretstorage.get_collection_by_alias(connection, "default")
            return {
                f"{item.get_attributes()['service']} | {item.get_attributes()['username']}": (
                    item.get_secret().decode()
                )
                for item in collection.get_all_items()
            }

    def accounts(self) -> dict[str, str]:
        """As stored(), by the account alone; a test fails where two services have it."""
        found = [(name.partition(" | ")[2], text) for name, text in self.stored().items()]
        assert len(dict(found)) == len(found), "two data directories have it"
        return dict(found)

    # -- the inside ------------------------------------------------------------------------------

    def _start_bus(self) -> None:
        (self.folder / "services").mkdir()
        for name in _ACTIVATED:
            shutil.copy(_SERVICES / f"{name}.service", self.folder / "services")
        for path in _SERVICES.glob("org.a11y.*.service"):
            shutil.copy(path, self.folder / "services")
        (self.folder / "bus.conf").write_text(_CONFIG.format(folder=self.folder))
        address = f"unix:path={self.folder}/bus"
        process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--print-address"],
            env={**self.environment, "DBUS_SESSION_BUS_ADDRESS": address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._started.append(process)
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline(), "dbus-daemon did not start"
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = address

    def _start_daemon(self, how: str, password: str) -> None:
        assert self.daemon is None, "it is running already"
        self.daemon = subprocess.Popen(
            [
                "gnome-keyring-daemon",
                how,
                "--foreground",
                "--components=secrets",
                f"--control-directory={self.folder}/control",
            ],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self.daemon.stdin is not None
        with self.daemon.stdin as pipe:
            pipe.write(password.encode())
        self._started.append(self.daemon)
        self._wait_for_owner(True)

    @contextmanager
    def _connection(self) -> Iterator[DBusConnection]:
        (address,) = parse_addresses(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        with closing(DBusConnection(prep_socket(address[1]["path"]))) as connection:
            secretstorage.add_match_rules(connection)
            yield connection

    def _wait_for_owner(self, wanted: bool) -> None:
        rule = MatchRule(
            type="signal",
            sender=message_bus.bus_name,
            interface=message_bus.interface,
            member="NameOwnerChanged",
        )
        rule.add_arg_condition(0, SECRETS)
        with self._connection() as connection, connection.filter(rule, bufsize=10) as changes:
            bus = Proxy(message_bus, connection, timeout=PATIENCE_S)
            bus.AddMatch(rule)
            while bool(bus.NameHasOwner(SECRETS)[0]) is not wanted:
                connection.recv_until_filtered(changes, timeout=PATIENCE_S)

    def end(self) -> None:
        """Kill the bus and all that is on it; twice is harmless."""
        for process in reversed(self._started):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


def unlock_with_password(connection: DBusConnection, password: str) -> None:
    """gnome-keyring's own way to unlock without a prompt, made for logins and tests."""
    session = secretstorage.util.open_session(connection)
    secret = secretstorage.util.format_secret(session, password.encode(), "text/plain")
    collection = secretstorage.get_collection_by_alias(connection, "default")
    address = DBusAddress(
        "/org/freedesktop/secrets",
        bus_name=SECRETS,
        interface="org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
    )
    message = new_method_call(
        address, "UnlockWithMasterPassword", "o(oayays)", (collection.collection_path, secret)
    )
    connection.send_and_get_reply(message, timeout=PATIENCE_S)
    assert not collection.is_locked(), "the keyring did not take the password"


@contextmanager
def keyring_home(environment: Mapping[str, str], *, start: bool = True) -> Iterator[KeyringHome]:
    """A bus and, with start, an unlocked keyring on it, for the HOME in environment.

    A short folder of its own: the path of a socket has at most 107 characters.
    """
    own = {
        name: value
        for name, value in environment.items()
        if name not in ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS")
    }
    with tempfile.TemporaryDirectory(prefix="keyring-") as folder:
        home = KeyringHome(own, Path(folder))
        try:
            home._start_bus()
            if start:
                home.start()
            yield home
        finally:
            home.end()


def terminal(folder: Path) -> dict[str, str]:
    """The environment of a terminal without a display, with an empty home in folder."""
    home = folder / "home"
    (home / "runtime").mkdir(parents=True, mode=0o700)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "PYTEST_"))
        and name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    return environment | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "runtime"),
        "CHATDESK_DATA_DIR": str(home / "data"),
    }
