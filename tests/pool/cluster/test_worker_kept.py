"""Requests that JetStream keeps while no worker is there."""

from __future__ import annotations

import asyncio

import nats.js.errors
import pytest
from nats_server import NatsServer
from pool_desk import Gate, Pool, Talk, in_pool, request, until

from chatdesk.chat.events import Delta, Failed, Finished
from chatdesk.cluster.worker.admission import Limits
from chatdesk.cluster.worker.kept import MOST_OF_ONE_USER, ensure_kept, kept_stream
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Got, encode_kept


async def keep(pool: Pool, text: str, user: str = "anna", inbox: str = "") -> Talk:
    """Have a request kept by the server."""
    client = await pool.client(user)
    talk = Talk(client, pool.subjects, user, request(text))
    await talk.listen()
    js = client.jetstream()
    await ensure_kept(js, pool.subjects)
    data = encode_kept(talk.request, inbox or talk.inbox)
    await js.publish(pool.subjects.kept(user), data)
    return talk


async def left(pool: Pool) -> int:
    """How many requests the server keeps."""
    client = pool.clients[0]
    info = await client.jetstream().stream_info(kept_stream(pool.subjects))
    return info.state.messages


async def until_none_left(pool: Pool) -> None:
    for _ in range(6_000):
        if await left(pool) == 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server still keeps requests")


def test_requests_of_before_are_answered_when_a_worker_comes(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        talks = [await keep(pool, f"q{number}") for number in range(3)]
        assert await left(pool) == 3
        worker = await pool.worker()
        for number, talk in enumerate(talks):
            await talk.end()
            assert talk.whole and talk.text == f"q{number}"
            await talk.say(Got())
        await until_none_left(pool)
        assert worker.begun == ["q0", "q1", "q2"]

    in_pool(server, test)


def test_a_request_is_kept_until_its_run_has_ended(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate)
        talk = await keep(pool, "Hi")
        await talk.hears(Delta)
        assert await left(pool) == 1
        gate.open()
        await talk.end()
        await until_none_left(pool)

    in_pool(server, test)


def test_what_nobody_waits_for_any_more_is_dropped(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gone = await keep(pool, "gone")
        await gone.vanish()
        there = await keep(pool, "there")
        worker = await pool.worker()
        await there.end()
        await until_none_left(pool)
        assert worker.begun == ["there"]

    in_pool(server, test)


def test_several_workers_share_them(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        many = Limits(runs=0, requests=0)
        talks = [await keep(pool, f"q{number}") for number in range(12)]
        workers = [await pool.worker(limits=many) for _ in range(3)]
        for talk in talks:
            await talk.end()
            assert talk.whole
            await talk.say(Got())
        await until_none_left(pool)
        begun = sorted(text for worker in workers for text in worker.begun)
        assert begun == sorted(f"q{number}" for number in range(12))

    in_pool(server, test)


def test_nobody_fills_the_server_with_requests(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        talks = [await keep(pool, f"q{number}") for number in range(2)]
        js = talks[0].client.jetstream()
        data = encode_kept(talks[0].request, talks[0].inbox)
        with pytest.raises(nats.js.errors.APIError):
            for _ in range(MOST_OF_ONE_USER):
                await js.publish(pool.subjects.kept("anna"), data)
        assert await left(pool) == MOST_OF_ONE_USER
        await keep(pool, "mine", user="bob")

    in_pool(server, test)


def test_a_full_worker_leaves_them_to_others(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        full = await pool.worker(gate)
        busy = await pool.ask("busy")
        await busy.hears(Delta)
        talk = await keep(pool, "kept")
        other = await pool.worker(("here",))
        await talk.end()
        assert talk.text == "here"
        gate.open()
        await busy.end()
        assert (full.begun, other.begun) == (["busy"], ["kept"])

    in_pool(server, test)


def test_what_cannot_be_answered_is_not_kept_for_ever(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        foreign = await keep(pool, "foreign", inbox=f"{Subjects.inbox('bob')}.x")
        await foreign.client.jetstream().publish(pool.subjects.kept("anna"), b"no request")
        await pool.worker(limits=Limits(messages=0, request_bytes=2_000))
        long = await keep(pool, "x" * 3_000)
        await long.end()
        assert isinstance(long.last, Failed) and "2,000 bytes" in long.last.error.what
        await until_none_left(pool)
        assert foreign.told == []
        refused = Talk(foreign.client, pool.subjects, "anna", request("Hi", model="other"))
        await refused.listen()
        data = encode_kept(refused.request, refused.inbox)
        await refused.client.jetstream().publish(pool.subjects.kept("anna"), data)
        await refused.end()
        assert isinstance(refused.last, Failed)
        await until_none_left(pool)

    in_pool(server, test)


def test_a_server_that_keeps_nothing_is_no_trouble(tmp_path_factory: object) -> None:
    # An account without JetStream: asking for a stream is refused.
    config = "accounts { A: { users: [ { user: anna, password: pw } ] } }\nno_auth_user: anna\n"
    folder = tmp_path_factory.mktemp("nats")  # type: ignore[attr-defined]
    server = NatsServer(folder, config).start()
    try:

        async def test(pool: Pool) -> None:
            client = await pool.client()
            try:
                await ensure_kept(client.jetstream(), pool.subjects)
            except nats.js.errors.Error:
                pass
            else:
                raise AssertionError("this server was to have no JetStream")
            await pool.worker()
            talk = await pool.ask("Hi")
            await talk.end()
            assert isinstance(talk.last, Finished)

        in_pool(server, test)
    finally:
        server.stop()


def test_a_run_that_goes_on_while_the_server_restarts_is_answered_once(
    own_server: NatsServer,
) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate)
        talk = await keep(pool, "Hi")
        await talk.hears(Delta)
        await asyncio.to_thread(own_server.restart)
        await until(lambda: talk.client.is_connected, "the client's connection")
        gate.open()
        await talk.end()
        await until_none_left(pool)
        assert worker.begun == ["Hi"]

    in_pool(own_server, test)
