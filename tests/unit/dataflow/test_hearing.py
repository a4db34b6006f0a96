"""One answer is heard, whole, whoever begins it and how often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice, Started, Waiting, is_last
from chatdesk.cluster.hearing import Hearing
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.wire import Alive, Told

REPLY: tuple[Event, ...] = (
    Started("m"),
    Delta("text", "a"),
    Delta("text", "b"),
    Delta("text", "c"),
    Finished("stop"),
)


class Ear:
    """Hears messages and notes what is told of them."""

    def __init__(self) -> None:
        self.hearing = Hearing()
        self.now = 0.0
        self.events: list[Event] = []

    def hear(self, attempt: str, number: int, what: Event | Alive | None = None) -> None:
        said = REPLY[number] if what is None else what
        told = Told("run", attempt, -1 if isinstance(said, Alive) else number, said)
        self.events += self.hearing.take(told, self.now)

    @property
    def text(self) -> str:
        """What stands after the last Notice."""
        text = ""
        for event in self.events:
            if isinstance(event, Notice):
                text = ""
            elif isinstance(event, Delta):
                text += event.text
        return text

    @property
    def notices(self) -> int:
        return sum(isinstance(event, Notice) for event in self.events)

    @property
    def ended(self) -> bool:
        return bool(self.events) and is_last(self.events[-1])


def test_an_attempt_is_told_as_it_comes() -> None:
    ear = Ear()
    for number, event in enumerate(REPLY):
        ear.hear("a", number)
        assert ear.events[-1] == event
    assert ear.ended and not ear.notices and len(ear.events) == len(REPLY)


def test_a_message_that_comes_twice_is_told_once() -> None:
    ear = Ear()
    for number in (0, 1, 1, 0, 2, 3, 4):
        ear.hear("a", number)
    assert ear.text == "abc" and ear.ended


def test_what_is_missing_is_never_left_out_silently() -> None:
    ear = Ear()
    for number in (0, 1, 3):
        ear.hear("a", number)
    assert ear.text == "a" and not ear.hearing.missed
    ear.hear("a", 4)
    assert ear.text == "a" and not ear.ended and ear.hearing.missed
    ear.hearing.ask_again()
    assert not ear.hearing.missed
    for number in range(5):
        ear.hear("again", number)
    assert ear.text == "abc" and ear.ended and ear.notices == 1


def test_a_sign_of_life_shows_what_was_missed() -> None:
    ear = Ear()
    ear.hear("a", 0)
    ear.hear("a", -1, Alive(1))
    ear.hear("a", 1)
    assert ear.text == "a"
    ear.hear("a", -1, Alive(3))
    ear.hear("a", 3)
    assert ear.text == "a"


def test_one_that_fell_silent_is_replaced_and_what_it_said_is_void() -> None:
    ear = Ear()
    ear.hear("a", 0)
    ear.hear("a", 1)
    ear.now = 1.0
    for number in (0, 1, 2):  # it may still be there
        ear.hear("b", number)
    assert ear.text == "a" and not ear.notices
    ear.now = 4.0
    ear.hear("b", 3)
    assert ear.text == "abc" and ear.notices == 1
    ear.hear("b", 4)
    assert ear.ended


def test_two_that_speak_at_once_are_not_mixed_and_who_is_whole_first_counts() -> None:
    ear = Ear()
    other = (Started("m"), Delta("text", "x"), Delta("text", "y"), Finished("stop"))
    for number in range(3):
        ear.hear("a", number)
        ear.hear("b", number, other[number])
    assert ear.text == "ab" and not ear.notices
    ear.hear("b", 3, other[3])
    assert ear.text == "xy" and ear.notices == 1 and ear.ended


def test_nothing_is_void_where_nothing_was_said() -> None:
    ear = Ear()
    ear.hear("a", 0, Waiting("queued", "soon"))
    ear.now = 10.0
    ear.hear("b", 0, Failed(ProviderError("No.")))
    assert ear.ended and not ear.notices


@given(st.lists(st.sampled_from(["next", "lost", "dies", "waits"]), max_size=30))
def test_whatever_gets_lost_in_the_end_the_answer_is_heard_once(luck: list[str]) -> None:
    """The user's side of a dataflow that is killed and a connection that loses messages."""
    ear = Ear()
    attempt, number = 0, 0
    for each in [*luck, *["next"] * 20]:
        if ear.ended:
            break
        if each == "dies" or number == len(REPLY):
            attempt, number = attempt + 1, 0
            ear.now += 5.0
        elif each == "waits":
            ear.now += 1.0
            ear.hear(f"{attempt}", -1, Alive(number))
        else:
            if each == "next":
                ear.hear(f"{attempt}", number)
            number += 1
            ear.now += 0.1
        if ear.hearing.missed and not ear.ended:
            ear.hearing.ask_again()
            attempt, number = attempt + 1, 0
    assert ear.ended and ear.text == "abc"
