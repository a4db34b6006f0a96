"""Which messages of a run count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta, Event, Finished, Started, Waiting
from chatdesk.providers.nats.order import Order, Place
from chatdesk.providers.nats.wire import Alive, Busy, Moved, Told

WAITING = Waiting("queued", "Second in line")


def told(worker: str, number: int, what: Event | Alive | Busy | Moved) -> Told:
    return Told("run", worker, number, what)


@given(st.lists(st.integers(0, 8), max_size=60))
def test_each_number_counts_once_and_in_its_turn(arrivals: list[int]) -> None:
    order = Order()
    counted = []
    for number in arrivals:
        before = order.next
        match order.take(told("w1", number, Delta("text", "x"))):
            case Place.EVENT:
                counted.append(number)
            case Place.GAP:
                assert number > before
            case place:
                assert place is Place.OLD
                assert number < before
    assert counted == list(range(len(counted)))


def test_life_tells_what_is_missing() -> None:
    order = Order()
    order.take(told("w1", 0, Started("m")))
    assert order.take(told("w1", -1, Alive(1))) is Place.ALIVE
    assert order.take(told("w1", -1, Alive(2))) is Place.GAP


def test_who_is_busy_has_nothing() -> None:
    order = Order()
    assert order.take(told("w1", -1, Busy())) is Place.BUSY
    assert order.worker == ""


def test_a_second_worker_is_a_stranger_once_the_first_has_begun() -> None:
    order = Order()
    order.take(told("w1", 0, Started("m")))
    assert order.take(told("w2", 0, Started("m"))) is Place.STRANGER
    assert order.take(told("w2", -1, Alive(1))) is Place.STRANGER
    assert order.worker == "w1"


def test_a_run_that_waits_moves_and_is_counted_on() -> None:
    order = Order()
    order.take(told("w1", 0, WAITING))
    order.take(told("w1", 1, Moved("w2")))
    assert (order.worker, order.next) == ("w2", 2)
    assert order.take(told("w1", -1, Alive(2))) is Place.OLD
    assert order.take(told("w2", 2, Started("m"))) is Place.EVENT
    assert order.take(told("w1", 0, WAITING)) is Place.OLD


def test_who_has_a_run_may_speak_before_it_is_said_that_it_moved() -> None:
    order = Order()
    order.take(told("w1", 0, WAITING))
    assert order.take(told("w2", 2, Started("m"))) is Place.GAP
    order.take(told("w1", 1, Moved("w2")))
    assert order.take(told("w2", 2, Started("m"))) is Place.EVENT


def test_a_run_that_waits_may_begin_anew_at_another_worker_and_come_back() -> None:
    order = Order()
    order.take(told("w1", 0, WAITING))
    assert order.take(told("w2", 0, WAITING)) is Place.EVENT
    assert order.take(told("w1", 1, WAITING)) is Place.OLD
    assert order.take(told("w1", 0, WAITING)) is Place.EVENT
    assert (order.worker, order.next) == ("w1", 1)


def test_a_run_whose_move_was_lost_is_adopted_where_it_says_what_it_is() -> None:
    order = Order()
    order.take(told("w1", 0, WAITING))
    assert not order.adopt(told("w2", 5, Finished("stop")))
    assert order.adopt(told("w2", 2, Started("m")))
    assert order.take(told("w2", 2, Started("m"))) is Place.EVENT
