"""What every test is held to, whatever it tests.

No test touches the person's home or data directory, or the network beyond this computer. A test
fails when it leaves a thread, an active timer or a window behind, or when the application logged an
error that the test did not announce with `allow_errors`. Warnings and Qt's messages fail a test by
the settings in pyproject.toml. Time is never asserted, so hypothesis has no deadline.
"""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Container, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import real_servers
from real_servers import RealServer

# Before anything imports Qt. The e2e tests start processes of their own on a display of their own.
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.pop("CHATDESK_DATA_DIR", None)

hypothesis.settings.register_profile(
    "chatdesk",
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("chatdesk")

# What a person may have set for other programs, and what changes how servers are talked to.
_FOREIGN = re.compile(
    r"SSL_CERT_(FILE|DIR)|(ALL|HTTPS?|NO)_PROXY|(OPENAI|MISTRAL|HF|HUGGINGFACE)_\w+|\w+_API_KEY",
    re.IGNORECASE,
)
GRACE_S = 3.0  # a thread that was told to end may need this long on a busy machine


def pytest_collection_finish() -> None:
    """Let the garbage collector not look again and again at what all tests have in common."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)  # objects more than there were; Python's own is 700, 10, 10


def pytest_unconfigure() -> None:
    """Close what llama_cpp opens for good when it is imported: Python would complain of it."""
    llama_cpp = sys.modules.get("llama_cpp._utils")
    if llama_cpp is not None:
        llama_cpp.outnull_file.close()
        llama_cpp.errnull_file.close()


# -- the person's own files ------------------------------------------------------------------------


class Homes:
    """Homes in which nobody has been. One that a test left as it was is given to the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._untouched: Path | None = None

    def take(self) -> Path:
        home, self._untouched = self._untouched, None
        if home is None:
            self._count += 1
            home = self._folder / str(self._count)
            home.mkdir(mode=0o700)
            (home / "runtime").mkdir(mode=0o700)
        return home

    def give_back(self, home: Path) -> None:
        if list(islice(home.rglob("*"), 2)) == [home / "runtime"]:
            self._untouched = home


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return Homes(tmp_path_factory.mktemp("homes"))


@pytest.fixture(autouse=True)
def _home(_homes: Homes) -> Iterator[None]:
    """Give the test a home and a data directory of its own."""
    home = _homes.take()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        for name, folder in {
            "XDG_DATA_HOME": ".local/share",
            "XDG_CONFIG_HOME": ".config",
            "XDG_CACHE_HOME": ".cache",
            "XDG_STATE_HOME": ".local/state",
            "APPDATA": "roaming",
            "LOCALAPPDATA": "local",
        }.items():
            patch.setenv(name, str(home / folder))
        patch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
        patch.setenv("CHATDESK_DATA_DIR", str(home / "data"))
        # Neither their proxy nor their certificates and keys.
        for name in [name for name in os.environ if _FOREIGN.fullmatch(name)]:
            patch.delenv(name)
        # No test may unlock or fill the person's keyring.
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield
    _homes.give_back(home)


@pytest.fixture
def data_path() -> Path:
    """Where this test's data directory is; it does not exist yet."""
    return Path(os.environ["CHATDESK_DATA_DIR"])


# -- servers of models -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def llama_cpp_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """llama-cpp-python's OpenAI-compatible server, a process of its own (see real_servers)."""
    with real_servers.llama_cpp_python(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """llama.cpp's own server, a process of its own (see real_servers)."""
    with real_servers.llama_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(params=["llama_cpp_python", "llama_server"])
def any_server(request: pytest.FixtureRequest) -> RealServer:
    """Each of the real servers."""
    server: RealServer = request.getfixturevalue(request.param)
    return server


# -- the network -----------------------------------------------------------------------------------


def _is_here(family: int, address: Any) -> bool:
    """Whether a socket address is on this computer."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0])
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse what would leave this computer, loudly: Chatdesk promises that nothing does."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    sendto, getaddrinfo = socket.socket.sendto, socket.getaddrinfo

    def check(family: int, address: Any) -> None:
        if not _is_here(family, address):
            pytest.fail(f"A test tried to reach the network: {address!r}", pytrace=True)

    def checked_connect(self: socket.socket, address: Any) -> None:
        check(self.family, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        check(self.family, address)
        return connect_ex(self, address)

    def checked_sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        check(self.family, rest[-1])
        return sendto(self, data, *rest)

    def checked_getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        check(socket.AF_INET, (name or "",))
        return getaddrinfo(host, *rest, **named)

    patch.setattr(socket.socket, "connect", checked_connect)
    patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
    patch.setattr(socket.socket, "sendto", checked_sendto)
    patch.setattr(socket, "getaddrinfo", checked_getaddrinfo)
    yield
    patch.undo()


# -- logged errors ---------------------------------------------------------------------------------


class Errors(logging.Handler):
    """Collects the error records of the "chatdesk" loggers."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []
        self.allowed = False

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture(autouse=True)
def _logged_errors() -> Iterator[Errors]:
    """Fail the test for an error logged by Chatdesk; put logging back as it was."""
    loggers = [logging.getLogger(name) for name in (None, "chatdesk")]
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    errors = Errors()
    loggers[1].addHandler(errors)
    yield errors
    loggers[1].removeHandler(errors)
    for logger, level, propagate, handlers in before:
        for handler in [h for h in logger.handlers if h not in handlers]:
            if type(handler).__module__.startswith("_pytest"):
                continue
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)
        logger.propagate = propagate
    if errors.records and not errors.allowed:
        formatter = logging.Formatter("%(name)s: %(message)s")
        lines = "\n".join(formatter.format(record) for record in errors.records)
        pytest.fail(f"Errors were logged and not announced with allow_errors:\n{lines}")


@pytest.fixture
def allow_errors(_logged_errors: Errors) -> Errors:
    """For a test that provokes errors in the log: `allow_errors.texts` are their messages."""
    _logged_errors.allowed = True
    return _logged_errors


# -- what is left behind ---------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """Fail the test that leaves a Python thread running."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + GRACE_S
    for thread in _own_threads(before):
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in _own_threads(before)]
    if left:
        pytest.fail(f"Threads still running after the test: {', '.join(left)}")


def _own_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads started since. Those that Python only met (Qt's) are looked for as QThreads."""
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and not isinstance(thread, threading._DummyThread)
        and not thread.name.startswith("pytest_timeout")
    ]


@pytest.fixture(autouse=True)
def _no_qt_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a window, an active timer or a running QThread."""
    # Without an application there is nothing of Qt to leave, and looking costs 0.1 s a test.
    if "qapp" not in request.fixturenames and not _application_exists():
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent

    gc.collect()
    gc.freeze()  # what exists already is not looked at again below
    windows = frozenset(_windows())
    yield
    try:
        if QCoreApplication.instance() is None:
            return
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        found = _left_behind(windows)
        if found:
            gc.collect()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            found = _left_behind(windows)
        if found:
            pytest.fail(f"Still there after the test: {', '.join(found)}")
    finally:
        gc.unfreeze()


def _application_exists() -> bool:
    if "PySide6.QtCore" not in sys.modules:
        return False
    from PySide6.QtCore import QCoreApplication

    return QCoreApplication.instance() is not None


def _windows() -> dict[int, Any]:
    """The windows without a parent, by the address of their C++ half."""
    from PySide6.QtWidgets import QApplication
    from shiboken6 import Shiboken

    if not isinstance(QApplication.instance(), QApplication):
        return {}
    windows = [widget for widget in QApplication.topLevelWidgets() if widget.parent() is None]
    return {Shiboken.getCppPointer(widget)[0]: widget for widget in windows}


def _left_behind(before: Container[int]) -> list[str]:
    from PySide6.QtCore import QObject, QThread, QTimer
    from PySide6.QtWidgets import QWidget
    from shiboken6 import Shiboken

    def named(kind: str, thing: QObject) -> str:
        return f"{kind} {type(thing).__name__} {thing.objectName()!r}"

    found = [named("window", w) for address, w in _windows().items() if address not in before]
    for thing in gc.get_objects():
        kind = type(thing)
        if not issubclass(kind, QObject) or issubclass(kind, QWidget):
            continue
        if not Shiboken.isValid(thing):
            continue
        if issubclass(kind, QTimer) and thing.isActive():
            found.append(named("active timer", thing))
        elif issubclass(kind, QThread) and thing.isRunning():
            found.append(named("running thread", thing))
    return found
