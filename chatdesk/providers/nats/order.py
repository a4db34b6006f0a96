"""Which of a run's messages count: those of one worker, each once, in the order of their numbers.

A run may change hands as long as it only waits. Its worker says so (Moved), and the other one
counts on; or it asks the pool again, and whoever takes the run counts from 0. Once one has begun,
whoever else speaks is a stranger.
"""

from __future__ import annotations

from enum import Enum, auto

from chatdesk.chat.events import Notice, Started, Waiting
from chatdesk.providers.nats.wire import Alive, Busy, Moved, Told


class Place(Enum):
    """What a message is. EVENT: the next one. GAP: something before it is missing. ALIVE: a sign
    of its worker, nothing is missing. OLD: it was told before, or does not matter. BUSY: who was
    asked has no room. STRANGER: a second worker is at the same run.
    """

    EVENT = auto()
    GAP = auto()
    ALIVE = auto()
    OLD = auto()
    BUSY = auto()
    STRANGER = auto()


class Order:
    """worker: who has the run, "" as long as nobody does. next: the number that is awaited.

    begun: it has done more than to let it wait.
    """

    def __init__(self) -> None:
        self.worker = ""
        self.next = 0
        self.begun = False
        self._left: set[str] = set()

    def take(self, told: Told) -> Place:
        """What the next message that arrived is; after EVENT the one with the next number is
        awaited.
        """
        what = told.what
        if told.worker != self.worker:
            place = self._other(told)
            if place is not None:
                return place
        if isinstance(what, Busy):
            return Place.OLD
        if isinstance(what, Alive):
            return Place.GAP if what.next > self.next else Place.ALIVE
        if told.number < self.next:
            return Place.OLD
        if told.number > self.next:
            return Place.GAP
        self.next += 1
        if isinstance(what, Moved):
            self._hand_over(what.to)
            return Place.ALIVE
        self.begun = self.begun or not isinstance(what, Waiting | Notice)
        return Place.EVENT

    def adopt(self, told: Told) -> bool:
        """Let the one who speaks have a run that only waited, although nobody said that it moved:
        what did may be gone. Whether it was done.
        """
        fits = isinstance(told.what, Waiting | Started) and not self.begun
        if fits and told.worker not in (self.worker, *self._left):
            self._hand_over(told.worker)
            self.next = told.number
            return True
        return False

    def _other(self, told: Told) -> Place | None:
        """What a message of another worker than the run's is; None where it is the run's now."""
        if isinstance(told.what, Busy):
            return Place.OLD if self.worker else Place.BUSY
        if self.begun:
            return Place.OLD if told.worker in self._left else Place.STRANGER
        if not self.worker:
            self.worker = told.worker
        elif told.number == 0:
            self._hand_over(told.worker)
            self.next = 0
        elif told.worker in self._left:
            return Place.OLD  # on its way when the run changed hands
        else:
            return Place.GAP  # it has the run, which was said in what is missing
        return None

    def _hand_over(self, worker: str) -> None:
        self._left.add(self.worker)
        self._left.discard(worker)
        self.worker = worker
