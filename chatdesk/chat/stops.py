"""Stop sequences in streamed text.

The reply ends before the stop sequence that is complete first, however the text is cut into
pieces. No more is held back than what may still become a stop sequence.
"""

from __future__ import annotations

from collections.abc import Iterable


class StopMatcher:
    """Feed it a reply piece by piece. Pure; belongs to one reply."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple({stop for stop in stops if stop})
        self._held = ""
        self.hit = False

    def feed(self, text: str) -> str:
        """What may be shown now. Once hit is true the reply is over and nothing more comes."""
        if self.hit:
            return ""
        if not self._stops:
            return text
        text = self._held + text
        found = self._first_complete(text)
        if found is not None:
            self.hit = True
            self._held = ""
            return text[:found]
        held = self._unfinished(text)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """What was held back, when the reply ends without a stop sequence."""
        held, self._held = self._held, ""
        return held

    def _first_complete(self, text: str) -> int | None:
        """Where the stop sequence begins that ends first (of those the longest)."""
        best: tuple[int, int] | None = None
        for stop in self._stops:
            start = text.find(stop)
            if start >= 0:
                candidate = (start + len(stop), start)
                best = candidate if best is None else min(best, candidate)
        return None if best is None else best[1]

    def _unfinished(self, text: str) -> int:
        """The length of the longest end of text that begins a stop sequence."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest
