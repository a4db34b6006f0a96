"""One window for each data directory: a second start hands over to the first and ends.

Who is first is decided by a lock of the operating system on a file in the run directory: it goes
with the process that holds it, however that ends, so nothing is ever stale and two starts at the
same moment cannot both win. The lock's holder listens on a local socket; a later start connects,
sends one line and ends:

    {"v": 1, "raise": true, "files": ["/path/model.gguf"], "token": "..."}
    answer: {"v": 1, "ok": true}

The token (where the desktop gave one) lets the first instance's window come forward. Both ends are
this program, perhaps of two versions: what one does not know is ignored. What comes in is treated
as hostile: it is bounded in size, time and number, only the same user can connect, and no wait
happens in the listening process.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from chatdesk.errors import ChatdeskError, StoreError
from chatdesk.paths import DataDir

log = logging.getLogger(__name__)

VERSION = 1
MAX_BYTES = 64 * 1024  # of one message
MAX_FILES = 64
MAX_TOKEN = 1024  # characters
MAX_CLIENTS = 16  # open at once; more are cut off
CLIENT_MS = 2_000  # a client must have said what it wants by then
HAND_OVER_SECONDS = 5.0  # how long a second start waits for the first
_LONGEST_SOCKET_PATH = 80  # of the 104 to 108 bytes there are; Qt needs some for its own while


class NotAnswering(ChatdeskError):
    """Another process holds the data directory and does not answer."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What another start asks for. files: absolute paths. token: see ui/launch.py, often ""."""

    files: list[str]
    token: str = ""


def server_name(data: DataDir) -> str:
    """The local socket's name, the same for every start by one user with one data directory.

    In the run directory where its path is short enough for a socket: that directory is private and
    is found whatever the TMPDIR of a start is. Else, and on Windows, a hash of directory and user.
    """
    root = data.root.resolve()
    digest = hashlib.sha256(f"{_user()}\0{root}".encode()).hexdigest()[:24]
    path = root / "run" / f"window-{digest[:8]}"
    if sys.platform != "win32" and len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return str(path)
    return f"chatdesk-{digest}"


class SingleInstance(QObject):
    """The first instance's end. GUI thread only; no nested event loop anywhere.

    activated(Handed): another start asks for the window.
    """

    activated = Signal(object)

    def __init__(self, data: DataDir, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._data = data
        self._lock: IO[bytes] | None = None
        self._server: QLocalServer | None = None
        self._clients: dict[QLocalSocket, bytearray] = {}

    @property
    def is_first(self) -> bool:
        """Whether this process holds the data directory."""
        return self._lock is not None

    def start(
        self, files: Sequence[str] = (), token: str = "", seconds: float = HAND_OVER_SECONDS
    ) -> bool:
        """Become the first instance (True), or hand files over to the one there is (False).

        Waits up to `seconds` (before any window is shown) for a first instance that is just
        starting or just ending. Raises NotAnswering when it holds on and stays silent, StoreError
        when the run directory cannot be used.
        """
        deadline = time.monotonic() + seconds
        while not self.claim():
            left = max(0.05, deadline - time.monotonic())
            if hand_over(self._data, Handed(list(files), token), left):
                return False
            if time.monotonic() >= deadline:
                raise NotAnswering(
                    "Chatdesk is already running with this data directory and does not answer.",
                    "Wait a moment, or end that process, then start Chatdesk again.",
                    retryable=True,
                )
            time.sleep(0.05)
        return True

    def claim(self) -> bool:
        """Take the lock and listen; False where another process has it. Never waits."""
        if self._lock is not None:
            return True
        path = self._data.run / "window.lock"
        try:
            self._data.run.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Kept open for as long as this process lives: closing the file lets the lock go.
            file = path.open("ab")
        except OSError as error:
            raise StoreError(
                "Chatdesk cannot write to its data directory.",
                f"Make {self._data.root} writable, or choose another one with --data-dir.",
                detail=str(error),
            ) from error
        if not _try_lock(file):
            file.close()
            return False
        self._lock = file
        self._listen()
        return True

    def close(self) -> None:
        """Stop listening and let the data directory go; twice is harmless."""
        for socket in list(self._clients):
            self._drop(socket)
        if self._server is not None:
            self._server.close()
            self._server.deleteLater()
            self._server = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- listening ----------------------------------------------------------------------------

    def _listen(self) -> None:
        name = server_name(self._data)
        QLocalServer.removeServer(name)  # safe: who holds the lock is the only owner there can be
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.setMaxPendingConnections(MAX_CLIENTS)
        server.newConnection.connect(self._accept)
        if not server.listen(name):
            # The window works all the same; a second start will say that nobody answers.
            log.warning("Cannot listen for a second start: %s", server.errorString())
        self._server = server

    def _accept(self) -> None:
        assert self._server is not None
        while (socket := self._server.nextPendingConnection()) is not None:
            if len(self._clients) >= MAX_CLIENTS:
                socket.abort()
                socket.deleteLater()
                continue
            self._clients[socket] = bytearray()
            socket.setReadBufferSize(MAX_BYTES + 1)
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(self._gone)
            timer = QTimer(socket)
            timer.setSingleShot(True)
            timer.timeout.connect(self._late)
            timer.start(CLIENT_MS)
            self._take(socket)

    def _read(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._take(socket)

    def _gone(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._drop(socket)

    def _late(self) -> None:
        timer = self.sender()
        socket = timer.parent() if timer is not None else None
        if isinstance(socket, QLocalSocket):
            log.info("A client of the window's socket said nothing in time.")
            self._drop(socket)

    def _take(self, socket: QLocalSocket) -> None:
        received = self._clients.get(socket)
        if received is None:
            return
        received += bytes(socket.readAll().data())
        line, newline, _ = bytes(received).partition(b"\n")
        if len(line) > MAX_BYTES:
            log.warning("A client of the window's socket sent too much.")
            self._drop(socket)
        elif newline:
            self._answer(socket, line)

    def _answer(self, socket: QLocalSocket, line: bytes) -> None:
        handed = parse(line)
        reply: dict[str, Any] = {"v": VERSION, "ok": handed is not None}
        socket.write(json.dumps(reply).encode() + b"\n")
        self._clients.pop(socket)
        socket.readyRead.disconnect(self._read)
        socket.disconnectFromServer()  # after the answer is written
        if handed is None:
            log.warning("A client of the window's socket sent something that is no request.")
        else:
            self.activated.emit(handed)

    def _drop(self, socket: QLocalSocket) -> None:
        self._clients.pop(socket, None)
        socket.abort()
        socket.deleteLater()


def parse(line: bytes) -> Handed | None:
    """A request, without relative and impossible files; None where it is no request."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("v") != VERSION:
        return None
    files = message.get("files", [])
    if message.get("raise") is not True or not isinstance(files, list):
        return None
    token = message.get("token")
    usable = isinstance(token, str) and len(token) <= MAX_TOKEN and token.isprintable()
    return Handed(
        [
            file
            for file in files[:MAX_FILES]
            if isinstance(file, str) and "\0" not in file and Path(file).is_absolute()
        ],
        str(token) if usable else "",
    )


def request(handed: Handed) -> bytes:
    """The line that asks for this, with as many of the files as one message holds.

    Relative paths count from the current directory of this process.
    """
    files = [str(Path(file).absolute()) for file in handed.files[:MAX_FILES]]
    while True:
        message = {"v": VERSION, "raise": True, "files": files, "token": handed.token[:MAX_TOKEN]}
        line = json.dumps(message).encode()
        if len(line) <= MAX_BYTES or not files:
            return line + b"\n"
        files.pop()


def hand_over(data: DataDir, handed: Handed, seconds: float = HAND_OVER_SECONDS) -> bool:
    """Ask the first instance to show its window and take files; whether it said yes.

    For a process without a window of its own: waits up to `seconds`.
    """
    deadline = time.monotonic() + seconds

    def left() -> int:
        return max(1, int((deadline - time.monotonic()) * 1000))

    socket = QLocalSocket()
    socket.connectToServer(server_name(data))
    try:
        if not socket.waitForConnected(left()):
            return False
        socket.write(request(handed))
        answer = b""
        while b"\n" not in answer and len(answer) <= MAX_BYTES and time.monotonic() < deadline:
            if not socket.waitForReadyRead(left()):
                break
            answer += bytes(socket.readAll().data())
    finally:
        socket.abort()
    try:
        message = json.loads(answer)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("ok") is True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return str(os.getuid()) if sys.platform != "win32" else ""


def _try_lock(file: IO[bytes]) -> bool:
    """Take the operating system's exclusive lock on an open file, without waiting."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
