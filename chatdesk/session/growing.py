"""A reply being written: its text so far, what of it is saved, and how it ends.

The text is appended to the database at least every CHECKPOINT seconds while it grows, at a cost
that depends on the new text alone. If saving fails nothing is dropped: the text stays here and
saving is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chatdesk.chat.events import Delta, DeltaKind
from chatdesk.chat.messages import Message, Status, Usage
from chatdesk.chat.provider import Run
from chatdesk.store import Messages

CHECKPOINT = 0.2  # seconds; the house promises 250 ms, the rest is for the front end's timer
STOP_PATIENCE = 1.0  # seconds a stopped run may take to confirm before its reply is closed
RETRY_SAVE = 1.0  # seconds until saving is tried again after the database refused; then doubled
LONGEST_RETRY = 10.0  # seconds; an attempt may wait for another process, and the window with it


@dataclass(slots=True)
class GrowingReply:
    """message is the row as it began (a continued reply begins with text)."""

    message: Message
    saved_at: float  # monotonic seconds
    run: Run | None = None
    stop_by: float | None = None  # monotonic seconds; set once the person asked to stop
    model: str | None = None
    provider: str | None = None  # where it runs, once the run has said so with its model
    end: Message | None = None  # the final row, until the database has it
    pause: float = CHECKPOINT  # seconds until the next attempt to save
    trouble: str = ""  # what was told of saving that failed
    _text: list[str] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _unsaved: list[tuple[DeltaKind, str]] = field(default_factory=list)

    def as_message(self) -> Message:
        """The message with the text that has arrived until now."""
        started = self.model is not None
        return replace(
            self.message,
            content=self.message.content + "".join(self._text),
            reasoning=self.message.reasoning + "".join(self._reasoning),
            model=self.model or self.message.model,
            provider=self.provider if started else self.message.provider,
        )

    @property
    def wrote(self) -> bool:
        """Whether any of it has come."""
        return bool(self._text or self._reasoning)

    def started(self, model: str, provider: str | None) -> None:
        """Note who writes it. provider None: it is written in Chatdesk itself."""
        self.model, self.provider = model, provider

    def grow(self, delta: Delta) -> None:
        """Take the next piece."""
        (self._text if delta.kind == "text" else self._reasoning).append(delta.text)
        self._unsaved.append((delta.kind, delta.text))

    def checkpoint_due(self, now: float) -> bool:
        """Whether text waits that should be in the database by now (monotonic seconds)."""
        return bool(self._unsaved) and self.save_due(now)

    def save_due(self, now: float) -> bool:
        """Whether it is time to save something again (monotonic seconds)."""
        return now - self.saved_at >= self.pause

    def refused(self, why: str) -> bool:
        """Saving failed; returns whether that is news."""
        self.pause = min(max(self.pause * 2, RETRY_SAVE), LONGEST_RETRY)
        news, self.trouble = why != self.trouble, why
        return news

    def checkpoint(self, messages: Messages, now: float) -> None:
        """Append what is not saved yet; raises StoreError, and what it could not save waits."""
        self.saved_at = now
        kinds: tuple[DeltaKind, ...] = ("reasoning", "text")
        for kind in kinds:
            text = "".join(piece for of, piece in self._unsaved if of == kind)
            if text:
                messages.append(self.message.id, kind, text)
                self._unsaved = [pair for pair in self._unsaved if pair[0] != kind]
        self.pause, self.trouble = CHECKPOINT, ""

    def finish(
        self,
        status: Status,
        *,
        usage: Usage | None = None,
        finish_reason: str = "",
        error: str | None = None,
    ) -> None:
        """Fix the final row; saving it is the session's."""
        self.end = replace(
            self.as_message(),
            status=status,
            usage=usage,
            finish_reason=finish_reason,
            error=error,
        )
