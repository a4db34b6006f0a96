"""The dataflow as it runs: Bytewax processes under the supervisor, a real nats-server."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nats_server import NatsServer

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice
from chatdesk.chat.messages import SamplingParameters
from chatdesk.cluster import supervisor
from chatdesk.cluster.dialogue import Allowance
from chatdesk.cluster.permissions import configuration
from chatdesk.cluster.prompts import Prompt
from chatdesk.cluster.supervisor import Supervisor
from chatdesk.cluster.thin_client import talk
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login, new_seed, read_login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.store.exchanges import Exchanges

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="there is no Bytewax for it")

TESTS = Path(__file__).parents[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "nats").start()
    yield server
    server.stop()


class Cluster:
    """The dataflow in a thread's supervisor; its prompts by a client of each user."""

    def __init__(self, folder: Path, server: NatsServer, **environment: str) -> None:
        self.data = folder / "cluster"
        self.asked_file = folder / "asked"
        self._url = server.url
        self._environment = {
            "CHATDESK_NATS_URL": server.url,
            "CHATDESK_CLUSTER_DATA": str(self.data),
            "SCRIPTED_ASKED": str(self.asked_file),
            "PYTHONPATH": str(TESTS),
            **environment,
        }
        self.supervisor: Supervisor | None = None
        self._thread: threading.Thread | None = None

    def start(self, processes: int = 1) -> None:
        self.supervisor = Supervisor(self.data, self._environment, processes, lambda line: None)
        self._thread = threading.Thread(target=self.supervisor.run)
        self._thread.start()

    def stop(self) -> None:
        if self.supervisor is not None and self._thread is not None:
            self.supervisor.stop()
            self._thread.join(60)
            assert not self._thread.is_alive()

    def kill(self) -> None:
        """SIGKILL all processes; the supervisor starts them again."""
        assert self.supervisor is not None
        for process in self.supervisor.process_ids:
            os.kill(process, signal.SIGKILL)

    def asked(self) -> Counter[str]:
        if not self.asked_file.exists():
            return Counter()
        return Counter(self.asked_file.read_text().splitlines())

    def kept(self, count: int) -> list[list[str]]:
        """The prompts of each conversation in the database, once there are this many."""
        deadline = time.monotonic() + 60
        while True:
            with Exchanges(self.data / "exchanges.db") as exchanges:
                if exchanges.count() >= count or time.monotonic() > deadline:
                    return [[e.prompt for e in chat] for chat in exchanges.conversations()]
            time.sleep(0.1)

    async def say(
        self,
        user: str | Login,
        prompt: Prompt,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> str:
        login = user if isinstance(user, Login) else Login(user)
        client = await connect(self._url, login)
        try:
            pieces: list[str] = []
            async with asyncio.timeout(100):
                while True:
                    try:
                        async for event in talk(client, Subjects(), login.user, prompt):
                            on_event(event)
                            if isinstance(event, Notice):
                                pieces.clear()
                            if isinstance(event, Delta):
                                pieces.append(event.text)
                            if isinstance(event, Failed):
                                raise event.error
                            if isinstance(event, Finished):
                                return "".join(pieces)
                        raise AssertionError("a reply without an end")
                    except ProviderError as error:
                        if "No cluster" not in error.what:
                            raise
                        await asyncio.sleep(0.2)  # its streams are still to be made
        finally:
            await client.close()


@pytest.fixture
def cluster(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    monkeypatch.setattr(supervisor, "FLOW", "scripted_dataflow:flow()")
    cluster = Cluster(tmp_path, server, SCRIPTED_PACE="0.02", CHATDESK_CLUSTER_PER_MINUTE="1000")
    yield cluster
    cluster.stop()


def test_users_have_conversations_of_their_own_in_two_processes(cluster: Cluster) -> None:
    cluster.start(2)

    async def converse(user: str) -> list[str]:
        return [await cluster.say(user, Prompt(f"{user} {n}")) for n in range(3)]

    async def everyone() -> list[list[str]]:
        return await asyncio.gather(*(converse(f"user{n}") for n in range(8)))

    for number, replies in enumerate(asyncio.run(everyone())):
        assert replies == [f"{turn} turns, user{number} {turn}" for turn in range(3)]
    kept = cluster.kept(24)
    assert kept == [[f"user{user} {turn}" for turn in range(3)] for user in range(8)]


def test_a_killed_cluster_neither_loses_nor_repeats_an_answered_turn(cluster: Cluster) -> None:
    cluster.start(2)
    killed = threading.Event()

    def kill_once(event: Event) -> None:
        if isinstance(event, Delta) and not killed.is_set():
            killed.set()
            cluster.kill()

    async def converse() -> list[str]:
        replies = [await cluster.say("anna", Prompt("zero"))]
        replies.append(await cluster.say("anna", Prompt("one"), kill_once))
        replies.append(await cluster.say("anna", Prompt("two")))
        return replies

    replies = asyncio.run(converse())
    assert killed.is_set()
    assert replies[0] == "0 turns, zero"
    assert replies[1] == "1 turns, one"
    assert replies[2] == "2 turns, two"
    asked = cluster.asked()
    assert asked["user anna|zero"] == 1
    assert asked["user anna|two"] == 1
    assert cluster.kept(3) == [["zero", "one", "two"]]


def test_a_user_can_begin_anew(cluster: Cluster) -> None:
    cluster.start()

    async def converse() -> list[str]:
        await cluster.say("anna", Prompt("zero"))
        return [
            await cluster.say("anna", Prompt("new", forget=True)),
            await cluster.say("anna", Prompt("more")),
        ]

    assert asyncio.run(converse()) == ["0 turns, new", "1 turns, more"]
    assert cluster.kept(3) == [["zero"], ["new", "more"]]


def test_the_command_line_is_a_thin_client(cluster: Cluster, server: NatsServer) -> None:
    cluster.start()
    asyncio.run(cluster.say("anna", Prompt("zero")))

    def ask(*arguments: str) -> str:
        asked = subprocess.run(
            [sys.executable, "-m", "chatdesk", "ask", "--nats", server.url, *arguments],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        assert asked.stderr == ""
        return asked.stdout

    assert ask("--user", "anna", "one") == "1 turns, one\n"
    assert ask("--user", "bob", "one") == "0 turns, one\n"
    assert ask("--user", "anna", "--new", "two") == "0 turns, two\n"


def test_a_prompt_that_is_sent_twice_is_answered_once(cluster: Cluster) -> None:
    cluster.start()
    prompt = Prompt("the same")

    async def twice() -> list[str]:
        first = await cluster.say("anna", prompt)
        return [first, await cluster.say("anna", prompt), await cluster.say("anna", Prompt("next"))]

    assert asyncio.run(twice()) == ["0 turns, the same", "0 turns, the same", "1 turns, next"]
    assert cluster.asked()["user anna|the same"] == 1


def test_the_server_may_restart_while_a_prompt_is_answered(
    cluster: Cluster, server: NatsServer
) -> None:
    cluster.start()
    restarted = threading.Event()

    def restart_once(event: Event) -> None:
        if isinstance(event, Delta) and not restarted.is_set():
            restarted.set()
            server.restart()

    async def converse() -> list[str]:
        return [
            await cluster.say("anna", Prompt("zero"), restart_once),
            await cluster.say("anna", Prompt("one")),
        ]

    # What was said while there was no server is said again; nothing is missing in the text.
    assert asyncio.run(converse()) == ["0 turns, zero", "1 turns, one"]
    assert cluster.asked()["user anna|zero"] == 1


def test_two_dataflows_at_one_server_answer_a_prompt_once(
    cluster: Cluster, tmp_path: Path, server: NatsServer
) -> None:
    """As when an old one was forgotten somewhere. Each has its folder."""
    other = Cluster(tmp_path / "other", server, SCRIPTED_PACE="0.03")
    (tmp_path / "other").mkdir()
    cluster.start()
    other.start()
    try:

        async def converse() -> list[str]:
            return [await cluster.say("anna", Prompt(f"{number}")) for number in range(4)]

        assert asyncio.run(converse()) == [f"{number} turns, {number}" for number in range(4)]
        assert cluster.kept(4) == other.kept(4) == [["0", "1", "2", "3"]]
    finally:
        other.stop()


def test_what_is_no_prompt_is_told_to_who_sent_it(cluster: Cluster) -> None:
    cluster.start()

    async def ask() -> str:
        with pytest.raises(ProviderError, match="cannot be read"):
            wrong = SamplingParameters(temperature=1e6)
            await cluster.say("anna", Prompt("zero", parameters=wrong))
        return await cluster.say("anna", Prompt("one"))

    assert asyncio.run(ask()) == "0 turns, one"


def test_prompts_wait_in_the_stream_while_no_dataflow_runs(cluster: Cluster) -> None:
    cluster.start()
    asyncio.run(cluster.say("anna", Prompt("zero")))
    cluster.stop()

    async def late() -> str:
        saying = asyncio.create_task(cluster.say("anna", Prompt("one")))
        await asyncio.sleep(0.5)
        cluster.start()
        return await saying

    assert asyncio.run(late()) == "1 turns, one"


def test_a_cluster_that_lost_its_disk_has_its_conversations_back(cluster: Cluster) -> None:
    """More prompts than may wait at a time, all of which were answered."""
    count = Allowance().waiting * 6
    cluster.start()

    async def converse() -> None:
        for number in range(count):
            await cluster.say("anna", Prompt(f"{number}"))

    asyncio.run(converse())
    cluster.stop()
    shutil.rmtree(cluster.data)
    cluster.start()
    assert asyncio.run(cluster.say("anna", Prompt("new"))) == f"{count} turns, new"
    assert cluster.asked()["user anna|0"] == 1
    assert cluster.kept(count + 1) == [[*map(str, range(count)), "new"]]


@pytest.mark.parametrize("too_long", ["", "1"], ids=["summarised", "too long to be summarised"])
def test_a_conversation_that_fills_the_window_goes_on(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch, too_long: str
) -> None:
    monkeypatch.setattr(supervisor, "FLOW", "scripted_dataflow:flow()")
    cluster = Cluster(tmp_path, server, SCRIPTED_WINDOW="512", SCRIPTED_TOO_LONG=too_long)
    cluster.start()
    try:

        async def converse() -> list[str]:
            return [await cluster.say("anna", Prompt(f"{n} " + "word " * 30)) for n in range(10)]

        turns = [int(reply.partition(" ")[0]) for reply in asyncio.run(converse())]
        assert turns[:3] == [0, 1, 2]
        assert max(turns) < 8
        summaries = [line for line in cluster.asked() if "Summarise" in line]
        assert summaries
        assert len(cluster.kept(10)[0]) == 10
    finally:
        cluster.stop()


def test_more_than_the_limit_is_refused_in_words(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FLOW", "scripted_dataflow:flow()")
    cluster = Cluster(tmp_path, server, CHATDESK_CLUSTER_PER_MINUTE="1")
    cluster.start()
    try:

        async def two() -> None:
            await cluster.say("anna", Prompt("zero"))
            await cluster.say("anna", Prompt("one"))

        with pytest.raises(ProviderError, match="a minute"):
            asyncio.run(two())
    finally:
        cluster.stop()


def test_the_permissions_that_we_write_are_enough_and_keep_users_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = Subjects()
    seed = new_seed()
    anna, bob, dataflow = read_login(new_seed()), read_login(new_seed()), read_login(seed)
    users = [configuration("user", login.user, login.user, subjects) for login in (anna, bob)]
    users.append(configuration("cluster", dataflow.user, dataflow.user, subjects))
    config = f"accounts {{ POOL: {{ jetstream: enabled, users: [{' '.join(users)}] }} }}"
    server = NatsServer(tmp_path / "nats", config).start()
    monkeypatch.setattr(supervisor, "FLOW", "scripted_dataflow:flow()")
    cluster = Cluster(tmp_path, server, CHATDESK_NATS_KEY=seed)
    cluster.start()
    try:

        async def converse() -> list[str]:
            return [
                await cluster.say(anna, Prompt("zero")),
                await cluster.say(bob, Prompt("zero")),
                await cluster.say(anna, Prompt("one")),
            ]

        assert asyncio.run(converse()) == ["0 turns, zero", "0 turns, zero", "1 turns, one"]
        assert "Violation" not in server.log
    finally:
        cluster.stop()
        server.stop()


def test_a_dataflow_that_cannot_start_is_told_and_not_tried_for_ever(tmp_path: Path) -> None:
    lines: list[str] = []
    broken = Supervisor(tmp_path, {"CHATDESK_NATS_URL": ""}, 1, lines.append)
    with pytest.raises(ProviderError, match="as soon as it is started"):
        broken.run()
    assert len(lines) > 2
