"""What a thin client hears of its prompt: one answer, whole, whoever begins it and how often.

The dataflow may begin an answer again, after a crash say, or two of them may be at the same prompt
for a moment. Each such attempt has a name, and numbers its messages from 0. One attempt is told as
it comes; another one takes its place when it falls silent, when something of it was missed, or when
the other one is whole first. Of all attempts only an answer that is kept gets its last event.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chatdesk.chat.events import Delta, Event, Notice, is_last
from chatdesk.providers.nats.wire import Alive, Busy, Moved, Told

# An attempt says that it goes on every second. Without a word for so long it has died. Seconds.
_DEAD_S = 2.5


@dataclass(slots=True)
class _Attempt:
    """events: all so far, in their order. told: how many of them. at: when it was heard last."""

    at: float
    events: list[Event] = field(default_factory=list)
    told: int = 0
    broken: bool = False  # something of it was missed
    ended: bool = False

    @property
    def whole(self) -> bool:
        return self.ended and not self.broken


class Hearing:
    """Times are seconds of one clock."""

    def __init__(self) -> None:
        self._attempts: dict[str, _Attempt] = {}
        self._current: _Attempt | None = None
        self._text = False  # some of the answer was told

    @property
    def missed(self) -> bool:
        """Whether the answer has been given, and was not heard: it has to be asked for again."""
        attempts = self._attempts.values()
        return bool(attempts) and all(attempt.ended for attempt in attempts)

    def ask_again(self) -> None:
        """It is asked for again: whatever is said from now on is another attempt."""
        self._attempts.clear()
        if self._current is not None:
            self._current.broken = True

    def take(self, told: Told, now: float) -> list[Event]:
        """What is to be told after this message; a Notice means that all text before it is void."""
        attempt = self._attempts.setdefault(told.worker, _Attempt(now))
        attempt.at = now
        match told.what:
            case Alive(following):
                attempt.broken = attempt.broken or following > len(attempt.events)
            case Busy() | Moved():
                pass
            case event:
                attempt.ended = attempt.ended or is_last(event)
                if told.number == len(attempt.events):
                    attempt.events.append(event)
                attempt.broken = attempt.broken or told.number > len(attempt.events)
        return self._go_on(attempt, now)

    def _go_on(self, attempt: _Attempt, now: float) -> list[Event]:
        current = self._current
        notice: list[Event] = []
        if current is None or (attempt is not current and _takes_over(attempt, current, now)):
            if self._text:
                notice = [Notice("The answer was interrupted and begins again.")]
                self._text = False
            current = self._current = attempt
        if current.broken:
            return notice
        events, current.told = current.events[current.told :], len(current.events)
        self._text = self._text or any(isinstance(event, Delta) for event in events)
        return [*notice, *events]


def _takes_over(attempt: _Attempt, current: _Attempt, now: float) -> bool:
    if attempt.broken or not attempt.events:
        return False
    return attempt.whole or current.broken or now - current.at > _DEAD_S
