"""Who looks after the dataflow's processes: one for each folder, and none is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from nats_server import NatsServer

from chatdesk import files
from chatdesk.cluster.supervisor import Supervisor
from chatdesk.errors import UsageError

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="there is no Bytewax for it")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "nats").start()
    yield server
    server.stop()


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


@pytest.fixture
def running(tmp_path: Path, server: NatsServer) -> Iterator[subprocess.Popen[bytes]]:
    """`chatdesk cluster run` with two processes, in the folder "data"."""
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "chatdesk", "cluster", "run", "--nats", server.url),
                *("--data", str(tmp_path / "data"), "--processes", "2"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    yield process
    if process.poll() is None:
        process.terminate()
    process.wait(60)


def its_processes(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    until(lambda: len(psutil.Process(process.pid).children()) == 2, "the start")
    return psutil.Process(process.pid).children()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("end", [psutil.Process.kill, psutil.Process.terminate])
def test_its_processes_end_with_it_however_it_ends(
    running: subprocess.Popen[bytes], end: Callable[[psutil.Process], None]
) -> None:
    children = its_processes(running)
    end(psutil.Process(running.pid))
    running.wait(60)
    _gone, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def test_a_folder_has_one_dataflow_at_a_time(
    running: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    its_processes(running)
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    second = Supervisor(tmp_path / "data", {}, 1, lambda line: None)
    with pytest.raises(UsageError, match="Another dataflow uses the folder data"):
        second.run()
    assert second.process_ids == []


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_only_its_owner_reads_what_it_keeps(
    running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    until((data / "exchanges.db").exists, "the start of a process")
    for path in (data, *data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_it_goes_on_although_nobody_hears_what_it_says(tmp_path: Path, server: NatsServer) -> None:
    def tell(line: str) -> None:
        raise BrokenPipeError

    environment = {"CHATDESK_NATS_URL": server.url, "CHATDESK_CLUSTER_DATA": str(tmp_path / "data")}
    supervisor = Supervisor(tmp_path / "data", environment, 1, tell)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    until(lambda: supervisor.process_ids, "the start")
    supervisor.stop()
    thread.join(60)
    assert not thread.is_alive() and supervisor.process_ids == []
