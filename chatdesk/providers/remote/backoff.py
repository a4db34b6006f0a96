"""How a server that refuses for now is tried again: when, how often, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from chatdesk.chat.events import Waiting
from chatdesk.providers.remote.problems import ServerProblem

T = TypeVar("T")

_STEP_S = 1.0  # how often the wait is told


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waits with full jitter: a random time up to a bound that doubles.

    first_s, most_s: the bound of the first wait and of any wait, in seconds. attempts: how often a
    server is asked at most; few: the same where it may never work; many: the same where nobody is
    there yet, with waits of at most brief_s. longest_s: a server that wants to be left alone for
    longer is not waited for.
    """

    first_s: float = 2.0
    most_s: float = 60.0
    attempts: int = 6
    few: int = 3
    many: int = 60
    brief_s: float = 10.0
    longest_s: float = 300.0

    def seconds(self, attempt: int, problem: ServerProblem, chance: float) -> float | None:
        """How long to wait after the given attempt (the first is 1); None: no more attempts.

        chance: a random number from 0 to 1. Never less than what the server asks for.
        """
        allowed = {"soon": self.attempts, "few": self.few, "long": self.many, None: 1}[
            problem.again
        ]
        if attempt >= allowed or (problem.after or 0.0) > self.longest_s:
            return None
        # The power is bounded: nobody asks that often, and a float would overflow.
        most = self.brief_s if problem.again == "long" else self.most_s
        bound = min(most, self.first_s * 2.0 ** min(attempt - 1, 30))
        return max(problem.after or 0.0, bound * chance)


@dataclass(frozen=True, slots=True)
class Patience:
    """Asks a server until it answers. The functions are given by tests."""

    backoff: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    now: Callable[[], datetime] = datetime.now

    async def ask(
        self,
        attempt: Callable[[], Awaitable[T]],
        tell: Callable[[Waiting], None],
        *,
        again: Callable[[], bool],
    ) -> T:
        """The result of an attempt, repeated as long as it makes sense and again() allows it.

        tell hears of every wait, at least each second. Raises what the last attempt raised.
        """
        count = 0
        while True:
            count += 1
            try:
                return await attempt()
            except ServerProblem as problem:
                if not again():
                    raise
                wait = self.backoff.seconds(count, problem, self.chance())
                if wait is None:
                    self._give_up(problem, count)
                    raise
                why = problem.why or problem.what
            while wait > 0:
                tell(Waiting("retrying", why, wait))
                step = min(_STEP_S, wait)
                await self.sleep(step)
                wait -= step

    def _give_up(self, problem: ServerProblem, count: int) -> None:
        if problem.after is not None and problem.after > self.backoff.longest_s:
            moment = self.now() + timedelta(seconds=min(problem.after, 10 * 365 * 86400))
            far = moment.date() != self.now().date()
            when = moment.strftime("%d %B %Y, %H:%M" if far else "%H:%M")
            problem.what = f"{problem.what} It asks not to be tried before {when}."
            problem.advice = f"Try again after {when}, or choose another model."
        elif count > 1:
            problem.what = f"{problem.what} It was tried {count} times."
