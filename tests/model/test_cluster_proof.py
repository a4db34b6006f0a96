"""The whole pool at once: real workers with the real model, a real server, and everything fails.

What a conversation is made of shows in its prompt's tokens: each conversation has a length of its
own, " one" is one token, so a prompt with a foreign or missing turn has another number of tokens.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from nats_server import NatsServer

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice, Started, is_last
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.prompts import Prompt
from chatdesk.cluster.thin_client import talk
from chatdesk.providers.nats.asking import Asker
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.offers import offers
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.store.exchanges import Exchanges

PROGRAM = [sys.executable, "-m", "chatdesk"]
SHORT = SamplingParameters(temperature=0.0, max_tokens=8)
APART = 3  # tokens between the lengths of two conversations


class Pool:
    """Processes of `chatdesk worker` and of `chatdesk cluster run`."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.server = server
        self._folder = folder
        self._all: list[subprocess.Popen[bytes]] = []

    def worker(self) -> subprocess.Popen[bytes]:
        """A worker that is ready."""
        number = len(self._all)
        log = self._folder / f"worker{number}.log"
        settings = (
            "--line",
            "64",
            "--user-runs",
            "0",
            "--user-requests",
            "0",
            "--user-tokens",
            "0",
        )
        process = self._start(log, "worker", "--nats", self.server.url, *settings)
        return process

    def dataflow(self, data: Path) -> subprocess.Popen[bytes]:
        return self._start(
            self._folder / "cluster.log",
            *("cluster", "run", "--nats", self.server.url, "--data", str(data)),
            *("--processes", "2"),
        )

    def _start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"CHATDESK_DATA_DIR": str(self._folder / log.stem)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*PROGRAM, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._all.append(process)
        return process

    def close(self) -> None:
        for process in self._all:
            if process.poll() is None:
                process.terminate()
        for process in self._all:
            process.wait(60)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    server = NatsServer(tmp_path / "nats").start()
    pool = Pool(tmp_path, server)
    yield pool
    pool.close()
    server.stop()


@dataclass
class Turn:
    """What was heard of one turn."""

    events: list[Event] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Delta))

    @property
    def prompt_tokens(self) -> int:
        started = next(e for e in self.events if isinstance(e, Started))
        assert started.prompt_tokens is not None
        return started.prompt_tokens

    @property
    def last(self) -> Event:
        return self.events[-1]


def question(number: int, turn: int) -> str:
    """Of its own length for each conversation."""
    return f"Turn {turn}:" + " one" * (5 + number * APART)


async def converse(asker: Asker, number: int, watch: asyncio.Queue[Event]) -> list[Turn]:
    """Three turns, each with the history of those before it."""
    history: list[PromptMessage] = []
    turns: list[Turn] = []
    for index in range(3):
        text = question(number, index) if index == 0 else f"And turn {index}?"
        history.append(PromptMessage(Role.USER, text, f"{number}-{index}"))
        turn = Turn()

        def tell(event: Event, turn: Turn = turn) -> None:
            turn.events.append(event)
            watch.put_nowait(event)

        request = Request(f"conversation {number}", tuple(history), SHORT)
        await asker.ask(request, tell)
        turns.append(turn)
        history.append(PromptMessage(Role.ASSISTANT, turn.text))
    return turns


async def until(watch: asyncio.Queue[Event], kind: type[Event], count: int) -> None:
    """Wait until so many of these events were told from now on."""
    while count:
        count -= isinstance(await watch.get(), kind)


@pytest.mark.timeout(900)
def test_sixty_conversations_survive_a_killed_and_a_drained_worker_and_a_new_server(
    pool: Pool,
) -> None:
    killed, drained, _stays = pool.worker(), pool.worker(), pool.worker()
    count = 60

    async def everything() -> list[list[Turn]]:
        client = await connect(pool.server.url, Login("lab"))
        asker = Asker(client, Subjects(), "lab")
        watch: asyncio.Queue[Event] = asyncio.Queue()
        try:
            while len(await offers(client, Subjects(), "lab")) < 3:
                await asyncio.sleep(0.2)
            talking = asyncio.gather(*(converse(asker, n, watch) for n in range(count)))
            await until(watch, Finished, 15)
            await until(watch, Delta, 2)
            killed.send_signal(signal.SIGKILL)
            pool.worker()
            await until(watch, Finished, 15)
            drained.send_signal(signal.SIGTERM)
            await until(watch, Finished, 15)
            await asyncio.to_thread(pool.server.restart)
            return await talking
        finally:
            await client.close()

    conversations = asyncio.run(everything())
    assert drained.wait(60) == 0
    # Each turn was answered, once, and in its place.
    for turns in conversations:
        assert len(turns) == 3
        for turn in turns:
            assert isinstance(turn.last, Finished), turn.last
            assert turn.text
            assert sum(is_last(e) for e in turn.events) == 1
            assert sum(isinstance(e, Started) for e in turn.events) == 1
    # The prompts had the tokens of their own conversation, and of no other.
    base = conversations[0][0].prompt_tokens
    for number, turns in enumerate(conversations):
        own = base + number * APART
        assert turns[0].prompt_tokens == own
        # What is read again beyond the first prompt: two replies, two questions, the template.
        for before, after in pairwise(turns):
            assert 0 < after.prompt_tokens - before.prompt_tokens < 80
    lost = [
        t for turns in conversations for t in turns if any(isinstance(e, Notice) for e in t.events)
    ]
    assert lost, "the killed worker was answering nobody: the test proves nothing of it"


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="there is no Bytewax for it")
@pytest.mark.timeout(600)
def test_a_killed_dataflow_keeps_every_users_conversation(pool: Pool, tmp_path: Path) -> None:
    pool.worker()
    pool.worker()
    data = tmp_path / "data"
    dataflow = pool.dataflow(data)
    users = [f"user{number}" for number in range(8)]

    async def everything() -> dict[str, list[str]]:
        client = await connect(pool.server.url, Login("everyone"))
        answered = asyncio.Semaphore(0)

        async def say(user: str, text: str) -> str:
            pieces: list[str] = []
            while True:
                try:
                    async for event in talk(
                        client, Subjects(), user, Prompt(text, parameters=SHORT)
                    ):
                        if isinstance(event, Notice):
                            pieces = []
                        elif isinstance(event, Delta):
                            pieces.append(event.text)
                        elif isinstance(event, Failed):
                            raise AssertionError(str(event.error))
                    return "".join(pieces)
                except Exception as error:
                    if "No cluster" not in str(error):
                        raise
                    await asyncio.sleep(0.2)

        async def talk_all(user: str) -> list[str]:
            replies = []
            for index in range(3):
                replies.append(await say(user, f"{user} {index}: tell me of the sea."))
                answered.release()
            return replies

        async def kill() -> None:
            for _ in range(8):
                await answered.acquire()
            await asyncio.to_thread(kill_children, dataflow.pid)

        try:
            *replies, _killed = await asyncio.gather(*map(talk_all, users), kill())
            return dict(zip(users, replies, strict=True))
        finally:
            await client.close()

    def kept() -> dict[str, list[tuple[str, str]]]:
        with Exchanges(data / "exchanges.db") as exchanges:
            return {
                chat[0].user: [(e.prompt, e.response) for e in chat]
                for chat in exchanges.conversations()
            }

    said = asyncio.run(everything())

    async def recorded() -> dict[str, list[tuple[str, str]]]:
        for _ in range(600):
            if sum(map(len, (found := kept()).values())) >= 24:
                return found
            await asyncio.sleep(0.1)
        return kept()

    found = asyncio.run(recorded())
    assert set(found) == set(users)
    for user in users:
        assert [prompt for prompt, _ in found[user]] == [
            f"{user} {index}: tell me of the sea." for index in range(3)
        ]
        # What the user saw is what is kept: nothing was answered twice in two ways.
        assert [response for _, response in found[user]] == said[user]


def kill_children(parent: int) -> None:
    """SIGKILL the dataflow's processes; their supervisor lives."""
    import psutil

    for child in psutil.Process(parent).children():
        child.kill()
