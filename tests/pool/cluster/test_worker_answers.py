"""A worker at a real NATS server: what a client that asks it hears."""

from __future__ import annotations

import logging

import pytest
from nats_server import NatsServer
from pool_desk import MODEL, Gate, Pool, Talk, endless, in_pool, request, until

from chatdesk.chat.events import Delta, Failed, Finished, Started, Waiting
from chatdesk.chat.messages import new_id
from chatdesk.cluster.worker.admission import Limits
from chatdesk.errors import ModelError, NotFound
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import (
    Alive,
    Busy,
    Cancel,
    Got,
    Resend,
    decode_offer,
    encode_request,
)


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


def test_the_model_gets_the_request_as_it_was_sent(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker()
        talk = await pool.ask(
            "Hi", "Hello", "And now?", continuation="Well,", temperature=0.0, max_tokens=7, seed=3
        )
        await talk.end()
        (got,) = worker.provider.requests
        assert got.messages == talk.request.messages
        assert got.parameters == talk.request.parameters
        assert (got.continuation, got.conversation_id) == ("Well,", "c")

    in_pool(server, test)


def test_what_fails_at_the_model_is_told_with_its_class(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        await pool.worker(("Well", ModelError("The file is damaged.", "Get it again.")), ("Yes",))
        talk = await pool.ask("Hi")
        await talk.end()
        assert isinstance(talk.last, Failed) and isinstance(talk.last.error, ModelError)
        assert talk.last.error.told == "The file is damaged. Get it again."
        again = await pool.ask("Hi")
        await again.end()
        assert again.text == "Yes"

    in_pool(server, test)


def test_a_worker_says_what_it_has_and_how_busy_it_is(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate, parallel=2)
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        answer = await talk.client.request(pool.subjects.models("anna"), timeout=60)
        offer = decode_offer(answer.data)
        assert (offer.worker, offer.model, offer.room, offer.line) == (worker.id, MODEL, 1, 0)
        gate.open()
        await talk.end()

    in_pool(server, test)


def test_another_model_is_refused_with_what_is_there(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker()
        refused = await pool.ask("Hi", model="gpt-7")
        await refused.end()
        assert isinstance(refused.last, Failed) and isinstance(refused.last.error, NotFound)
        assert "gpt-7" in refused.last.error.what and MODEL in refused.last.error.advice
        for name in (MODEL, "", None):
            talk = await pool.ask("Hi", model=name)
            await talk.end()
            assert isinstance(talk.last, Finished)
        assert len(worker.provider.requests) == 3

    in_pool(server, test)


# -- room and line ---------------------------------------------------------------------------------


def test_who_comes_to_a_full_worker_hears_the_place_in_its_line(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate, ("second",), ("third",))
        first = await pool.ask("1")
        await first.hears(Delta)
        later = []
        for number in ("2", "3"):
            talk = Talk(first.client, pool.subjects, "anna", request(number))
            await talk.listen()
            await talk.send("chat")
            await until(lambda talk=talk: talk.refusals == 1, "the word that nobody has room")
            await talk.send("line")
            await talk.hears(Waiting)
            later.append(talk)
        second, third = later
        assert "place 2" in third.events[0].why
        gate.open()
        for talk in (first, second, third):
            await talk.end()
            assert talk.whole
        assert (second.text, third.text) == ("second", "third")
        places = [event.why[-20:] for event in third.events if isinstance(event, Waiting)]
        assert ["place 2" in places[0], "place 1" in places[1]] == [True, True]
        assert worker.begun == ["1", "2", "3"]

    in_pool(server, test)


def test_a_full_line_is_told_in_words(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate, line=1)
        first = await pool.ask("1")
        await first.hears(Delta)
        waiting, refused = (Talk(first.client, pool.subjects, "anna", request(n)) for n in "23")
        for talk in (waiting, refused):
            await talk.listen()
            await talk.send("line")
            await until(lambda talk=talk: talk.told, "an answer")
        assert isinstance(waiting.events[0], Waiting)
        await refused.end()
        assert isinstance(refused.last, Failed) and refused.last.error.retryable
        assert "busy" in refused.last.error.what
        gate.open()
        await waiting.end()

    in_pool(server, test)


def test_a_worker_that_is_asked_by_name_takes_it_or_says_that_it_is_busy(
    server: NatsServer,
) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate, ("again",))
        first = await pool.ask("1")
        await first.hears(Delta)
        follow_up = Talk(first.client, pool.subjects, "anna", request("2"))
        await follow_up.listen()
        await follow_up.send("worker", worker.id)
        await follow_up.hears(Busy)
        assert follow_up.numbers == []
        gate.open()
        await first.end()
        again = Talk(first.client, pool.subjects, "anna", request("3"))
        await again.listen()
        await again.send("worker", worker.id)
        await again.end()
        assert again.text == "again" and worker.begun == ["1", "3"]

    in_pool(server, test)


def test_several_replies_are_written_at_a_time(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate, parallel=3)
        talks = [await pool.ask(str(number)) for number in range(3)]
        for talk in talks:
            await talk.hears(Delta)
        gate.open()
        for talk in talks:
            await talk.end()
            assert talk.whole and talk.text == "one two three"

    in_pool(server, test)


def test_a_crowd_is_answered_each_once(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        many = Limits(runs=0, requests=0)
        workers = [await pool.worker(parallel=2, limits=many) for _ in range(3)]
        client = await pool.client()
        talks = [Talk(client, pool.subjects, "anna", request(f"q{i}")) for i in range(60)]
        for talk in talks:
            await talk.listen()
        for talk in talks:
            await talk.send("line")
        for number, talk in enumerate(talks):
            await until(lambda talk=talk: talk.whole, "a whole reply")
            assert talk.text == f"q{number}"
            # Who takes a run over says again what was said before: the same, word for word.
            told = [each for each in talk.told if each.number >= 0]
            assert all(talk.counted[each.number] == each for each in told)
        begun = sorted(text for worker in workers for text in worker.begun)
        assert begun == sorted(f"q{i}" for i in range(60))

    in_pool(server, test)


# -- what a client does with its run ---------------------------------------------------------------


def test_a_cancelled_run_stops_and_says_so(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(endless, ("next",))
        talk = await pool.ask("Go on for ever")
        await talk.hears(Delta)
        await talk.say(Cancel())
        await talk.end()
        assert isinstance(talk.last, Finished) and talk.last.reason == "cancelled"
        assert worker.provider.last.ended
        again = await pool.ask("Hi")
        await again.end()
        assert again.text == "next"

    in_pool(server, test)


def test_a_run_that_waits_is_cancelled_at_once_and_never_begun(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate)
        first = await pool.ask("1")
        await first.hears(Delta)
        waiting, last = (Talk(first.client, pool.subjects, "anna", request(n)) for n in "23")
        for talk in (waiting, last):
            await talk.listen()
            await talk.send("line")
            await talk.hears(Waiting)
        await waiting.say(Cancel())
        await waiting.end()
        assert isinstance(waiting.last, Finished) and waiting.last.reason == "cancelled"
        await until(lambda: len(last.events) == 2, "the next one's new place")
        gate.open()
        await last.end()
        assert worker.begun == ["1", "3"]

    in_pool(server, test)


def test_who_missed_something_gets_it_again(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate("a", "b", "c", "d")
        await pool.worker(gate)
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        gate.open()
        await talk.end()
        before = dict(talk.counted)
        talk.told.clear()
        await talk.say(Resend(1))
        await talk.end()
        assert talk.counted == {number: told for number, told in before.items() if number >= 1}

    in_pool(server, test)


def test_a_run_says_that_it_goes_on_and_which_number_comes_next(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate)
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        await talk.hears(Alive)
        (alive, *_) = (told.what for told in talk.told if isinstance(told.what, Alive))
        assert alive.next == len(talk.numbers) == 2
        gate.open()
        await talk.end()

    in_pool(server, test)


def test_a_run_is_kept_until_its_client_got_it(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        await pool.worker()
        talk = await pool.ask("Hi")
        await talk.end()
        talk.told.clear()
        await talk.hears(Alive)  # it goes on saying that there is something, but not for long
        await talk.say(Got())
        subject = pool.subjects.run("anna", talk.request.run_id)

        async def nobody_listens() -> bool:
            before = talk.refusals
            await talk.client.publish(subject, b"{}", reply=talk.inbox)
            await talk.client.flush()
            await until(lambda: True)
            return talk.refusals > before

        for _ in range(600):
            if await nobody_listens():
                break
        else:
            raise AssertionError("the run is still kept")

    in_pool(server, test)


def test_the_same_request_again_is_the_same_run(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate)
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        await talk.send("line")
        await until(lambda: talk.numbers.count(0) == 2, "the repetition")
        gate.open()
        await talk.end()
        assert talk.whole and worker.begun == ["Hi"]

    in_pool(server, test)


def test_a_client_that_vanished_stops_its_run(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(endless)
        talk = await pool.ask("Go on for ever")
        await talk.hears(Delta)
        await talk.vanish()
        await until(lambda: worker.provider.last.ended, "the end of the run")

    in_pool(server, test)


def test_a_client_that_vanished_leaves_the_line(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate)
        first = await pool.ask("1")
        await first.hears(Delta)
        gone, last = (Talk(first.client, pool.subjects, "anna", request(n)) for n in "23")
        for talk in (gone, last):
            await talk.listen()
            await talk.send("line")
            await talk.hears(Waiting)
        await gone.vanish()
        await until(lambda: len(last.events) == 2, "the next one's new place")
        gate.open()
        await last.end()
        assert worker.begun == ["1", "3"]

    in_pool(server, test)


def test_a_run_that_another_worker_has_is_given_up(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(endless, ("next",))
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        await talk.say(Cancel("another-worker"))
        count = len(talk.told)
        await until(lambda: len(talk.told) > count + 5, "more of it")
        assert not talk.ended
        await talk.say(Cancel(worker.id))
        await until(lambda: worker.provider.last.ended, "its end")
        again = await pool.ask("Hi")
        await again.end()

    in_pool(server, test)


# -- who may hear what -----------------------------------------------------------------------------


def test_nobody_is_answered_at_an_inbox_of_somebody_else(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker()
        bob = await pool.client("bob")
        heard: list[bytes] = []

        async def hear(message: object) -> None:
            heard.append(getattr(message, "data", b""))

        await bob.subscribe(f"{Subjects.inbox('bob')}.>", cb=hear)
        anna = await pool.client("anna")
        data = encode_request(request("Hi"))
        replies = (f"{Subjects.inbox('bob')}.x", "chatdesk.free", pool.subjects.free, "")
        for reply in replies:
            for subject in (
                pool.subjects.chat("anna"),
                pool.subjects.line("anna"),
                pool.subjects.worker(worker.id, "anna"),
                pool.subjects.models("anna"),
            ):
                await anna.publish(subject, data, reply=reply)
        await anna.flush()
        talk = await pool.ask("The last one")
        await talk.end()
        assert worker.begun == ["The last one"] and heard == []

    in_pool(server, test)


HOSTILE = (
    b"",
    b"\xff\x00",
    b"{}",
    b"[]",
    b"null",
    b'{"v":1}',
    b'{"v":2,"type":"chat"}',
    b'{"v":1,"type":"chat","run":"r","messages":' + b"[" * 50_000,
    b'{"v":1,"type":"hand"',
    b'{"v":1,"type":"hand","worker":"w","user":"anna","reply":"x","held":true,"hops":0,'
    b'"told":["{}"],"request":"{}"}',
    b'{"v":1,"type":"taken","worker":"w","user":"a","run":"r","taken":true}',
    b'{"v":1,"type":"free","worker":"x"}',
    b'{"v":1,"type":"free","worker":"a.b >"}',
)


def test_no_bytes_end_a_worker(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate)
        talk = await pool.ask("Hi")
        await talk.hears(Delta)
        subjects = pool.subjects
        for data in HOSTILE:
            for subject in (
                subjects.chat("anna"),
                subjects.line("anna"),
                subjects.worker(worker.id, "anna"),
                subjects.models("anna"),
                subjects.hand(worker.id),
                subjects.free,
                subjects.run("anna", talk.request.run_id),
                subjects.line("$&!"),
            ):
                await talk.client.publish(subject, data, reply=f"{talk.inbox}.x")
        await talk.client.flush()
        gate.open()
        await talk.end()
        assert talk.whole
        again = await pool.ask("And now?")
        await again.end()
        assert worker.begun == ["Hi", "And now?"]

    in_pool(server, test)


def test_a_request_of_another_version_is_refused_in_words(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        await pool.worker()
        client = await pool.client()
        talk = Talk(client, pool.subjects, "anna", request("Hi"))
        await talk.listen()
        data = encode_request(talk.request).replace(b'"v":1', b'"v":9', 1)
        await client.publish(pool.subjects.chat("anna"), data, reply=talk.inbox)
        await talk.end()
        assert isinstance(talk.last, Failed) and "version" in talk.last.error.what

    in_pool(server, test)


def test_a_log_has_nothing_of_what_is_said(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pool: Pool) -> None:
        secret = f"secret-{new_id()}"
        await pool.worker((secret, ModelError("It failed.")), (secret,))
        for model in (None, None, secret):
            talk = await pool.ask(secret, model=model)
            await talk.end()
        data = encode_request(request(secret)).replace(b'"history":0', b'"history":-1')
        await talk.client.publish(pool.subjects.chat("anna"), data, reply=talk.inbox)
        await talk.client.flush()
        again = await pool.ask("Hi")
        await again.end()
        assert secret not in caplog.text and "anna" not in caplog.text

    with caplog.at_level(logging.DEBUG, "chatdesk"):
        in_pool(server, test)
