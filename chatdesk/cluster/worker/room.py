"""Who is answered now and who waits: a worker's room and its line, as a plain state machine.

A worker answers `parallel` runs at a time. The next ones stand in its line, in the order in which
they came. One in the line may be offered to another worker; until that is decided it keeps its
place, but a slot that gets free meanwhile goes to the one behind it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Literal, TypeVar

Place = Literal["run", "line", "full"]
Key = TypeVar("Key", bound=Hashable)


class Room(Generic[Key]):
    """Every key that enters begins to run, leaves or is given away; none does two of these."""

    def __init__(self, parallel: int, longest_line: int) -> None:
        self._parallel = parallel
        self._longest_line = longest_line
        self._running: set[Key] = set()
        self._line: list[Key] = []
        self._offered: set[Key] = set()

    @property
    def free(self) -> int:
        """How many could begin now."""
        return self._parallel - len(self._running)

    @property
    def running(self) -> frozenset[Key]:
        return frozenset(self._running)

    @property
    def line(self) -> tuple[Key, ...]:
        """Who waits, the first one first; those that are offered to others too."""
        return tuple(self._line)

    def enter(self, key: Key, *, may_wait: bool = True) -> Place:
        """Take one in: it may begin at once ("run"), stands in the line, or has no place ("full").

        may_wait: otherwise it is "run" or "full".
        """
        if not self.has_place(may_wait=may_wait):
            return "full"
        if self.free > 0:
            self._running.add(key)
            return "run"
        self._line.append(key)
        return "line"

    def has_place(self, *, may_wait: bool = True) -> bool:
        """Whether one more can enter."""
        return self.free > 0 or (may_wait and len(self._line) < self._longest_line)

    def leave(self, key: Key) -> list[Key]:
        """One has ended, or was given away, wherever it was; returns those that begin now."""
        self._running.discard(key)
        self._offered.discard(key)
        if key in self._line:
            self._line.remove(key)
        return self._promote()

    def to_offer(self) -> Key | None:
        """The first in the line that is not offered to anybody yet."""
        return next((key for key in self._line if key not in self._offered), None)

    def offer(self, key: Key) -> bool:
        """Note that one in the line is offered to another worker; False where it is not there."""
        if key not in self._line or key in self._offered:
            return False
        self._offered.add(key)
        return True

    def is_offered(self, key: Key) -> bool:
        return key in self._offered

    def declined(self, key: Key) -> list[Key]:
        """Nobody else took it; returns those that begin now, perhaps this one."""
        self._offered.discard(key)
        return self._promote()

    def _promote(self) -> list[Key]:
        begun: list[Key] = []
        while self.free > 0 and (key := self.to_offer()) is not None:
            self._line.remove(key)
            self._running.add(key)
            begun.append(key)
        return begun
