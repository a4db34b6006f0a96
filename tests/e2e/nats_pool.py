"""A pool of workers as its operator has it: a NATS server with permissions, `chatdesk worker`s."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nkeys
from hands import PROGRAM, wait_until
from nats.aio.msg import Msg
from nats_server import NatsServer

from chatdesk.chat.events import Started
from chatdesk.cluster.permissions import configuration
from chatdesk.cluster.worker.kept import kept_stream
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.login import read_login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import decode_told


def seed(text: bytes) -> tuple[str, str]:
    """An NKey: its seed, which is the key, and its public key, which is the user's name."""
    made = bytes(nkeys.encode_seed(text.ljust(32, b"."), nkeys.PREFIX_BYTE_USER)).decode()
    public = bytes(nkeys.from_seed(bytearray(made, "ascii")).public_key).decode()
    return made, public


KEY, _USER = seed(b"anna")
_WORKERS_KEY, _WORKERS = seed(b"the workers")
_SPY = "spy:spy"


class Worker:
    """One `chatdesk worker`. Its environment is a home of its own."""

    def __init__(self, url: str, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        home = folder / name
        own = environment | {
            "HOME": str(home),
            "CHATDESK_DATA_DIR": str(home / "data"),
            "CHATDESK_NATS_KEY": _WORKERS_KEY,
        }
        home.mkdir()
        for key, value in {"model.threads": "1", "model.context_size": "2048"}.items():
            subprocess.run([str(PROGRAM), "settings", "set", key, value], env=own, check=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(PROGRAM), "worker", "--nats", url, "--name", name],
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def wait(self) -> Worker:
        """Until it takes requests."""
        wait_until(lambda: "Ready: " in self.said, f"the worker {self.name}: {self.said}")
        return self

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def leave(self) -> int:
        """SIGTERM, and wait: the exit code."""
        self._process.terminate()
        return self._process.wait(60)


class Pool:
    """started: the workers that began a reply, in that order, as the server saw them."""

    def __init__(self, server: NatsServer, folder: Path, environment: dict[str, str]) -> None:
        self.server = server
        self.workers: list[Worker] = []
        self.started: list[str] = []
        self._folder = folder
        self._environment = environment
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._over = asyncio.Event()
        self._spy = threading.Thread(target=lambda: self._loop.run_until_complete(self._listen()))
        self._spy.start()
        assert self._listening.wait(60)

    def hire(self, name: str) -> Worker:
        """Start a worker; it is not waited for."""
        self.workers.append(Worker(self.server.url, name, self._folder, self._environment))
        return self.workers[-1]

    def busy(self) -> Worker:
        """The worker that began the last reply."""
        (found,) = (w for w in self.workers if self.started[-1].startswith(f"{w.name}-"))
        return found

    def kept(self) -> int:
        """How many requests the server keeps."""

        async def count() -> int:
            client = await connect(self.server.url, read_login(_SPY))
            state = (await client.jetstream().stream_info(kept_stream(Subjects()))).state
            await disconnect(client)
            return state.messages

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(60)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self._loop.call_soon_threadsafe(self._over.set)
        self._spy.join()
        self._loop.close()

    async def _listen(self) -> None:
        async def hear(message: Msg) -> None:
            with suppress(WireError):
                told = decode_told(message.data)
                if isinstance(told.what, Started):
                    self.started.append(told.worker)

        client = await connect(self.server.url, read_login(_SPY))
        await client.subscribe("_INBOX.>", cb=hear)
        await client.flush()
        self._listening.set()
        await self._over.wait()
        await disconnect(client)


@contextmanager
def pool(folder: Path, environment: dict[str, str], *, locked: bool = True) -> Iterator[Pool]:
    """A server that lets in who has KEY and the workers, and nobody else; or everybody."""
    subjects = Subjects()
    users = configuration("user", _USER, _USER, subjects)
    workers = configuration("worker", _WORKERS, _WORKERS, subjects)
    name, _, password = _SPY.partition(":")
    spy = f"{{ user: {name}, password: {password} }}"
    config = f"authorization {{ users = [\n{users}{workers}{spy}\n] }}"
    server = NatsServer(folder / "nats", config if locked else "").start()
    made = Pool(server, folder, environment)
    try:
        yield made
    finally:
        made.close()
        server.kill()
