"""A real nats-server on a free port of the loopback interface, with its JetStream in a folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = "nats-server"


class NatsServer:
    """Started by start(); may be killed and started again at the same port with the same store."""

    def __init__(self, folder: Path, config: str = "", *arguments: str) -> None:
        """config: more of the server's configuration; its port and store are set here."""
        if shutil.which(PROGRAM) is None:
            if not sys.platform.startswith("linux"):
                pytest.skip(f"{PROGRAM} is installed for the tests on Linux only")
            raise AssertionError(f"{PROGRAM} is missing: make setup-tests installs it")
        self.folder = folder
        self._config = config
        self._arguments = arguments
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that the server said."""
        return (self.folder / "nats-server.log").read_text(errors="replace")

    def configure(self, config: str) -> None:
        """From the next start on."""
        self._config = config

    def start(self) -> NatsServer:
        """Returns when it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "nats-server.conf"
        file.write_text(self._config)
        with (self.folder / "nats-server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(PROGRAM, "-c", str(file), "-a", "127.0.0.1", "-p", str(self.port)),
                    *("-js", "-sd", str(self.folder / "jetstream")),
                    *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 60
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"nats-server did not start:\n{self.log}")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End it as the system does at a shutdown; its streams stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as attempt:
            attempt.settimeout(1)
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
