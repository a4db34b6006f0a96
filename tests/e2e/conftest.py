"""A display for tests in a real window, and a person at it (hands.py).

`desk` starts the application on an Xvfb display that this session started (a free one, killed at
the end), with openbox as the window manager and a session bus of its own, so that the accessible
tree can be read as a screen reader reads it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hands import Desk, wait_until
from keyring_home import KeyringHome, keyring_home, terminal

LONGEST_S = 300  # of a test: several waits of hands.PATIENCE_S, on a computer that is busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests in real windows their time."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(LONGEST_S))


@contextmanager
def background(
    command: list[str], environment: Mapping[str, str], **named: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A helper process that lives as long as the block."""
    process = subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, start_new_session=True, **named
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _first_line(read_end: int) -> str:
    with os.fdopen(read_end, encoding="utf-8") as pipe:
        return pipe.readline().strip()


def _is_managed(environment: Mapping[str, str]) -> bool:
    """Whether a window manager says that it is there."""
    name = "_NET_SUPPORTING_WM_CHECK"
    told = subprocess.run(
        ["xprop", "-root", name], env=environment, capture_output=True, text=True, check=True
    )
    return f"{name}(WINDOW)" in told.stdout


@pytest.fixture(scope="session")
def display() -> Iterator[dict[str, str]]:
    """The environment of a fresh display: DISPLAY, a session bus, Qt on X11."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS")
    }
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with ExitStack() as stack:
        read_end, write_end = os.pipe()
        screen = ["-screen", "0", "1280x860x24", "-nolisten", "tcp", "-noreset"]
        stack.enter_context(
            background(
                ["Xvfb", "-displayfd", str(write_end), *screen],
                environment,
                pass_fds=(write_end,),
                **quiet,
            )
        )
        os.close(write_end)
        number = _first_line(read_end)
        assert number, "Xvfb did not start"
        environment |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        read_end, write_end = os.pipe()
        bus = ["dbus-daemon", "--session", "--nofork", "--nopidfile"]
        stack.enter_context(
            background(
                [*bus, f"--print-address={write_end}"],
                environment,
                pass_fds=(write_end,),
                **quiet,
            )
        )
        os.close(write_end)
        environment["DBUS_SESSION_BUS_ADDRESS"] = _first_line(read_end)
        # The first key changes the keyboard's map, and for that the window manager lets go of its
        # own keys (Alt+F4) for a moment. So that no test's key falls into it, there is one before.
        subprocess.run(["xdotool", "key", "Shift_L"], env=environment, check=True)
        stack.enter_context(background(["openbox", "--sm-disable"], environment, **quiet))
        wait_until(lambda: _is_managed(environment), "the window manager")
        yield environment


@pytest.fixture
def desk(display: dict[str, str], tmp_path: Path) -> Iterator[Desk]:
    """A desk with an empty home; what runs at the end of the test is killed."""
    home = tmp_path / "home"
    runtime = home / "runtime"
    runtime.mkdir(parents=True, mode=0o700)
    environment = {
        name: value for name, value in display.items() if not name.startswith(("XDG_", "PYTEST_"))
    } | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "CHATDESK_DATA_DIR": str(home / "data"),
        "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        "OMP_NUM_THREADS": "1",
        # The bus would start a keyring, for the home of the person who runs the tests.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    desk = Desk(environment, tmp_path)
    yield desk
    desk.leave()


@pytest.fixture
def desk_keyring(desk: Desk) -> Iterator[KeyringHome]:
    """An unlocked keyring for what is started at the desk from now on; its prompt is a window."""
    with keyring_home(desk.environment) as home:
        del desk.environment["PYTHON_KEYRING_BACKEND"]
        desk.environment["DBUS_SESSION_BUS_ADDRESS"] = home.environment["DBUS_SESSION_BUS_ADDRESS"]
        yield home
        desk.leave()  # before its bus is gone


@pytest.fixture
def terminal_keyring(tmp_path: Path) -> Iterator[KeyringHome]:
    """An unlocked keyring where there is no display, as over SSH."""
    with keyring_home(terminal(tmp_path)) as home:
        yield home
