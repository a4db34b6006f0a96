"""Runs the dataflow's processes and starts all of them again when one ends.

Bytewax's processes live and die together: when one is killed the others end too, and all resume
from the recovery store. Its number of partitions is made once and does not limit the number of
processes, which may change from start to start. The folder is locked meanwhile: two dataflows would
write over each other's recovery store. A process whose supervisor is gone, killed perhaps, ends.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from chatdesk.errors import NotFound, ProviderError, StoreError, UsageError
from chatdesk.files import file_lock

log = logging.getLogger(__name__)

FLOW = "chatdesk.cluster.dataflow:flow()"
# Of the recovery store; Bytewax spreads the users' states over them.
PARTITIONS = 4
SNAPSHOT_S = 1
# Processes that end sooner than this after their start, this often in a row, have a lasting reason.
_SOON_S = 10.0
_MOST_SOON = 5
_AGAIN_S = 1.0
_FAREWELL_S = 10.0
_LOOK_S = 0.1
# What the processes write is for their owner alone.
_PRIVATE = 0o077 if os.name == "posix" else -1
# Tells a process that its standard input ends with its supervisor.
_SUPERVISED = "CHATDESK_CLUSTER_SUPERVISED"


def check_bytewax() -> None:
    """Raises NotFound where Bytewax is not installed."""
    if importlib.util.find_spec("bytewax") is None:
        raise NotFound(
            "Bytewax is not installed.",
            "Install chatdesk[cluster] with Python 3.11 or 3.12: there is none for others.",
        )


def end_with_supervisor() -> None:
    """In a process of the dataflow: end it when its supervisor is gone, however that came about."""
    if os.environ.get(_SUPERVISED):
        threading.Thread(target=_await_its_end, name="chatdesk-supervised", daemon=True).start()


def _await_its_end() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


class Supervisor:
    """run() blocks until stop(), which any thread and signal handler may call."""

    def __init__(
        self,
        data: Path,
        environment: Mapping[str, str],
        processes: int = 1,
        tell: Callable[[str], None] = print,
    ) -> None:
        """environment: what configuration.py reads, for the processes. tell gets a line for the
        person whenever something changes.
        """
        self._data = data
        self._recovery = data / "recovery"
        self._environment = dict(environment)
        self._count = processes
        self._tell = tell
        self._stopping = False  # no Event: a signal's handler could wait for its own lock
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Raises NotFound where Bytewax is not installed, UsageError where another dataflow has the
        folder, StoreError where it cannot be used, ProviderError where the processes end at once
        again and again.
        """
        check_bytewax()
        with self._folder():
            self._make_store()
            self._keep_running()

    @contextmanager
    def _folder(self) -> Iterator[None]:
        """The folder, for this dataflow alone. Raises UsageError, StoreError."""
        with ExitStack() as held:
            try:
                self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
                held.enter_context(file_lock(self._data / "lock"))
            except TimeoutError as error:
                raise UsageError(
                    f"Another dataflow uses the folder {self._data.name}.",
                    "Stop it first, or give this one a folder of its own (--data).",
                ) from error
            except OSError as error:
                raise StoreError(
                    f"The folder {self._data.name} cannot be used.",
                    "Is there room on the disk, and may this user write there?",
                    detail=f"{type(error).__name__}: {error}",
                ) from error
            yield

    def _keep_running(self) -> None:
        soon = 0
        try:
            while not self._stopping:
                began = time.monotonic()
                self._start()
                self._say(f"The dataflow runs; processes: {len(self._running)}.")
                self._wait()
                if self._stopping:
                    break
                soon = soon + 1 if time.monotonic() - began < _SOON_S else 0
                if soon >= _MOST_SOON:
                    raise ProviderError(
                        "The dataflow ends as soon as it is started.",
                        "Its messages above say why.",
                    )
                self._say("A process of the dataflow ended; all are started again.")
                self._pause(_AGAIN_S)
        finally:
            self._end_all()

    def stop(self) -> None:
        """End the processes; what they were doing is taken up again by the next run."""
        self._stopping = True

    @property
    def process_ids(self) -> list[int]:
        """The processes that run now."""
        return [process.pid for process in self._running if process.poll() is None]

    def _make_store(self) -> None:
        if any(self._recovery.glob("part-*.sqlite3")):
            return
        self._recovery.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = subprocess.run(
            [sys.executable, "-m", "bytewax.recovery", str(self._recovery), str(PARTITIONS)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=_PRIVATE,
        )
        if made.returncode != 0:
            raise ProviderError(
                "The recovery store could not be made.",
                "Is there room on the disk, and may this user write there?",
                detail=made.stderr[-2_000:],
            )

    def _start(self) -> None:
        addresses = ";".join(f"127.0.0.1:{port}" for port in _free_ports(self._count))
        for index in range(self._count):
            which = ("-i", str(index), "-a", addresses) if self._count > 1 else ()
            self._running.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "bytewax.run", FLOW),
                        *("-r", str(self._recovery), "-s", str(SNAPSHOT_S), "-b", "0", *which),
                    ],
                    env=os.environ | self._environment | {_SUPERVISED: "1"},
                    stdin=subprocess.PIPE,  # end_with_supervisor() listens there
                    # A process group of its own: Ctrl+C in a terminal is ours to pass on.
                    start_new_session=True,
                    umask=_PRIVATE,
                )
            )

    def _wait(self) -> None:
        """Until a process ends or stop(); then none is left."""
        while not self._stopping:
            if any(process.poll() is not None for process in self._running):
                break
            time.sleep(_LOOK_S)
        self._end_all()

    def _say(self, line: str) -> None:
        with suppress(OSError):  # it goes on although nobody reads what it says
            self._tell(line)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(_LOOK_S)

    def _end_all(self) -> None:
        # Bytewax takes SIGTERM for what it is only between two batches; there is nothing to save
        # that the streams and the recovery store do not hold.
        for number, patience in ((signal.SIGTERM, _FAREWELL_S), (signal.SIGKILL, _FAREWELL_S)):
            deadline = time.monotonic() + patience
            for process in self._running:
                if process.poll() is None:
                    process.send_signal(number)
            for process in self._running:
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    log.warning("process %d does not end", process.pid)
        for process in self._running:
            if process.stdin is not None:
                process.stdin.close()
        self._running = []


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
