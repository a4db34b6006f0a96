"""A server with our permissions lets each user speak and listen only where the own name stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from nats.aio.client import Client
from nats_server import NatsServer

from chatdesk.cluster.permissions import configuration
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login, new_seed, read_login
from chatdesk.providers.nats.problems import NoConnection
from chatdesk.providers.nats.subjects import Subjects

SUBJECTS = Subjects()
ANNA, BOB, WORKER = (read_login(new_seed()) for _ in range(3))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    users = (
        configuration("user", ANNA.user, ANNA.user, SUBJECTS),
        configuration("user", BOB.user, BOB.user, SUBJECTS),
        configuration("worker", WORKER.user, WORKER.user, SUBJECTS),
    )
    config = f"accounts {{ POOL: {{ jetstream: enabled, users: [\n{' '.join(users)}] }} }}\n"
    server = NatsServer(tmp_path_factory.mktemp("nats"), config).start()
    yield server
    server.stop()


async def heard_by(
    server: NatsServer, speaker: Login, listener: Login, subject: str, listen: str = ""
) -> bool:
    """Whether what one publishes is heard by the other."""
    heard = asyncio.Event()

    async def hear(_message: object) -> None:
        heard.set()

    ear, mouth = await connect(server.url, listener), await connect(server.url, speaker)
    try:
        listening = await ear.subscribe(listen or subject, cb=hear)
        await ear.flush()
        await mouth.publish(subject, b"x")
        await mouth.flush()
        await listening.drain()  # what was delivered is heard
        return heard.is_set()
    finally:
        await _close(ear, mouth)


async def _close(*clients: Client) -> None:
    for client in clients:
        await client.close()


@pytest.mark.parametrize("make", [SUBJECTS.chat, SUBJECTS.line])
def test_a_worker_hears_a_user_who_asks_under_the_own_name(
    server: NatsServer, make: Callable[[str], str]
) -> None:
    assert asyncio.run(heard_by(server, ANNA, WORKER, make(ANNA.user), make("*")))


@pytest.mark.parametrize("make", [SUBJECTS.chat, SUBJECTS.line])
def test_nobody_can_ask_under_anothers_name(server: NatsServer, make: Callable[[str], str]) -> None:
    assert not asyncio.run(heard_by(server, ANNA, WORKER, make(BOB.user), make("*")))


def test_nobody_can_stop_anothers_run(server: NatsServer) -> None:
    subject = SUBJECTS.run(BOB.user, "run1")
    assert not asyncio.run(heard_by(server, ANNA, WORKER, subject))
    assert asyncio.run(heard_by(server, BOB, WORKER, subject))


@pytest.mark.parametrize(
    "subject",
    [f"{Subjects.inbox(BOB.user)}.x", SUBJECTS.replies(BOB.user, "r"), SUBJECTS.chat(BOB.user)],
)
def test_nobody_can_listen_to_anothers_replies(server: NatsServer, subject: str) -> None:
    for pattern in (subject, ">"):
        assert not asyncio.run(heard_by(server, WORKER, ANNA, subject, pattern))


def test_a_worker_answers_to_everybody(server: NatsServer) -> None:
    assert asyncio.run(heard_by(server, WORKER, BOB, f"{Subjects.inbox(BOB.user)}.x"))


def test_nobody_can_speak_as_a_worker_or_answer_as_the_dataflow(server: NatsServer) -> None:
    for subject in (SUBJECTS.hand("w1"), SUBJECTS.free):
        assert not asyncio.run(heard_by(server, ANNA, WORKER, subject))
    answer = SUBJECTS.replies(BOB.user, "r")
    assert not asyncio.run(heard_by(server, ANNA, BOB, answer))


def test_an_unknown_key_is_not_let_in(server: NatsServer) -> None:
    with pytest.raises(NoConnection, match="does not know"):
        asyncio.run(connect(server.url, read_login(new_seed())))
