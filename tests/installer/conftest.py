"""What the tests of the installers stand on: clean systems, a display, and the built installers.

They are run by `make installer-test`, which installs the programs that they need and builds what is
missing: a program or an installer that is not there is a failure. Skipped is only what this system
cannot do: it is no Linux, or makes no clean systems without root and the right to mount.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from clean_root import CleanRoot
from clean_root_maker import make_root, remove_root

ROOT = Path(__file__).resolve().parents[2]
# Where the installers are: dist, or a folder that they were copied to.
DIST = Path(os.environ.get("CHATDESK_INSTALLERS") or ROOT / "dist")
TIMEOUT_S = 900  # for one test: a busy computer unpacks a system and an application in it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder the time that installing takes."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def display() -> Iterator[dict[str, str]]:
    """The environment of a fresh display with a window manager, open to every user here.

    There is no session bus: a clean system has none, and Chatdesk must do without.
    """
    with ExitStack() as stack:
        read_end, write_end = os.pipe()
        screen = ["-screen", "0", "1280x860x24", "-nolisten", "tcp", "-noreset", "-ac"]
        stack.enter_context(_running(["Xvfb", "-displayfd", str(write_end), *screen], write_end))
        os.close(write_end)
        with os.fdopen(read_end, encoding="utf-8") as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        shown = ["env", f"DISPLAY=:{number}"]
        # The first key changes the keyboard's map, and for that the window manager lets go of its
        # own keys (Alt+F4) for a moment. So that no test's key falls into it, there is one before.
        subprocess.run([*shown, "xdotool", "key", "Shift_L"], check=True)
        manager = [*shown, "openbox", "--sm-disable"]
        stack.enter_context(_running(manager))
        yield {"DISPLAY": f":{number}"}


@contextmanager
def _running(command: list[str], *descriptors: int) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=descriptors,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots and what the windows printed are kept, to be looked at."""
    folder = ROOT / "build" / "installer-test"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def built(pattern: str) -> Path:
    """The installer that matches; a failure where it was not built and could have been."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the installers for Linux are built and tried on Linux")
    found = sorted(DIST.glob(pattern))
    assert len(found) == 1, (
        f"{len(found)} files match {pattern} in {DIST.name}: make installer-test builds it"
    )
    return found[0]


@pytest.fixture(scope="module")
def desktop(request: pytest.FixtureRequest, deb: Path) -> Iterator[CleanRoot]:
    """A clean Debian 12 with the libraries that a desktop has, and no Chatdesk.

    Which they are the Debian package says; test_dependencies.py proves that it says no more.
    """
    root = make_root("bookworm", request.path.stem)
    asked = subprocess.run(
        ["dpkg-deb", "--field", str(deb), "Depends"], capture_output=True, text=True, check=True
    )
    root.apt("satisfy", asked.stdout.strip())
    yield root
    remove_root(root.folder)


@pytest.fixture(scope="session")
def deb() -> Path:
    """The Debian package."""
    return built("chatdesk_*.deb")


@pytest.fixture(scope="session")
def rpm() -> Path:
    """The RPM package."""
    return built("chatdesk-*.rpm")


@pytest.fixture(scope="session")
def tar() -> Path:
    """The archive that is unpacked anywhere."""
    return built("chatdesk-*-linux-*.tar.xz")


@pytest.fixture(scope="session")
def appimage() -> Path:
    """The one-file application."""
    return built("Chatdesk-*.AppImage")
