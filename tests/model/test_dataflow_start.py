"""`chatdesk cluster run` where it cannot run: it says why, in words, and ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from nats_server import NatsServer

from chatdesk.cluster.prompts import Prompt, encode_prompt
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import Subjects

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="there is no Bytewax for it")

ONLY_ANNA = 'authorization { users = [ { user: "anna", password: "right" } ] }'
ONLY_BOB = 'authorization { users = [ { user: "bob", password: "other" } ] }'


class Run:
    """One life of the command."""

    def __init__(self, folder: Path, url: str, key: str = "") -> None:
        self._said = folder / "said"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "chatdesk", "cluster", "run"),
                    *("--nats", url, "--data", str(folder / "data")),
                ],
                env=os.environ | {"CHATDESK_NATS_KEY": key},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def end(self) -> int:
        """Wait for its end; it leaves nothing behind."""
        try:
            return self.process.wait(100)
        finally:
            if self.process.poll() is None:
                self.process.kill()

    def until_it_runs(self) -> None:
        deadline = time.monotonic() + 60
        while not psutil.Process(self.process.pid).children():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("foo", "That is no address of a NATS server."),
        ("nats://anna:pw@127.0.0.1:1", "A key does not belong into an address"),
        ("nats://127.0.0.1:1", "Nothing listens at 127.0.0.1:1."),
    ],
)
def test_an_address_where_no_server_is_ends_it(tmp_path: Path, url: str, words: str) -> None:
    run = Run(tmp_path, url)
    assert run.end() in (1, 2)
    assert run.said.startswith(words) and run.said.count("\n") == 1 and "pw" not in run.said


def test_a_wrong_key_ends_it(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", ONLY_ANNA).start()
    try:
        run = Run(tmp_path, server.url, "anna:wrong")
        assert run.end() == 1
        assert "the key is wrong" in run.said and run.said.count("\n") == 1
    finally:
        server.stop()


def test_a_server_that_keeps_nothing_ends_it(tmp_path: Path) -> None:
    # An account without JetStream.
    config = "accounts { A: { users: [ { user: anna, password: pw } ] } }\nno_auth_user: anna\n"
    server = NatsServer(tmp_path / "nats", config).start()
    try:
        run = Run(tmp_path, server.url)
        assert run.end() == 1
        assert "keeps no prompts and answers" in run.said and run.said.count("\n") == 1
    finally:
        server.stop()


def test_a_key_that_is_taken_back_ends_it(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", ONLY_ANNA).start()
    run = Run(tmp_path, server.url, "anna:right")
    try:
        run.until_it_runs()
        server.stop()
        server.configure(ONLY_BOB)
        server.start()
        assert run.end() == 1
        assert "The dataflow ends as soon as it is started." in run.said
        assert "Traceback" not in run.said and "right" not in run.said
    finally:
        run.end()
        server.stop()


def test_other_streams_than_were_read_are_told_as_such(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats").start()
    run = Run(tmp_path, server.url)

    async def ask() -> None:
        client = await connect(server.url, Login("anna"))
        js = client.jetstream()
        for _ in range(3):
            await js.publish(Subjects().prompts("anna"), encode_prompt(Prompt("Hi")))
        await client.close()

    try:
        run.until_it_runs()
        asyncio.run(ask())
        time.sleep(3)  # more than one snapshot
        run.process.terminate()
        assert run.end() == 0
        server.stop()
        shutil.rmtree(tmp_path / "nats" / "jetstream")
        server.start()
        run = Run(tmp_path, server.url)
        assert run.end() == 1
        assert "other prompts and answers than this dataflow has read" in run.said
        assert "Traceback" not in run.said
    finally:
        run.end()
        server.stop()


def test_a_database_that_cannot_be_used_ends_it(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats").start()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "exchanges.db").write_bytes(b"no database at all" * 100)
    run = Run(tmp_path, server.url)
    try:
        assert run.end() == 1
        assert "The database exchanges.db cannot be used." in run.said
        assert "Traceback" not in run.said and "panicked" not in run.said
    finally:
        server.stop()
