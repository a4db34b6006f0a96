"""`chatdesk ask` and real workers with the real model."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import PROGRAM, wait_until
from nats_pool import Pool, pool

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Pool]:
    folder = tmp_path / "pool"
    folder.mkdir()
    with pool(folder, dict(os.environ), locked=False) as made:
        yield made


def add(workers: Pool, *options: str) -> None:
    address = ("--base-url", workers.server.url)
    command = [str(PROGRAM), "providers", "add", "Lab", "--kind", "nats", *address, *options]
    subprocess.run(command, check=True, capture_output=True)


def ask(text: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(PROGRAM), "ask", text, "--model", "Lab:", "--max-tokens", "40"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_who_asks_while_a_worker_is_busy_waits_in_its_line(workers: Pool) -> None:
    add(workers)
    workers.hire("only").wait()
    asked = [ask(f"Tell me about the number {n}") for n in range(3)]
    for one in asked:
        out, err = one.communicate(timeout=100)
        assert (one.returncode, bool(out.strip())) == (0, True), err
    assert len(workers.started) == 3


def test_a_request_is_kept_until_a_worker_comes(workers: Pool) -> None:
    add(workers, "--keep-requests")
    first = workers.hire("first").wait()
    assert first.leave() == 0
    asked = ask("Name three colours")
    wait_until(lambda: workers.kept() == 1, "the request to be kept")
    workers.hire("second")
    out, err = asked.communicate(timeout=100)
    assert (asked.returncode, bool(out.strip())) == (0, True), err
    wait_until(lambda: workers.kept() == 0, "the request to be done with")
