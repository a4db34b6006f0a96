"""A worker at a real NATS server: what a client that asks it hears."""

from __future__ import annotations

from nats_server import NatsServer
from pool_desk import MODEL, Pool, in_pool

from chatdesk.chat.events import Finished, Started


def test_a_request_is_answered_with_numbered_events(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(("Hello", " there"))
        talk = await pool.ask("Hi")
        await talk.end()
        assert talk.whole and talk.text == "Hello there"
        assert talk.numbers == sorted(talk.numbers)
        assert isinstance(talk.events[0], Started) and talk.events[0].model == MODEL
        assert isinstance(talk.last, Finished) and talk.last.reason == "stop"
        assert {told.worker for told in talk.told} == {worker.id}

    in_pool(server, test)
