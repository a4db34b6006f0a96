"""Several workers: who takes what from whom, and what the end of one, or of a server, costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from nats_server import NatsServer
from pool_desk import Gate, Pool, Running, Talk, endless, in_pool, request, until

from chatdesk.chat.events import Delta, Failed, Finished, Started, Waiting
from chatdesk.chat.provider import Request
from chatdesk.cluster.worker.admission import Limits
from chatdesk.cluster.worker.generation import Generation
from chatdesk.cluster.worker.life import PoolWorker, Settings
from chatdesk.errors import ProviderError, ReplyInterrupted
from chatdesk.providers.nats.wire import Cancel, Got, Moved, Resend, encode_request
from chatdesk.providers.scripted import ScriptedProvider


async def asked_line(pool: Pool, worker: Running, text: str) -> Talk:
    """Somebody who waits in the line of this worker."""
    talk = Talk(await pool.client(), pool.subjects, "anna", request(text))
    await talk.listen()
    await talk.send("line")
    await talk.hears(Waiting)
    assert talk.told[0].worker == worker.id
    return talk


async def busy_worker(pool: Pool, gate: Gate, number: int) -> tuple[Running, Talk]:
    """A worker with one reply at hand, and who hears it."""
    worker = await pool.worker(gate, ("after",))
    talk = await pool.ask(f"busy {number}")
    await talk.hears(Delta)
    assert talk.told[0].worker == worker.id
    return worker, talk


# -- handing over ----------------------------------------------------------------------------------


def test_who_waits_goes_on_at_the_worker_that_gets_free(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gates = Gate(), Gate()
        full, first = await busy_worker(pool, gates[0], 1)
        waiting = [await asked_line(pool, full, f"waits {number}") for number in range(2)]
        other = await pool.worker(("over here",))
        for talk in waiting:
            await talk.end()
            assert talk.whole and talk.text == "over here"
            moved = next(told for told in talk.told if isinstance(told.what, Moved))
            assert (moved.worker, moved.what) == (full.id, Moved(other.id))
            after = [told for told in talk.told if told.number > moved.number]
            assert {told.worker for told in after} == {other.id}
            assert isinstance(after[0].what, Started)
        gates[0].open()
        await first.end()
        assert (full.begun, sorted(other.begun)) == (["busy 1"], ["waits 0", "waits 1"])

    in_pool(server, test)


def test_a_run_that_moved_is_cancelled_and_said_again_where_it_is(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        full, first = await busy_worker(pool, gate, 1)
        talk = await asked_line(pool, full, "waits")
        other = await pool.worker(endless)
        await talk.hears(Delta)
        talk.told.clear()
        await talk.say(Resend(0))
        await until(lambda: 0 in talk.counted and talk.has(Delta), "the repetition")
        assert talk.counted[0].worker == full.id
        await talk.say(Cancel())
        await talk.end()
        assert talk.whole and isinstance(talk.last, Finished)
        assert talk.last.reason == "cancelled" and other.provider.last.ended
        gate.open()
        await first.end()

    in_pool(server, test)


def test_what_came_to_a_worker_that_was_just_filled_goes_to_one_with_room(
    server: NatsServer,
) -> None:
    async def test(pool: Pool) -> None:
        gates = [Gate() for _ in range(3)]
        workers = [await pool.worker(gate) for gate in gates]
        client = await pool.client()
        talks = [Talk(client, pool.subjects, "anna", request(str(i))) for i in range(3)]
        for talk in talks:
            await talk.listen()
        for talk in talks:  # before any of the workers can say that it is full
            data = encode_request(talk.request)
            await client.publish(pool.subjects.chat("anna"), data, reply=talk.inbox)
        for talk in talks:
            await talk.hears(Delta)
        assert [len(worker.begun) for worker in workers] == [1, 1, 1]
        for gate in gates:
            gate.open()
        for talk in talks:
            await talk.end()
            assert talk.whole

    in_pool(server, test)


def test_a_crowd_at_once_is_answered_each_once(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        many = Limits(runs=0, requests=0)
        workers = [await pool.worker(limits=many) for _ in range(3)]
        client = await pool.client()
        talks = [Talk(client, pool.subjects, "anna", request(f"q{i}")) for i in range(60)]
        for talk in talks:
            await talk.listen()
        for talk in talks:
            data = encode_request(talk.request)
            await client.publish(pool.subjects.chat("anna"), data, reply=talk.inbox)
        asked_line = set()
        while not all(talk.whole for talk in talks):
            for talk in talks:
                if talk.refusals and talk not in asked_line:  # as every client does
                    asked_line.add(talk)
                    await talk.send("line")
            await asyncio.sleep(0.01)
        assert [talk.text for talk in talks] == [f"q{i}" for i in range(60)]
        begun = sorted(text for worker in workers for text in worker.begun)
        assert begun == sorted(f"q{i}" for i in range(60))

    in_pool(server, test)


def test_who_finds_a_line_full_waits_in_another(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gates = Gate(), Gate()
        for number, gate in enumerate(gates):
            await pool.worker(gate, line=0 if number == 0 else 8)
        first = [await pool.ask(f"busy {number}") for number in range(2)]
        for talk in first:
            await talk.hears(Delta)
        client = first[0].client
        talks = [Talk(client, pool.subjects, "anna", request(f"q{i}")) for i in range(4)]
        for talk in talks:
            await talk.listen()
            await talk.send("line")
        for talk in talks:
            await until(lambda talk=talk: talk.told, "an answer")
        waiting = [talk for talk in talks if talk.has(Waiting)]
        assert waiting  # chance decides where each is sent; nobody is left without an answer
        assert all(talk.has(Waiting) or talk.has(Failed) for talk in talks)
        for gate in gates:
            gate.open()
        for talk in waiting:
            await talk.end()
            assert isinstance(talk.last, Finished)

    in_pool(server, test)


# -- the end of a worker ---------------------------------------------------------------------------


def test_a_worker_that_ends_finishes_what_it_began_and_takes_nothing_new(
    server: NatsServer,
) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker, talk = await busy_worker(pool, gate, 1)
        ending = asyncio.create_task(worker.end())
        await until(lambda: len(worker.said) == 2, "its word that it stops")
        later = Talk(talk.client, pool.subjects, "anna", request("later"))
        await later.listen()
        for kind, name in (("chat", ""), ("line", ""), ("worker", worker.id)):
            before = later.refusals
            while later.refusals == before:
                await later.send(kind, name)
                await asyncio.sleep(0.01)
        assert not ending.done() and later.told == []
        gate.open()
        await talk.end()
        await talk.say(Got())
        assert await ending is True
        assert talk.whole and worker.begun == ["busy 1"]
        assert worker.said[1] == "Stopping; replies to be finished: 1."

    in_pool(server, test)


def test_a_worker_that_ends_gives_its_line_to_others(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gates = Gate(), Gate()
        ending, first = await busy_worker(pool, gates[0], 1)
        waiting = [await asked_line(pool, ending, f"waits {number}") for number in range(3)]
        other = pool.begin_worker(gates[1], ("after",))
        await until(lambda: other.ready, "the other one's start")
        # It takes the first of them; the others it takes into its line when theirs ends.
        await until(lambda: len(other.begun) == 1, "the first run there")
        task = asyncio.create_task(ending.end())
        for talk in waiting:
            await talk.hears(Moved)
        assert ending.begun == ["busy 1"]
        for gate in gates:
            gate.open()
        for talk in (first, *waiting):
            await talk.end()
            assert talk.whole
            await talk.say(Got())
        assert await task is True
        assert sorted(other.begun) == ["waits 0", "waits 1", "waits 2"]

    in_pool(server, test)


def test_a_worker_that_ends_alone_keeps_its_line(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker, first = await busy_worker(pool, gate, 1)
        waiting = await asked_line(pool, worker, "waits")
        task = asyncio.create_task(worker.end())
        await until(lambda: len(worker.said) == 2, "its word that it stops")
        gate.open()
        for talk in (first, waiting):
            await talk.end()
            assert talk.whole
            await talk.say(Got())
        assert await task is True
        assert worker.begun == ["busy 1", "waits"]

    in_pool(server, test)


def test_told_twice_a_worker_ends_at_once_and_says_so_to_its_clients(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(endless)
        talk = await pool.ask("Go on for ever")
        await talk.hears(Delta)
        waiting = await asked_line(pool, worker, "waits")
        worker.worker.stop()
        await until(lambda: len(worker.said) == 2, "its word that it stops")
        assert await worker.end() is False
        for cut in (talk, waiting):
            await cut.end()
            assert isinstance(cut.last, Failed)
            assert isinstance(cut.last.error, ReplyInterrupted)
        assert worker.said[-1] == "Stopped at once; replies that were cut: 2."

    in_pool(server, test)


def test_a_worker_whose_model_thread_ends_tells_its_clients_and_ends(
    server: NatsServer, allow_errors: object
) -> None:
    def bug(asked: Request) -> Iterator[str]:
        yield "Well"
        raise RuntimeError("a bug")

    async def test(pool: Pool) -> None:
        worker = await pool.worker(bug)
        talk = await pool.ask("Hi")
        await talk.end()
        assert isinstance(talk.last, Failed)
        assert isinstance(talk.last.error, ReplyInterrupted)
        with pytest.raises(ProviderError, match="thread has ended"):
            await worker.end()

    in_pool(server, test)


def test_a_worker_that_is_told_to_stop_while_it_loads_stops() -> None:
    class Slow(ScriptedProvider):
        def load(self, model: str | None) -> None:
            """It takes for ever."""

    async def test() -> None:
        worker = PoolWorker(
            Settings("nats://127.0.0.1:9"), Generation(lambda state: Slow(), "m", None), print
        )
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        worker.stop()
        assert await asyncio.wait_for(running, 60) is True

    asyncio.run(test())


def test_a_worker_without_anything_to_do_ends_when_it_is_told(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker()
        assert await worker.end() is True
        assert worker.said[0].startswith("Ready: scripted, window unknown, parallel 1, as w-")

    in_pool(server, test)


# -- the end of a server ---------------------------------------------------------------------------


def test_a_server_that_restarts_costs_no_word_and_says_none_twice(
    own_server: NatsServer,
) -> None:
    pieces = [f"{number} " for number in range(400)]

    async def test(pool: Pool) -> None:
        gate = Gate(*pieces)
        worker = await pool.worker(gate)
        talk = await pool.ask("Count")
        await talk.hears(Delta)
        await asyncio.to_thread(own_server.kill)
        gate.open()  # it is written while there is no server
        await until(lambda: worker.provider.last.ended, "the end at the model")
        await asyncio.to_thread(own_server.start)
        await until(lambda: talk.client.is_connected, "the client's connection")
        while not talk.whole:
            await talk.say(Resend(len(talk.numbers)))
            await asyncio.sleep(0.1)
        assert talk.text == "".join(pieces)
        assert worker.said[1:] == [
            "The NATS server is gone. What is being written goes on.",
            "The NATS server is there again.",
        ]
        again = await pool.ask("And now?")
        await again.end()
        assert worker.begun == ["Count", "And now?"]

    in_pool(own_server, test)


def test_a_client_that_is_back_learns_that_it_missed_something(own_server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate)
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        await asyncio.to_thread(own_server.restart)
        gate.open()
        # Alive names the next number, so a gap is seen even where nothing else is said.
        await until(
            lambda: any(getattr(told.what, "next", 0) > 3 for told in talk.told),
            "the sign with a number past the end",
        )
        await talk.say(Resend(0))
        await until(lambda: talk.whole, "the whole reply")

    in_pool(own_server, test)
