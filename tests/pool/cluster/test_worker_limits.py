"""What a worker refuses its clients, with errors that say what is allowed."""

from __future__ import annotations

from nats_server import NatsServer
from pool_desk import Gate, Pool, Talk, in_pool, request

from chatdesk.chat.events import Delta, Failed, Finished
from chatdesk.cluster.worker.admission import Limits
from chatdesk.cluster.worker.between import Hand, encode_hand
from chatdesk.errors import ChatdeskError, UsageError
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import encode_request


async def refusal(talk: Talk) -> ChatdeskError:
    await talk.end()
    assert isinstance(talk.last, Failed) and list(talk.counted) == [0]
    return talk.last.error


def test_a_request_of_too_many_bytes_or_messages_is_refused(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(limits=Limits(request_bytes=2_000, messages=2))
        long = await refusal(await pool.ask("x" * 3_000))
        many = await refusal(await pool.ask("a", "b", "c"))
        assert isinstance(long, UsageError) and "2,000 bytes" in long.what
        assert isinstance(many, UsageError) and "2 messages" in many.what
        assert worker.begun == []

    in_pool(server, test)


def test_a_reply_has_at_most_so_many_tokens(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(limits=Limits(max_tokens=9))
        assert "at most 9 tokens" in (await refusal(await pool.ask("Hi", max_tokens=10))).what
        for wanted in (0, 5):
            talk = await pool.ask("Hi", max_tokens=wanted)
            await talk.end()
        # Who wants it until its end gets what there may be.
        assert [r.parameters.max_tokens for r in worker.provider.requests] == [9, 5]

    in_pool(server, test)


def test_a_user_has_so_many_replies_at_a_time_and_others_theirs(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate, parallel=4, limits=Limits(runs=2))
        talks = [await pool.ask(str(number)) for number in range(2)]
        for talk in talks:
            await talk.hears(Delta)
        error = await refusal(await pool.ask("one too many"))
        assert error.retryable and "2 other replies" in error.what
        other = await pool.ask("mine", user="bob")
        await other.hears(Delta)
        gate.open()
        for talk in (*talks, other):
            await talk.end()
            assert isinstance(talk.last, Finished)
        again = await pool.ask("now")
        await again.end()
        assert isinstance(again.last, Finished)

    in_pool(server, test)


def test_a_user_asks_only_so_often(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        limits = Limits(requests=2, unlimited=frozenset({"dataflow"}))
        worker = await pool.worker(limits=limits)
        for number in range(2):
            await (await pool.ask(str(number))).end()
        error = await refusal(await pool.ask("2"))
        assert error.retryable and "2 times within a minute" in error.what
        for user in ("bob", "dataflow", "dataflow", "dataflow", "anyone", "anyone", "anyone"):
            talk = await pool.ask(user, user=user)
            await talk.end()
            assert isinstance(talk.last, Finished)
        assert len(worker.begun) == 9

    in_pool(server, test)


def test_a_user_has_only_so_many_tokens(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        await pool.worker(("a", "b", "c", "d"), limits=Limits(tokens=4))
        talk = await pool.ask("Hi")
        await talk.end()
        error = await refusal(await pool.ask("More"))
        assert error.retryable and "4 tokens" in error.what

    in_pool(server, test)


def test_who_is_told_to_ask_another_worker_is_not_counted(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        worker = await pool.worker(gate, limits=Limits(requests=2))
        first = await pool.ask("1")
        await first.hears(Delta)
        for _ in range(5):
            talk = Talk(first.client, pool.subjects, "anna", request("follow-up"))
            await talk.listen()
            await talk.send("worker", worker.id)
        gate.open()
        await first.end()
        second = await pool.ask("2")
        await second.end()
        assert isinstance(second.last, Finished)

    in_pool(server, test)


def test_what_pretends_to_be_handed_over_is_held_to_the_limits(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker(limits=Limits(requests=2, request_bytes=2_000))
        client = await pool.client()
        for held in (True, False):
            for number in range(6):
                asked = request("x" * 3_000 if number == 5 else f"{held} {number}")
                talk = Talk(client, pool.subjects, "anna", asked)
                hand = Hand("w-0000", "anna", talk.inbox, asked, held=held)
                for subject in (pool.subjects.chat("anna"), pool.subjects.line("anna")):
                    await client.publish(subject, encode_hand(hand))
        await client.flush()
        other = await pool.ask("mine", user="bob")
        await other.end()
        assert len(worker.begun) == 3  # two of anna's

    in_pool(server, test)


def test_what_is_handed_over_may_be_as_large_as_what_is_asked(server: NatsServer) -> None:
    """A request within another message has all its quotation marks escaped."""

    async def test(pool: Pool) -> None:
        worker = await pool.worker(limits=Limits(request_bytes=5_000))
        client = await pool.client()
        asked = request('"' * 2_000)
        talk = Talk(client, pool.subjects, "anna", asked)
        await talk.listen()
        hand = encode_hand(Hand("w-0000", "anna", talk.inbox, asked, held=False))
        assert len(encode_request(asked)) < 5_000 < len(hand)
        await client.publish(pool.subjects.line("anna"), hand)
        await talk.end()
        assert isinstance(talk.last, Finished) and len(worker.begun) == 1

    in_pool(server, test)


def test_nobody_hands_over_what_is_another_users(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        worker = await pool.worker()
        client = await pool.client()
        asked = request("in the name of bob")
        inbox = f"{Subjects.inbox('bob')}.x"
        hand = Hand("w-0000", "bob", inbox, asked, held=False)
        await client.publish(pool.subjects.chat("anna"), encode_hand(hand))
        forged = Hand("w-0000", "anna", inbox, asked, held=False)
        await client.publish(pool.subjects.chat("anna"), encode_hand(forged))
        await client.flush()
        talk = await pool.ask("mine")
        await talk.end()
        assert worker.begun == ["mine"]

    in_pool(server, test)
