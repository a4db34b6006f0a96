"""Runs the dataflow's processes and starts all of them again when one ends.

Bytewax's processes live and die together: when one is killed the others end too, and all resume
from the recovery store. Its number of partitions is made once and does not limit the number of
processes, which may change from start to start.
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
from collections.abc import Callable, Mapping
from pathlib import Path

from chatdesk.errors import NotFound, ProviderError

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
        self._recovery = data / "recovery"
        self._environment = dict(environment)
        self._count = processes
        self._tell = tell
        self._stopping = threading.Event()
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Raises NotFound where Bytewax is not installed, ProviderError where it ends at once again
        and again.
        """
        if importlib.util.find_spec("bytewax") is None:
            raise NotFound(
                "Bytewax is not installed.",
                "Install chatdesk[cluster] with Python 3.11 or 3.12: there is none for others.",
            )
        self._make_store()
        soon = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            self._start()
            self._tell(f"The dataflow runs in {len(self._running)} processes.")
            self._wait()
            if self._stopping.is_set():
                break
            soon = soon + 1 if time.monotonic() - began < _SOON_S else 0
            if soon >= _MOST_SOON:
                raise ProviderError(
                    "The dataflow ends as soon as it is started.",
                    "Its messages above say why.",
                )
            self._tell("A process of the dataflow ended; all are started again.")
            self._stopping.wait(_AGAIN_S)
        self._end_all()

    def stop(self) -> None:
        """End the processes; what they were doing is taken up again by the next run."""
        self._stopping.set()

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
        )
        if made.returncode != 0:
            raise ProviderError(
                "The recovery store could not be made.",
                "Is there room on the disk, and may this user write there?",
                detail=made.stderr[-2_000:],
            )

    def _start(self) -> None:
        addresses = ";".join(f"127.0.0.1:{port}" for port in _free_ports(self._count))
        several = self._count > 1
        self._running = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "bytewax.run", FLOW),
                    *("-r", str(self._recovery), "-s", str(SNAPSHOT_S), "-b", "0"),
                    *(("-i", str(index), "-a", addresses) if several else ()),
                ],
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                # A process group of its own: Ctrl+C in a terminal is ours to pass on.
                start_new_session=True,
            )
            for index in range(self._count)
        ]

    def _wait(self) -> None:
        """Until a process ends or stop(); then none is left."""
        while not self._stopping.wait(0.1):
            if any(process.poll() is not None for process in self._running):
                break
        self._end_all()

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
