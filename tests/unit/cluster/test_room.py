"""Room and line as a state machine: nobody is lost, nobody is counted twice, nobody jumps it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatdesk.cluster.worker.room import Room


class RoomMachine(RuleBasedStateMachine):
    """Requests come, end, are offered, taken by others or not, in any order."""

    PARALLEL, LINE = 2, 3

    def __init__(self) -> None:
        super().__init__()
        self.room: Room[int] = Room(self.PARALLEL, self.LINE)
        self.came = 0
        self.gone: list[int] = []
        self.refused: list[int] = []
        self.begun: list[int] = []
        self.ever_offered: set[int] = set()

    def _begin(self, keys: list[int]) -> None:
        assert set(keys) <= set(self.room.running)
        self.begun += keys

    @rule(may_wait=st.booleans())
    def enter(self, may_wait: bool) -> None:
        self.came += 1
        free, waiting = self.room.free, len(self.room.line)
        place = self.room.enter(self.came, may_wait=may_wait)
        if free:
            assert place == "run"
            self.begun.append(self.came)
        elif may_wait and waiting < self.LINE:
            assert place == "line" and self.room.line[-1] == self.came
        else:
            assert place == "full"
            self.refused.append(self.came)

    @precondition(lambda self: self.room.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.room.running)))
        before = self.room.line
        begun = self.room.leave(key)
        self.gone.append(key)
        assert begun == [k for k in before if not self.room.is_offered(k)][: len(begun)]
        self._begin(begun)

    @precondition(lambda self: self.room.line)
    @rule(data=st.data())
    def leave_the_line(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.room.line))
        assert self.room.leave(key) == []
        self.gone.append(key)

    @precondition(lambda self: self.room.to_offer() is not None)
    @rule()
    def offer(self) -> None:
        key = self.room.to_offer()
        assert key is not None and self.room.offer(key) and not self.room.offer(key)
        self.ever_offered.add(key)

    @precondition(lambda self: any(self.room.is_offered(key) for key in self.room.line))
    @rule(data=st.data(), taken=st.booleans())
    def decide(self, data: st.DataObject, taken: bool) -> None:
        offered = [key for key in self.room.line if self.room.is_offered(key)]
        key = data.draw(st.sampled_from(offered))
        if taken:
            self.gone.append(key)
            self._begin(self.room.leave(key))
        else:
            self._begin(self.room.declined(key))
            assert not self.room.is_offered(key)

    @invariant()
    def nobody_is_lost_or_twice(self) -> None:
        everybody = [*self.room.running, *self.room.line, *self.gone, *self.refused]
        assert sorted(everybody) == list(range(1, self.came + 1))

    @invariant()
    def the_bounds_hold(self) -> None:
        assert 0 <= self.room.free <= self.PARALLEL and len(self.room.line) <= self.LINE

    @invariant()
    def nobody_waits_beside_a_free_slot_without_a_reason(self) -> None:
        if self.room.free:
            assert all(self.room.is_offered(key) for key in self.room.line)

    @invariant()
    def who_came_first_is_first(self) -> None:
        assert list(self.room.line) == sorted(self.room.line)
        plain = [key for key in self.begun if key not in self.ever_offered]
        assert plain == sorted(plain)
        assert len(self.begun) == len(set(self.begun))


TestRoom = RoomMachine.TestCase


@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 12))
def test_as_many_run_as_there_are_slots_and_the_rest_waits(
    parallel: int, line: int, count: int
) -> None:
    room: Room[int] = Room(parallel, line)
    places = [room.enter(key) for key in range(count)]
    expected = ["run"] * parallel + ["line"] * line + ["full"] * count
    assert places == expected[:count]


def test_what_is_not_in_the_line_is_not_offered() -> None:
    room: Room[str] = Room(1, 1)
    room.enter("runs")
    assert not room.offer("runs") and not room.offer("nobody") and room.to_offer() is None


def test_leaving_twice_is_harmless() -> None:
    room: Room[str] = Room(1, 1)
    room.enter("a")
    room.enter("b")
    assert room.leave("a") == ["b"]
    assert room.leave("a") == [] and room.running == {"b"}


@pytest.mark.parametrize("taken", [True, False])
def test_a_slot_that_gets_free_goes_past_who_is_offered_elsewhere(taken: bool) -> None:
    room: Room[str] = Room(1, 2)
    for key in ("runs", "offered", "next"):
        room.enter(key)
    room.offer("offered")
    assert room.leave("runs") == ["next"]
    if taken:
        assert room.leave("offered") == [] and room.line == ()
    else:
        assert room.declined("offered") == [] and room.leave("next") == ["offered"]
