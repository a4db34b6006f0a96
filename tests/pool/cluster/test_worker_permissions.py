"""Workers at a server with the permissions that we write: all that they do is allowed to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from nats_server import NatsServer
from pool_desk import Gate, Pool, Talk, request, until

from chatdesk.chat.events import Delta, Finished, Waiting
from chatdesk.cluster.permissions import configuration
from chatdesk.cluster.streams import answers_stream, make_streams, prompts_stream
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.guarded import denials
from chatdesk.providers.nats.login import new_seed, read_login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Cancel, Got, Moved, encode_kept

ANNA, BOB, W1, W2, DATAFLOW = (read_login(new_seed()) for _ in range(5))
SUBJECTS = Subjects("lab.chat")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    users = [
        *(configuration("user", login.user, login.user, SUBJECTS) for login in (ANNA, BOB)),
        *(configuration("worker", login.user, login.user, SUBJECTS) for login in (W1, W2)),
        configuration("cluster", DATAFLOW.user, DATAFLOW.user, SUBJECTS),
    ]
    config = f"accounts {{ POOL: {{ jetstream: enabled, users: [\n{' '.join(users)}] }} }}\n"
    server = NatsServer(tmp_path_factory.mktemp("nats"), config).start()
    yield server
    server.stop()


def with_permissions(server: NatsServer, test: Callable[[Pool], Awaitable[None]]) -> None:
    async def run() -> None:
        logins = {login.user: login for login in (ANNA, BOB, DATAFLOW)}
        pool = Pool(server, subjects=SUBJECTS, logins=logins)
        try:
            await test(pool)
        finally:
            await pool.close()

    asyncio.run(run())


def test_a_pool_does_all_it_does_with_what_it_is_allowed(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gates = Gate(), Gate()
        first = await pool.worker(gates[0], login=W1)
        talk = await pool.ask("Hi", user=ANNA.user)
        await talk.hears(Delta)
        waiting = Talk(talk.client, SUBJECTS, ANNA.user, request("waits"))
        await waiting.listen()
        await waiting.send("line")
        await waiting.hears(Waiting)
        second = await pool.worker(gates[1], login=W2)
        await waiting.hears(Moved)
        await waiting.say(Cancel())
        for gate in gates:
            gate.open()
        await waiting.end()
        await talk.end()
        assert talk.whole and waiting.whole and isinstance(talk.last, Finished)
        client = await pool.client(BOB.user)
        kept = Talk(client, SUBJECTS, BOB.user, request("kept"))
        await kept.listen()
        js = client.jetstream()
        await js.publish(SUBJECTS.kept(BOB.user), encode_kept(kept.request, kept.inbox))
        await kept.end()
        for each in (talk, waiting, kept):
            await each.say(Got())
        assert await first.end() and await second.end()

    with_permissions(server, test)
    assert "Permissions Violation" not in server.log and "Violation" not in server.log


def test_a_user_who_is_no_worker_is_told_so(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(ProviderError, match="does not let this user answer requests"):
            await pool.worker(login=ANNA)
        with pytest.raises(ProviderError, match="does not let this user answer requests"):
            await pool.worker(login=W1, subjects=Subjects("another.pool"))

    with_permissions(server, test)


def test_a_worker_does_not_reach_what_the_dataflow_keeps(server: NatsServer) -> None:
    """Who runs a worker reads the texts that come to it, and no more."""

    async def test(pool: Pool) -> None:
        js = (await pool.client(DATAFLOW.user)).jetstream()
        await make_streams(js, SUBJECTS)
        client = await connect(server.url, W1)
        pool.clients.append(client)
        for name in (prompts_stream(SUBJECTS), answers_stream(SUBJECTS)):
            await client.publish(f"$JS.API.STREAM.DELETE.{name}", b"")
            await client.publish(f"$JS.API.STREAM.PURGE.{name}", b"")
            await client.publish(f"$JS.API.STREAM.MSG.GET.{name}", b'{"seq":1}')
        await client.flush()
        assert denials(client) == 6
        await js.stream_info(prompts_stream(SUBJECTS))

    with_permissions(server, test)


def test_a_vanished_client_is_noticed_with_permissions_too(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate, login=W1)
        talk = await pool.ask("Hi", user=ANNA.user)
        await talk.hears(Delta)
        await talk.vanish()
        await until(lambda: worker.provider.last.cancelled, "the end of the run")
        gate.open()

    with_permissions(server, test)
