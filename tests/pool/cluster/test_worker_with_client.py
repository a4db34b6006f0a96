"""Workers and the client that the window has, together: what a person sees of it all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from nats_server import NatsServer
from pool_desk import Gate, Pool, in_pool, request, until

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice, Started, Waiting
from chatdesk.chat.provider import Request
from chatdesk.cluster.worker.admission import Limits
from chatdesk.providers.nats.asking import Asker

MANY = Limits(runs=0, requests=0, tokens=0)


def counted(asked: Request) -> Iterator[str]:
    """A reply of 40 words that names its question, and goes on after what is there already."""
    words = [f"{asked.messages[-1].content}.{number} " for number in range(40)]
    for word in words[len(asked.continuation.split()) :]:
        time.sleep(0.005)
        yield word


class Person:
    """Somebody who asks one thing after the other."""

    def __init__(self, asker: Asker, name: str) -> None:
        self.asker = asker
        self.name = name
        self.told: list[list[Event]] = []

    async def ask(self, text: str) -> list[Event]:
        events: list[Event] = []
        self.told.append(events)
        await self.asker.ask(request(text, conversation=self.name), events.append)
        return events

    async def talk(self, turns: int) -> None:
        for turn in range(turns):
            await self.ask(f"{self.name}-{turn}")


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def check(person: Person) -> None:
    """Every question was answered, whole, in order, with the own words and each once."""
    for turn, events in enumerate(person.told):
        assert isinstance(events[-1], Finished), events[-1]
        assert sum(isinstance(event, Started) for event in events) == 1
        expected = "".join(f"{person.name}-{turn}.{number} " for number in range(40))
        assert text(events) == expected


def test_many_talk_with_a_pool_and_each_is_answered_once_and_in_order(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        workers = [await pool.worker(counted, parallel=2, limits=MANY) for _ in range(3)]
        people = [
            Person(Asker(await pool.client(f"user{i}"), pool.subjects, f"user{i}"), f"user{i}")
            for i in range(20)
        ]
        await asyncio.gather(*(person.talk(3) for person in people))
        for person in people:
            check(person)
        assert sum(len(worker.begun) for worker in workers) == 60
        assert all(worker.begun for worker in workers)

    in_pool(server, test)


def test_a_follow_up_goes_to_who_answered_before(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        workers = [await pool.worker(limits=MANY) for _ in range(3)]
        person = Person(Asker(await pool.client(), pool.subjects, "anna"), "anna")
        await person.talk(6)
        assert sorted(len(worker.begun) for worker in workers) == [0, 0, 6]

    in_pool(server, test)


def test_a_drain_a_cut_and_a_restart_cost_no_word(own_server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        workers = [await pool.worker(counted, parallel=2, limits=MANY) for _ in range(3)]
        people = [
            Person(Asker(await pool.client(f"user{i}"), pool.subjects, f"user{i}"), f"user{i}")
            for i in range(12)
        ]
        talking = asyncio.gather(*(person.talk(3) for person in people))
        drained, cut, _ = workers
        await until(lambda: len(drained.begun) > 1 and len(cut.begun) > 1, "the first replies")
        draining = asyncio.create_task(drained.end())
        cut.worker.stop()
        await until(lambda: len(cut.said) > 1, "its word that it stops")
        await cut.end()
        await asyncio.to_thread(own_server.restart)
        await talking
        for person in people:
            check(person)
        assert await draining is True
        notices = [e for p in people for told in p.told for e in told if isinstance(e, Notice)]
        assert len(notices) <= 4  # of the replies that the worker that was cut was writing

    in_pool(own_server, test)


def test_who_waits_hears_the_place_and_then_the_reply(server: NatsServer) -> None:
    async def test(pool: Pool) -> None:
        gate = Gate()
        await pool.worker(gate)
        people = [Person(Asker(await pool.client(n), pool.subjects, n), n) for n in ("anna", "bob")]
        first = asyncio.create_task(people[0].ask("1"))
        await until(lambda: people[0].told and text(people[0].told[0]), "the first words")
        second = asyncio.create_task(people[1].ask("2"))
        await until(
            lambda: people[1].told and any(isinstance(e, Waiting) for e in people[1].told[0]),
            "the place in the line",
        )
        await pool.worker(("elsewhere",))  # and it is taken there
        told = await second
        assert text(told) == "elsewhere" and not any(isinstance(e, Failed) for e in told)
        gate.open()
        assert text(await first) == "one two three"

    in_pool(server, test)
