"""One reply to one client, without any connection: numbers, what is sent again, who has gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta, Failed, Finished, Started, Waiting
from chatdesk.chat.messages import Role, Usage
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.worker.replies import GONE_S, KEEP_S, Reply
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.wire import HEARTBEAT_S, Alive, Moved, Told, decode_told


class Wire:
    """A reply, its clock, and what was sent of it."""

    def __init__(self, worker: str = "w1") -> None:
        self.now = 100.0
        self.marked = 0
        request = Request("c", (PromptMessage(Role.USER, "Hi"),), run_id="run")
        self.reply = Reply(worker, "anna", "_INBOX_anna.x", request, self.now, self._mark)
        self.probes: list[bool] = []

    def _mark(self, reply: Reply) -> None:
        self.marked += 1

    def sent(self) -> list[Told]:
        """Send everything that is to be sent."""
        found = []
        while (message := self.reply.next(self.now)) is not None:
            found.append(decode_told(message[0]))
            self.probes.append(message[1])
        return found

    def tell(self, *events: object) -> None:
        for event in events:
            self.reply.tell(event, self.now)  # type: ignore[arg-type]


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_events_are_numbered_in_their_order(wire: Wire) -> None:
    wire.tell(Started("m"), Delta("text", "a"), Delta("text", "b"), Finished("stop"))
    sent = wire.sent()
    assert [told.number for told in sent] == [0, 1, 2, 3]
    assert [told.worker for told in sent] == ["w1"] * 4
    assert wire.sent() == [] and not wire.reply.has_news


def test_nothing_is_said_after_the_last_event(wire: Wire) -> None:
    wire.tell(Failed(ProviderError("No.")), Delta("text", "a"), Finished("stop"))
    assert len(wire.sent()) == 1


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(1, 10))
def test_whatever_is_asked_for_again_comes_in_order_up_to_the_end(
    wanted: list[int], pieces: int
) -> None:
    wire = Wire()
    wire.tell(Started("m"), *(Delta("text", str(i)) for i in range(pieces)), Finished("stop"))
    count = pieces + 2
    assert [told.number for told in wire.sent()] == list(range(count))
    for number in wanted:
        wire.reply.resend(number)
    again = [told.number for told in wire.sent()]
    assert again == list(range(min([count, *wanted]), count))


def test_a_quiet_run_says_that_it_goes_on_and_a_talking_one_does_not(wire: Wire) -> None:
    wire.tell(Started("m"))
    wire.sent()
    wire.now += HEARTBEAT_S / 2
    wire.reply.beat(wire.now)
    assert wire.sent() == []
    wire.now += HEARTBEAT_S / 2
    wire.reply.beat(wire.now)
    assert [(told.number, told.what) for told in wire.sent()] == [(-1, Alive(1))]
    wire.now += HEARTBEAT_S
    wire.tell(Delta("text", "a"))
    wire.reply.beat(wire.now)
    assert [told.number for told in wire.sent()] == [1]


def test_about_one_message_in_a_second_asks_if_anybody_hears_it(wire: Wire) -> None:
    wire.tell(Started("m"))
    wire.sent()
    for _ in range(20):
        wire.now += HEARTBEAT_S / 10
        wire.tell(Delta("text", "a"))
        wire.sent()
    assert wire.probes[0] and 2 <= sum(wire.probes) <= 3


def test_a_client_has_gone_when_nobody_hears_it_for_a_while(wire: Wire) -> None:
    since = wire.now
    while wire.now - since <= GONE_S:
        assert not wire.reply.is_gone(wire.now)
        wire.reply.beat(wire.now)
        wire.sent()
        wire.reply.nobody(wire.now)
        wire.now += HEARTBEAT_S
    assert wire.reply.is_gone(wire.now)


def test_a_client_that_is_heard_again_has_not_gone(wire: Wire) -> None:
    wire.tell(Started("m"))
    wire.sent()
    wire.reply.nobody(wire.now)
    for _ in range(10):  # later probes find somebody
        wire.now += HEARTBEAT_S
        wire.reply.beat(wire.now)
        wire.sent()
        assert not wire.reply.is_gone(wire.now)


def test_a_restart_of_the_server_gives_the_client_its_time_anew(wire: Wire) -> None:
    wire.tell(Started("m"))
    wire.sent()
    wire.reply.nobody(wire.now)
    wire.now += GONE_S * 5
    wire.reply.connected_again()
    assert not wire.reply.is_gone(wire.now)
    assert [told.what for told in wire.sent()] == [Alive(1)]


def test_it_is_over_when_the_client_has_it_or_never_asks(wire: Wire) -> None:
    wire.tell(Started("m"))
    wire.reply.got()  # of another attempt: this one goes on
    assert not wire.reply.is_over(wire.now)
    wire.tell(Finished("stop", Usage(completion_tokens=3)))
    assert not wire.reply.is_over(wire.now) and wire.reply.usage.completion_tokens == 3
    assert wire.reply.is_over(wire.now + KEEP_S + 1)
    wire.reply.got()
    assert wire.reply.is_over(wire.now)


def test_a_place_in_the_line_is_told_when_it_is_another_one(wire: Wire) -> None:
    for place in (3, 3, 2, 2, 1):
        wire.reply.tell_place(place, wire.now)
    whys = [told.what.why for told in wire.sent() if isinstance(told.what, Waiting)]
    assert [why.partition("; ")[2] for why in whys] == [
        "place 3 in the line",
        "place 2 in the line",
        "place 1 in the line",
    ]


def test_a_run_of_another_worker_goes_on_with_its_numbers() -> None:
    before = Wire("w1")
    before.reply.tell_place(2, before.now)
    before.reply.tell_place(1, before.now)
    after = Wire("w2")
    after.reply.went_on(before.reply.told, "w1")
    after.tell(Started("m"))
    sent = [(told.number, told.worker) for told in after.sent()]
    assert sent == [(0, "w1"), (1, "w1"), (2, "w1"), (3, "w2")]
    after.reply.resend(2)
    assert after.sent()[0].what == Moved("w2")


def test_a_run_of_which_nothing_was_told_does_not_seem_to_move() -> None:
    wire = Wire("w2")
    wire.reply.went_on((), "w1")
    wire.tell(Started("m"))
    assert [told.number for told in wire.sent()] == [0]


def test_what_the_server_does_not_carry_ends_the_reply_with_an_error(wire: Wire) -> None:
    wire.tell(Started("m"), Delta("text", "x" * 100), Delta("text", "y"), Finished("stop"))
    wire.reply.next(wire.now)
    number = wire.reply.number
    wire.reply.next(wire.now)  # this one is not carried
    wire.reply.cannot_be_sent(number, ProviderError("Too large."), wire.now)
    (last,) = wire.sent()
    assert last.number == 1 and isinstance(last.what, Failed)
