"""Workers, servers and connections that go in the middle of a reply."""

from __future__ import annotations

import asyncio

import pytest
from asking_desk import CALM, SOON, Desk, Hearing, desk, request
from nats_server import NatsServer
from scripted_worker import STARTED, ScriptedWorker, Work

from chatdesk.chat.events import Delta, Failed, Finished, Started, Waiting
from chatdesk.chat.messages import Usage
from chatdesk.errors import ProviderError, ReplyInterrupted
from chatdesk.providers.nats.attempt import ServerGone, Timing
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.problems import NothingKept
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Cancel, Resend, decode_kept


async def begun(person: Desk, worker: ScriptedWorker, text: str) -> tuple[Hearing, Work]:
    """A reply of which a first piece has arrived."""
    heard = person.ask(request(continuation="So: "))
    work = await worker.work()
    await work.say(STARTED)
    await work.write(text)
    await heard.until_text(text)
    return heard, work


# -- a worker that goes ------------------------------------------------------------------------


def test_another_worker_goes_on_where_one_was_lost(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as first, desk(nats, SOON) as person:
            heard, lost = await begun(person, first, "one two")
            async with ScriptedWorker(nats.url, "w2") as second:
                await first.stop()
                work = await second.work()
                assert work.request.continuation == "So: one two"
                assert work.request.messages == lost.request.messages
                assert work.request.run_id != lost.request.run_id
                await work.say(Started("Another", 2048, 9))
                await work.write(" three")
                await work.finish(1)
                end = await heard.end()
            assert heard.text == "one two three"
            assert heard.of(Started) == [STARTED]
            assert heard.notices == ["w1 stopped answering. Another worker goes on."]
            # One piece of the first worker, one token of the second.
            assert end == Finished("stop", Usage(7, completion_tokens=2, estimated=True))
            assert person.asker.affinity.get("c1") == "w2"

    asyncio.run(run())


def test_a_worker_that_hangs_is_told_to_stop_and_the_others_are_asked_by_name(
    nats: NatsServer,
) -> None:
    async def run() -> None:
        async with (
            ScriptedWorker(nats.url, "w1") as hanging,
            desk(nats, SOON) as person,
        ):
            heard, lost = await begun(person, hanging, "one")
            async with ScriptedWorker(nats.url, "w2") as second:
                work = await second.work()
                assert work.subject == "chatdesk.worker.w2.anyone"
                await lost.wait_for(Cancel)
                await lost.write(" too late")  # it wakes up
                await work.say(STARTED)
                await work.write(" two")
                await work.finish()
                await heard.end()
            assert heard.text == "one two"

    asyncio.run(run())


def test_a_second_loss_cuts_the_reply_off(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as first, desk(nats, SOON) as person:
            heard, _ = await begun(person, first, "one")
            second = await ScriptedWorker(nats.url, "w2").start()
            await first.stop()
            work = await second.work()
            await work.say(STARTED)
            await work.write(" two")
            await heard.until_text("one two")
            await second.stop()
            error = await heard.error()
            assert isinstance(error, ReplyInterrupted)
            assert error.what.startswith("The reply was cut off. w2 stopped answering")
            assert error.retryable
            assert heard.text == "one two"

    asyncio.run(run())


def test_without_another_worker_the_reply_is_cut_off(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as first, desk(nats, SOON) as person:
            heard, _ = await begun(person, first, "one")
            await first.stop()
            error = await heard.error()
            assert isinstance(error, ReplyInterrupted)
            assert error.what == "The reply was cut off. No worker is listening."
            assert heard.notices == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "last",
    [Finished("cancelled"), Failed(ReplyInterrupted("The worker stops."))],
    ids=["cancelled", "interrupted"],
)
def test_a_worker_that_was_stopped_is_lost_as_well(
    nats: NatsServer, last: Finished | Failed
) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as first, desk(nats, SOON) as person:
            heard, work = await begun(person, first, "one")
            async with ScriptedWorker(nats.url, "w2") as second:
                await work.say(last)
                work = await second.work()
                await work.say(STARTED)
                await work.write(" two")
                await work.finish()
                assert isinstance(await heard.end(), Finished)
            assert heard.text == "one two"
            assert len(heard.notices) == 1

    asyncio.run(run())


def test_signs_of_life_are_enough(nats: NatsServer) -> None:
    async def run() -> None:
        timing = Timing(lost=1.5, again=1.5, others=0.0, look=0.05)
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats, timing) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(Waiting("loading"))
            for _ in range(30):  # longer than a silent worker is waited for
                await asyncio.sleep(0.1)
                await work.alive()
            await work.say(STARTED)
            await work.finish()
            assert isinstance(await heard.end(), Finished)

    asyncio.run(run())


def test_a_worker_that_does_not_send_again_what_is_missing_is_lost(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as first, desk(nats, SOON) as person:
            heard, work = await begun(person, first, "one")
            work.deaf = True
            async with ScriptedWorker(nats.url, "w2") as second:
                await work.say(Delta("text", " lost"), lose=True)
                other: asyncio.Task[Work] = asyncio.ensure_future(second.work())
                while not other.done():
                    await work.alive()
                    await asyncio.sleep(0.1)
                await work.wait_for(Resend)
                await (await other).say(STARTED)
                await (await other).write(" two")
                await (await other).finish()
                await heard.end()
            assert heard.text == "one two"

    asyncio.run(run())


def test_a_worker_of_another_version_is_told_as_such(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats, SOON) as person:
            heard = person.ask()
            await (await worker.work()).send(b'{"v":2}')
            error = await heard.error()
            assert isinstance(error, WireError)
            assert "another version" in error.what

    asyncio.run(run())


# -- a server that goes --------------------------------------------------------------------------


def test_a_server_that_is_restarted_costs_nothing(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats, CALM) as person:
            heard, work = await begun(person, worker, "one")
            nats.kill()
            await work.say(
                Delta("text", " two"), Delta("text", " three"), lose=True
            )  # said while nobody could hear
            nats.start()
            assert await work.wait_for(Resend) == Resend(2)
            await heard.until_text("three")
            await work.finish()
            assert isinstance(await heard.end(), Finished)
            assert heard.text == "one two three"
            assert heard.notices == []

    asyncio.run(run())


def test_a_request_outlives_a_restart_before_its_first_answer(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats, CALM) as person:
            heard = person.ask()
            work = await worker.work()
            nats.kill()
            await work.say(STARTED, lose=True)
            nats.start()
            assert await work.wait_for(Resend) == Resend(0)
            await work.finish()
            assert isinstance(await heard.end(), Finished)
            assert heard.of(Started) == [STARTED]

    asyncio.run(run())


def test_a_server_that_stays_away_cuts_the_reply_off(nats: NatsServer) -> None:
    async def run() -> None:
        timing = Timing(lost=60.0, away=0.5, look=0.05)
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats, timing) as person:
            heard, _ = await begun(person, worker, "one")
            nats.kill()
            error = await heard.error()
            assert isinstance(error, ReplyInterrupted)
            assert "connection to the NATS server was lost" in error.what

    asyncio.run(run())


def test_over_a_closed_connection_nobody_is_asked(nats: NatsServer) -> None:
    async def run() -> None:
        async with desk(nats) as person:
            await person.asker.client.close()
            assert isinstance(await person.ask().error(), ServerGone)

    asyncio.run(run())


# -- requests that are kept ----------------------------------------------------------------------


def test_a_request_is_kept_until_a_worker_comes(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1", roles=()) as worker, desk(nats, SOON) as person:
            stream = worker.client.jetstream()
            await stream.add_stream(name="KEPT", subjects=["chatdesk.kept.*"])
            heard = person.ask(keep=True)
            await heard.until(lambda: bool(heard.waits))
            assert heard.waits == ["The request is kept until a worker comes"]
            pulled = await stream.pull_subscribe("chatdesk.kept.*", "workers")
            (message,) = await pulled.fetch(1, timeout=60)
            assert message.subject == "chatdesk.kept.anyone"
            wanted, reply = decode_kept(message.data)
            work = await worker.take(wanted, "anyone", reply)
            await work.say(STARTED)
            await work.write("At last.")
            await work.finish()
            assert isinstance(await heard.end(), Finished)
            assert heard.text == "At last."

    asyncio.run(run())


def test_a_reply_whose_worker_was_the_only_one_is_kept_and_goes_on_later(nats: NatsServer) -> None:
    async def run() -> None:
        async with (
            ScriptedWorker(nats.url, "w1") as first,
            ScriptedWorker(nats.url, "w2", roles=()) as later,
            desk(nats, SOON) as person,
        ):
            stream = later.client.jetstream()
            await stream.add_stream(name="KEPT", subjects=["chatdesk.kept.*"])
            heard = person.ask(keep=True)
            work = await first.work()
            await work.say(STARTED)
            await work.write("one")
            await heard.until_text("one")
            await first.stop()
            pulled = await stream.pull_subscribe("chatdesk.kept.*", "workers")
            (message,) = await pulled.fetch(1, timeout=60)
            wanted, reply = decode_kept(message.data)
            assert wanted.continuation == "one"
            work = await later.take(wanted, "anyone", reply)
            await work.say(STARTED)
            await work.write(" two")
            await work.finish()
            await heard.end()
            assert heard.text == "one two"
            assert heard.notices == [
                "The worker stopped answering. The request is kept until a worker comes.",
                "w1 stopped answering. Another worker goes on.",
            ]

    asyncio.run(run())


def test_a_server_that_keeps_nothing_is_told_as_such(nats: NatsServer) -> None:
    async def run() -> None:
        async with desk(nats) as person:
            error = await person.ask(keep=True).error()
            assert isinstance(error, NothingKept)
            assert error.what == "No worker is listening, and the NATS server keeps no requests."

    asyncio.run(run())


def test_where_somebody_listens_nothing_is_kept(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats) as person:
            stream = worker.client.jetstream()
            await stream.add_stream(name="KEPT", subjects=["chatdesk.kept.*"])
            heard = person.ask(keep=True)
            work = await worker.work()
            assert work.subject == Subjects().chat("anyone")
            await work.say(STARTED)
            await work.finish()
            await heard.end()
            assert (await stream.stream_info("KEPT")).state.messages == 0

    asyncio.run(run())


def test_an_error_after_words_cuts_the_reply_off(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, "w1") as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            await work.write("one")
            await work.say(Failed(ProviderError("The model broke.", "Try another.")))
            error = await heard.error()
            # Words were told, so the reply counts as interrupted.
            assert isinstance(error, ReplyInterrupted)
            assert error.what == "The reply was cut off. The model broke."

    asyncio.run(run())
