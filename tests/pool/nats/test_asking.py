"""Asking workers over a real nats-server: who is asked, what counts, and how it ends."""

from __future__ import annotations

import asyncio

import pytest
from asking_desk import CALM, desk, request
from nats_server import NatsServer
from scripted_worker import MODEL, STARTED, ScriptedWorker, Work

from chatdesk.chat.events import (
    Delta,
    Failed,
    Finished,
    PromptProgress,
    Started,
    Waiting,
)
from chatdesk.chat.messages import Role, Usage
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ContextOverflow, NotFound, ProviderError, UsageError
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.login import read_login
from chatdesk.providers.nats.offers import offers
from chatdesk.providers.nats.problems import AllBusy, NoWorker
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Cancel, Got, Moved, Offer, Resend


def test_a_reply_arrives_with_all_its_events(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            wanted = request("What is 6 times 7?", model="m", history=3, continuation="It")
            heard = person.ask(wanted)
            work = await worker.work()
            assert work.request.messages == wanted.messages
            assert (work.request.model, work.request.history) == ("m", 3)
            assert work.request.continuation == "It"
            progress = PromptProgress(4, 7)
            await work.say(Waiting("loading"), STARTED, progress, Delta("reasoning", "Hm."))
            await work.write(" is", " 42.")
            await work.finish()
            assert await heard.end() == Finished("stop", Usage(7, completion_tokens=3))
            kinds = [type(event) for event in heard.events]
            assert kinds == [Waiting, Started, PromptProgress, Delta, Delta, Delta, Finished]
            assert heard.text == "Hm. is 42."
            await work.wait_for(Got)

    asyncio.run(run())


def test_many_replies_at_once_are_not_mixed(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            hearings = [person.ask(request(str(n), f"c{n}")) for n in range(20)]
            works = [await worker.work() for _ in hearings]
            for work in works:
                await work.say(STARTED)
            for _ in range(3):
                for work in works:
                    await work.write(work.request.messages[0].content + ";")
            for work in works:
                await work.finish()
            for number, heard in enumerate(hearings):
                await heard.end()
                assert heard.text == f"{number};" * 3

    asyncio.run(run())


# -- who is asked ------------------------------------------------------------------------------


def test_the_worker_that_has_the_conversation_is_asked_first(nats: NatsServer) -> None:
    async def run() -> None:
        async with (
            ScriptedWorker(nats.url, "w1", roles=("worker",)) as alone,
            ScriptedWorker(nats.url, "w2") as other,
            desk(nats) as person,
        ):
            heard = person.ask()
            work = await other.work()
            await work.say(STARTED)
            await work.finish()
            await heard.end()
            heard = person.ask()
            assert (await other.work()).subject == "chatdesk.worker.w2.anyone"
            person.asker.affinity.put("c2", "w1")
            person.ask(request(conversation="c2"))
            assert (await alone.work()).subject == "chatdesk.worker.w1.anyone"

    asyncio.run(run())


def test_a_busy_worker_of_the_conversation_leaves_it_to_others(nats: NatsServer) -> None:
    async def run() -> None:
        async with (
            ScriptedWorker(nats.url, "w1", roles=("worker",)) as busy,
            ScriptedWorker(nats.url, "w2", roles=("chat",)) as free,
            desk(nats) as person,
        ):
            person.asker.affinity.put("c1", "w1")
            heard = person.ask()
            await (await busy.work()).refuse()
            work = await free.work()
            await work.say(STARTED)
            await work.finish()
            assert isinstance(await heard.end(), Finished)
            assert person.asker.affinity.get("c1") == "w2"

    asyncio.run(run())


def test_where_nobody_has_room_a_line_is_joined_and_its_place_is_told(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url, roles=("line",)) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(Waiting("queued", "Second in line at w1"))
            await work.say(Waiting("queued", "First in line at w1"))
            await work.say(STARTED)
            await work.finish()
            await heard.end()
            assert heard.waits == ["Second in line at w1", "First in line at w1"]

    asyncio.run(run())


def test_without_a_worker_it_is_said(nats: NatsServer) -> None:
    async def run() -> None:
        async with desk(nats) as person:
            error = await person.ask().error()
            assert isinstance(error, NoWorker)
            assert (error.what, error.retryable) == ("No worker is listening.", True)

    asyncio.run(run())


def test_where_all_are_busy_it_is_said(nats: NatsServer) -> None:
    async def run() -> None:
        async def refuse(work: Work) -> None:
            await work.refuse()

        async with ScriptedWorker(nats.url, roles=("line",), answer=refuse), desk(nats) as person:
            assert isinstance(await person.ask().error(), AllBusy)

    asyncio.run(run())


def test_who_has_the_wanted_model_is_found_among_others(nats: NatsServer) -> None:
    async def refuse(work: Work) -> None:
        await work.say(Failed(NotFound("The workers have no model Big.")))

    async def run() -> None:
        offer = Offer("w2", "Big", None, 1, 0)
        async with (
            ScriptedWorker(nats.url, "w1", answer=refuse),
            ScriptedWorker(nats.url, "w2", offer=offer, roles=("worker", "models")) as big,
            desk(nats) as person,
        ):
            heard = person.ask(request(model="Big"))
            work = await big.work()
            await work.say(STARTED)
            await work.finish()
            assert isinstance(await heard.end(), Finished)
            error = await person.ask(request(model="Huge", conversation="c2")).error()
            assert error.what == "The workers have no model Big."

    asyncio.run(run())


def test_a_run_in_a_line_moves_to_a_worker_with_room(nats: NatsServer) -> None:
    async def run() -> None:
        async with (
            ScriptedWorker(nats.url, "w1", roles=("line",)) as full,
            ScriptedWorker(nats.url, "w2", roles=()) as free,
            desk(nats) as person,
        ):
            heard = person.ask()
            first = await full.work()
            await first.say(Waiting("queued", "First in line at w1"))
            second = await free.take(first.request, first.user, first.reply)
            second.sent = [b"", b""]  # its numbers follow
            await first.say(Moved("w2"))
            await second.say(STARTED)
            await second.write("Here.")
            await second.finish()
            await heard.end()
            assert heard.text == "Here."
            assert person.asker.affinity.get("c1") == "w2"

    asyncio.run(run())


# -- what counts -------------------------------------------------------------------------------


def test_what_is_missing_is_asked_for_again(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            await work.say(Delta("text", "one "), lose=True)
            await work.write("two ")
            assert await work.wait_for(Resend) == Resend(1)
            await work.write("three")
            await work.finish()
            await heard.end()
            assert heard.text == "one two three"

    asyncio.run(run())


def test_a_lost_last_word_is_found_by_the_sign_of_life_after_it(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            await work.write("All.")
            await work.say(Finished("stop"), lose=True)
            await work.alive()
            assert isinstance(await heard.end(), Finished)
            assert heard.text == "All."

    asyncio.run(run())


def test_what_comes_twice_is_told_once(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            await work.write("one ", "two")
            for data in list(work.sent):
                await work.send(data)
            await work.finish()
            await heard.end()
            assert heard.text == "one two"
            assert len(heard.of(Started)) == 1

    asyncio.run(run())


def test_of_two_workers_at_one_run_the_second_is_told_to_stop(nats: NatsServer) -> None:
    async def run() -> None:
        async with (
            ScriptedWorker(nats.url, "w1") as worker,
            ScriptedWorker(nats.url, "w2", roles=()) as intruder,
            desk(nats) as person,
        ):
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            await work.write("Mine.")
            await heard.until_text("Mine.")
            second = await intruder.take(work.request, work.user, work.reply)
            await second.say(Started("Other"))
            await second.write("No, mine!")
            assert await second.wait_for(Cancel) == Cancel("w2")
            await work.finish()
            await heard.end()
            assert heard.text == "Mine."

    asyncio.run(run())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\x00",
        b"[]",
        b'{"v":1}',
        b'{"v":1,"a":' + b"[" * 10_000,
        b'{"v":1,"run":"r","worker":"w1","n":1,"type":"delta","kind":"text","text":"no"}',
        b'{"v":1,"run":"../x","worker":"w1","n":-1,"type":"alive","next":9}',
    ],
)
def test_bytes_that_are_no_message_of_the_run_change_nothing(nats: NatsServer, data: bytes) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.send(data)
            await work.say(STARTED)
            await work.send(data)
            await work.write("Fine.")
            await work.finish()
            assert isinstance(await heard.end(), Finished)
            assert heard.text == "Fine."

    asyncio.run(run())


def test_a_worker_that_speaks_before_it_started_is_not_believed(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.write("Ha!")
            assert isinstance(await heard.error(), WireError)
            await work.wait_for(Cancel)

    asyncio.run(run())


def test_a_worker_that_never_ends_is_stopped(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatdesk.providers.nats.attempt._MOST_BYTES", 100_000)

    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            for _ in range(3):
                await work.write("x" * 40_000)
            assert "no model's answer" in (await heard.error()).what
            await work.wait_for(Cancel)

    asyncio.run(run())


def test_events_at_the_wrong_time_are_left_out(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(PromptProgress(1, 2), STARTED, Started("Other"), Waiting("queued"))
            await work.write("x")
            await work.say(PromptProgress(1, 2))
            await work.finish()
            await heard.end()
            assert [type(e) for e in heard.events] == [Started, Delta, Finished]
            assert heard.events[0] == STARTED

    asyncio.run(run())


# -- how it ends -------------------------------------------------------------------------------


def test_who_stops_listening_stops_the_run(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(STARTED)
            await work.write("On and on")
            await heard.until_text("On and on")
            assert heard.task is not None
            heard.task.cancel()
            assert await work.wait_for(Cancel) == Cancel()
            assert not isinstance(heard.events[-1], Finished)

    asyncio.run(run())


def test_who_stops_listening_before_anybody_answers_stops_the_run(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            assert heard.task is not None
            heard.task.cancel()
            await work.wait_for(Cancel)
            assert heard.events == []

    asyncio.run(run())


def test_a_worker_that_refuses_is_told_in_its_own_words(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            heard = person.ask()
            work = await worker.work()
            await work.say(Failed(UsageError("Too many tokens.", "Ask for fewer.")))
            error = await heard.error()
            assert isinstance(error, UsageError)
            assert error.told == "Too many tokens. Ask for fewer."
            await work.wait_for(Got)

    asyncio.run(run())


def test_a_conversation_too_large_for_one_message_loses_its_beginning(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url) as worker, desk(nats) as person:
            turns = [
                PromptMessage(Role.USER if n % 2 == 0 else Role.ASSISTANT, "x" * 300_000, f"m{n}")
                for n in range(7)
            ]
            system = PromptMessage(Role.SYSTEM, "Be brief.", "s")
            heard = person.ask(Request("c1", (system, *turns)))
            work = await worker.work()
            assert [m.id for m in work.request.messages] == ["s", "m4", "m5", "m6"]
            await work.say(Started(MODEL, 4096, 7, ("m4",)))
            await work.finish()
            await heard.end()
            assert heard.events[0].left_out == ("m0", "m1", "m2", "m3", "m4")  # type: ignore[union-attr]

    asyncio.run(run())


def test_a_message_too_large_for_the_server_is_refused_here(nats: NatsServer) -> None:
    async def run() -> None:
        async with ScriptedWorker(nats.url), desk(nats) as person:
            assert isinstance(await person.ask(request("x" * 2_000_000)).error(), ContextOverflow)

    asyncio.run(run())


# -- who is there --------------------------------------------------------------------------------


def test_all_workers_say_what_they_have(nats: NatsServer) -> None:
    async def run() -> None:
        offer = Offer("w2", "Big 7B", None, 0, 3)
        async with (
            ScriptedWorker(nats.url, "w1"),
            ScriptedWorker(nats.url, "w2", offer=offer),
            desk(nats, CALM) as person,
        ):
            found = await offers(person.asker.client, Subjects(), "anyone", seconds=10)
            assert found == (Offer("w1", MODEL, 4096, 1, 0), offer)

    asyncio.run(run())


def test_nobody_says_what_he_has_where_nobody_is(nats: NatsServer) -> None:
    async def run() -> None:
        async with desk(nats) as person:
            assert await offers(person.asker.client, Subjects(), "anyone", seconds=60) == ()

    asyncio.run(run())


def test_an_answer_that_is_no_offer_is_told_where_it_is_the_only_one(nats: NatsServer) -> None:
    async def run() -> None:
        client = await connect(nats.url, read_login(None))

        async def answer(message: object) -> None:
            await message.respond(b'{"v":9}')  # type: ignore[attr-defined]

        await client.subscribe("chatdesk.models.*", cb=answer)
        await client.flush()
        async with desk(nats) as person:
            with pytest.raises(ProviderError, match="another version"):
                await offers(person.asker.client, Subjects(), "anyone", seconds=2)
        await client.close()

    asyncio.run(run())
