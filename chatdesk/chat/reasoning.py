"""Splits a reply into reasoning and text: models that reason write <think>...</think> first.

Only a block at the very beginning of the reply counts, so a reply that is about the tag is left
alone. White space around the block belongs to nobody and is dropped; all other text is kept as it
is, whatever the pieces it comes in.
"""

from __future__ import annotations

from typing import Literal

from chatdesk.chat.events import Delta, DeltaKind

OPEN = "<think>"
CLOSE = "</think>"


class ReasoningSplitter:
    """Feed it a reply piece by piece. Pure; belongs to one reply.

    start: "reasoning" where the template wrote the opening tag itself, "text" where a part of the
    reply's text is written already. reasoned tells whether there was a block of reasoning.
    """

    def __init__(self, start: Literal["before", "reasoning", "text"] = "before") -> None:
        self._where: Literal["before", "reasoning", "after", "text"] = start
        self._held = ""
        self._said = False  # whether any reasoning was delivered
        self.reasoned = start == "reasoning"

    def feed(self, text: str) -> list[Delta]:
        """What this piece adds, in order."""
        if self._where == "text":
            return [Delta("text", text)] if text else []
        self._held += text
        deltas: list[Delta] = []
        if self._where == "before":
            self._begin(deltas)
        if self._where == "reasoning":
            self._reason(deltas)
        if self._where == "after":
            self._held = self._held.lstrip()
            if self._held:
                self._where = "text"
                self._give(deltas, "text", len(self._held))
        return deltas

    def finish(self) -> list[Delta]:
        """What was held back, when the reply ends."""
        deltas: list[Delta] = []
        if self._where == "before":
            self._give(deltas, "text", len(self._held))
        elif self._where == "reasoning":
            self._give(deltas, "reasoning", len(self._held.rstrip()))
        self._held = ""
        return deltas

    def _begin(self, deltas: list[Delta]) -> None:
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._held = start[len(OPEN) :]
            self._where = "reasoning"
            self.reasoned = True
        elif not OPEN.startswith(start):
            self._where = "text"
            self._give(deltas, "text", len(self._held))

    def _reason(self, deltas: list[Delta]) -> None:
        if not self._said:
            self._held = self._held.lstrip()
        end = self._held.find(CLOSE)
        if end >= 0:
            rest = self._held[end + len(CLOSE) :]
            self._give(deltas, "reasoning", len(self._held[:end].rstrip()))
            self._held = rest
            self._where = "after"
            return
        sure = len(self._held)
        for length in range(min(len(CLOSE) - 1, sure), 0, -1):
            if self._held.endswith(CLOSE[:length]):
                sure -= length
                break
        self._give(deltas, "reasoning", len(self._held[:sure].rstrip()))

    def _give(self, deltas: list[Delta], kind: DeltaKind, length: int) -> None:
        if length:
            deltas.append(Delta(kind, self._held[:length]))
            self._held = self._held[length:]
            self._said = self._said or kind == "reasoning"
