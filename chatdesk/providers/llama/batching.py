"""How much of which prompt goes into the next decode. Pure: nothing here knows llama.cpp.

Every reply that is being written moves on by one token with each step, and nobody can be stopped
within one, so a step has to stay short. Prompts fill it up as far as that allows.
"""

from __future__ import annotations

from collections.abc import Sequence

# Seconds. A cancelled reply has to end within 100 ms, and what it waits for is the end of a step,
# which now and then takes twice as long as the one before, where others use the processor too.
SLOW_STEP = 0.050
QUICK_STEP = 0.025
FIRST_ROOM = 16
# So few tokens cost hardly more than one: the weights are read once for all of them.
LEAST_ROOM = 4


def shares(rests: Sequence[int], room: int) -> list[int]:
    """How many tokens of each prompt are evaluated together, at most `room` of all.

    rests: what of each prompt is still to be evaluated, that of the oldest request first. Everyone
    gets an equal share, so that a short prompt need not wait for the end of a long one; what one
    does not need, and what is left of the division, goes to the oldest.
    """
    given = [0] * len(rests)
    hungry = [index for index, rest in enumerate(rests) if rest > 0]
    while room > 0 and hungry:
        share = max(1, room // len(hungry))
        for index in hungry:
            part = min(share, rests[index] - given[index], room)
            given[index] += part
            room -= part
        hungry = [index for index in hungry if given[index] < rests[index]]
    return given


class Pace:
    """How many tokens of prompts a step has room for, as the steps before it took.

    largest: at most so many. room is right for this computer, this model and what else is going on
    after a few steps.
    """

    def __init__(self, largest: int) -> None:
        self._largest = max(1, largest)
        self.room = min(FIRST_ROOM, self._largest)

    def took(self, tokens: int, seconds: float) -> None:
        """A step with so many tokens of prompts took so long."""
        if not tokens:
            return  # it could not have been shorter
        if seconds > SLOW_STEP:
            fewer = max(LEAST_ROOM, min(tokens, self.room) // 2)
            self.room = min(self.room, fewer)
        elif seconds < QUICK_STEP and tokens >= self.room:
            self.room = min(self.room * 2, self._largest)
