"""`chatdesk worker` as an operator runs it: processes, signals, the real model and server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats_server import NatsServer
from pool_desk import PATIENCE_S, Talk, request, until

from chatdesk.chat.events import Delta, Failed, Finished, Started, Waiting
from chatdesk.errors import ReplyInterrupted
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Cancel, Got, decode_offer

CHATDESK = Path(sys.executable).with_name("chatdesk")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


class Process:
    """A worker's process, whose lines are read as they come."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [str(CHATDESK), "worker", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
            preexec_fn=_as_in_a_terminal,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def line(self) -> str:
        """The next line on standard output."""
        return self._lines.get(timeout=PATIENCE_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for its end: the exit code and standard error."""
        assert self.process.stderr is not None
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        return code, self.process.stderr.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))


def _as_in_a_terminal() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Two threads on two busy cores can be twenty times slower than one."""
    for key, value in {"model.threads": "1", "model.context_size": "1024"}.items():
        subprocess.run([str(CHATDESK), "settings", "set", key, value], check=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    started = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield started
    started.stop()


@pytest.fixture
def start(server: NatsServer) -> Iterator[Callable[..., Process]]:
    """Starts a worker and returns when it is ready."""
    processes: list[Process] = []

    def started(*arguments: str, **environment: str) -> Process:
        process = Process("--nats", server.url, *arguments, **environment)
        processes.append(process)
        assert process.line().startswith("Ready: SmolLM2")
        return process

    yield started
    for process in processes:
        process.close()


@contextlib.asynccontextmanager
async def client_at(server: NatsServer) -> AsyncIterator[Any]:
    client = await connect(server.url, Login("anna"))
    try:
        yield client
    finally:
        await client.close()


async def ask(client: Any, text: str, kind: str = "chat", **how: Any) -> Talk:
    talk = Talk(client, Subjects(), "anna", request(text, **how))
    await talk.listen()
    await (talk.send("line") if kind == "line" else talk.place())
    return talk


def test_the_model_answers_and_says_what_it_is(
    server: NatsServer, start: Callable[..., Process]
) -> None:
    start("--name", "lab")

    async def test() -> None:
        async with client_at(server) as client:
            talk = await ask(client, "Name the planets.", max_tokens=12, temperature=0.0)
            await talk.end()
            assert talk.whole and talk.text
            started = next(e for e in talk.events if isinstance(e, Started))
            assert started.context_window == 1024
            assert isinstance(talk.last, Finished) and talk.last.usage.completion_tokens == 12
            assert talk.told[0].worker.startswith("lab-")
            answer = await client.request(Subjects().models("anna"), timeout=PATIENCE_S)
            offer = decode_offer(answer.data)
            assert (offer.model, offer.context_window) == (started.model, 1024)

    asyncio.run(test())


def test_a_follow_up_evaluates_only_what_is_new(
    server: NatsServer, start: Callable[..., Process]
) -> None:
    start()

    async def test() -> None:
        async with client_at(server) as client:
            texts = ["My name is Ada. " * 20]
            first = Talk(client, Subjects(), "anna", request(*texts, max_tokens=4))
            await first.listen()
            await first.send("chat")
            await first.end()
            worker = first.told[0].worker
            more = request(*texts, first.text, "What is my name?", max_tokens=4)
            second = Talk(client, Subjects(), "anna", more)
            await second.listen()
            while not second.told or second.refusals:
                second.refusals = 0
                await second.send("worker", worker)
                await until(lambda: bool(second.told or second.refusals))
            await second.end()
            assert isinstance(second.last, Finished)
            cached = second.last.usage.cached_tokens
            assert cached is not None and cached > 50

    asyncio.run(test())


def test_several_conversations_are_answered_together(
    server: NatsServer, start: Callable[..., Process]
) -> None:
    start("--parallel", "2")

    async def test() -> None:
        async with client_at(server) as client:
            talks = [await ask(client, f"Tell me a long story, {i}.") for i in range(2)]
            for talk in talks:  # both are being written: neither has ended
                await talk.hears(Delta)
            for talk in talks:
                await talk.say(Cancel())
                await talk.end()
                assert isinstance(talk.last, Finished) and talk.last.reason == "cancelled"
                await talk.say(Got())

    asyncio.run(test())


def test_sigterm_finishes_what_was_begun(server: NatsServer, start: Callable[..., Process]) -> None:
    process = start()

    async def test() -> None:
        async with client_at(server) as client:
            talk = await ask(client, "Tell me a story.", max_tokens=60)
            await talk.hears(Delta)
            waiting = await ask(client, "And another one.", "line", max_tokens=4)
            await waiting.hears(Waiting)
            process.stop()
            assert process.line() == "Stopping; replies to be finished: 1."
            for each in (talk, waiting):
                await each.end()
                assert each.whole and isinstance(each.last, Finished)
                assert each.last.reason in ("length", "stop")
                await each.say(Got())

    asyncio.run(test())
    assert process.end() == (0, "")


def test_a_second_sigterm_ends_it_at_once(
    server: NatsServer, start: Callable[..., Process]
) -> None:
    process = start()

    async def test() -> None:
        async with client_at(server) as client:
            talk = await ask(client, "Tell me a very long story.")
            await talk.hears(Delta)
            process.stop()
            process.line()
            process.stop()
            await talk.end()
            assert isinstance(talk.last, Failed)
            assert isinstance(talk.last.error, ReplyInterrupted)
            assert process.line() == "Stopped at once; replies that were cut: 1."

    asyncio.run(test())
    assert process.end() == (1, "")


def test_ctrl_c_ends_an_idle_worker_well(start: Callable[..., Process]) -> None:
    process = start()
    process.stop(signal.SIGINT)
    assert process.end() == (0, "")


def test_a_server_that_goes_and_comes_is_told(tmp_path: Path) -> None:
    own = NatsServer(tmp_path / "nats").start()
    process = Process("--nats", own.url)
    try:
        assert process.line().startswith("Ready")
        own.stop()
        assert process.line() == "The NATS server is gone. What is being written goes on."
        own.start()
        assert process.line() == "The NATS server is there again."
        process.stop()
        assert process.end() == (0, "")
    finally:
        process.close()
        own.stop()


def test_a_model_that_cannot_be_loaded_ends_it(
    server: NatsServer, tmp_path: Path, model_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(model_path.read_bytes()[:5_000_000])
    process = Process("--nats", server.url, "--model", str(broken))
    code, err = process.end()
    process.close()
    assert code == 1 and err.count("\n") == 1 and "broken" in err and "Traceback" not in err


def test_the_log_has_nothing_of_what_was_said(
    server: NatsServer, start: Callable[..., Process], data_path: Path
) -> None:
    process = start()

    async def test() -> None:
        async with client_at(server) as client:
            talk = await ask(client, "Say opensesame.", max_tokens=8)
            await talk.end()
            await talk.say(Got())

    asyncio.run(test())
    process.stop()
    assert process.end()[0] == 0
    logs = "".join(file.read_text() for file in (data_path / "logs").iterdir())
    assert "Started" in logs and "opensesame" not in logs and "anna" not in logs
