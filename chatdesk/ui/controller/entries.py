"""How a message of the tree becomes an entry of the transcript."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping

from PySide6.QtCore import QDateTime, QLocale, QTime

from chatdesk.chat.messages import Message, Role, Status, Usage
from chatdesk.chat.tree import Tree
from chatdesk.errors import Remedy
from chatdesk.ui.meter import about
from chatdesk.ui.transcript.entries import Entry, Mend

_CUT = frozenset((Status.STOPPED, Status.INTERRUPTED, Status.FAILED))
_BROKEN = (Status.FAILED, Status.INTERRUPTED)
_REPLY = Role.ASSISTANT

# What an entry was made of: the message, its variant, whether it is left out, whether from here.
_Known = tuple[Message, tuple[int, int], bool, bool, Entry]


class Entries:
    """Makes entries, quickly also for a path of 10,000 messages. GUI thread only.

    Those of the path made last are kept, and made again only where something in them changed.
    """

    def __init__(
        self,
        remedy: Callable[[str], Remedy | None] = lambda message: None,
        here_since: Callable[[str], Mapping[str, float]] = lambda conversation: {},
    ) -> None:
        """remedy: where the error of a reply, by its id, is mended. here_since: as in Whereabouts,
        which may raise StoreError.
        """
        self._remedy = remedy
        self._here_since = here_since
        self._made: dict[str, _Known] = {}
        self._clock = Clock()

    def of(self, message: Message, tree: Tree, left_out: bool = False) -> Entry:
        """message with its text so far; tree tells its variants."""
        since = self._here_since(message.conversation_id) if message.provider else {}
        return self._of(message, tree, left_out, since)

    def _of(
        self, message: Message, tree: Tree, left_out: bool, since: Mapping[str, float]
    ) -> Entry:
        variant = tree.variant(message.id)
        here = message.created_at > since.get(message.provider or "", math.inf)
        known = self._made.get(message.id)
        if known and known[0] is message and known[1:4] == (variant, left_out, here):
            return known[4]
        reply = message.role is _REPLY
        usage = message.usage
        entry = Entry(
            id=message.id,
            role=message.role,
            content=message.content,
            reasoning=message.reasoning,
            status=message.status,
            name=_one_line(message.model) if reply else "",
            provider=_one_line(message.provider) if reply else "",
            here=here,
            error=message.error or "",
            error_retryable=message.status in _BROKEN,
            error_mend=self._mend(message),
            variant=variant,
            meter=meter(usage) if usage else "",
            meter_detail=meter_detail(usage) if usage else "",
            left_out=left_out,
            can_continue=reply and can_continue(message),
            time=self._clock.text(message.created_at),
        )
        self._made[message.id] = message, variant, left_out, here, entry
        return entry

    def _mend(self, message: Message) -> Mend:
        remedy = self._remedy(message.id) if message.status in _BROKEN else None
        if remedy is None or not remedy.provider:
            return ""
        return "key" if remedy.key else "provider"

    def all_of(self, path: Iterable[Message], tree: Tree, left_out: Container[str]) -> list[Entry]:
        """The entries of a path; those of paths before are forgotten."""
        messages = list(path)
        since = self._here_since(messages[0].conversation_id) if messages else {}
        entries = [self._of(message, tree, message.id in left_out, since) for message in messages]
        if len(self._made) > len(entries):
            self._made = {entry.id: self._made[entry.id] for entry in entries}
        return entries


class Clock:
    """Local date and time as the locale writes them in short: QLocale's own words.

    QLocale needs some 4 microseconds for each moment [measured], which is what opening a long
    conversation would cost most; of days and minutes there are few.
    """

    def __init__(self, locale: QLocale | None = None) -> None:
        self._locale = locale or QLocale()
        self._minutes: dict[int, str] = {}
        self._day = ""  # of the moment before, as messages follow each other
        self._begins = self._ends = 0  # of its minutes that can be counted, Unix seconds

    def text(self, moment: float) -> str:
        """moment: Unix seconds."""
        if not self._begins <= moment < self._ends:
            self._go_to(moment)
        minute = int(moment - self._begins) // 60
        at = self._minutes.get(minute)
        if at is None:
            time = QTime(minute // 60, minute % 60)
            at = self._locale.toString(time, QLocale.FormatType.ShortFormat)
            self._minutes[minute] = at
        return f"{self._day} {at}"

    def _go_to(self, moment: float) -> None:
        day = QDateTime.fromSecsSinceEpoch(int(moment)).date()
        self._day = self._locale.toString(day, QLocale.FormatType.ShortFormat)
        begins = day.startOfDay().toSecsSinceEpoch()
        ends = day.addDays(1).startOfDay().toSecsSinceEpoch()
        if ends - begins == 24 * 60 * 60:
            self._begins, self._ends = begins, ends
        else:  # the clocks change that day: nothing is counted across it
            at = QDateTime.fromSecsSinceEpoch(int(moment)).time()
            self._begins = int(moment) - at.msecsSinceStartOfDay() // 1000
            self._ends = int(moment) + 1


def _one_line(name: str | None) -> str:
    """A name as a server gives it, in one line that can be read."""
    if not name or name.isprintable():
        return name or ""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def can_continue(message: Message) -> bool:
    """Whether a reply ended before the model's turn was over and has text to go on from."""
    if message.role is not _REPLY or not message.content:
        return False
    return message.finish_reason == "length" or message.status in _CUT


def meter(usage: Usage | None) -> str:
    """The short line at the end of a reply, as in "41 tok/s · 0.2 s"."""
    if usage is None:
        return ""
    parts = []
    if usage.tokens_per_second:
        roughly = "≈" if usage.estimated else ""
        parts.append(f"{roughly}{usage.tokens_per_second:.0f} tok/s")
    if usage.first_token_ms is not None:
        seconds = usage.first_token_ms / 1000
        parts.append(f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.2f} s")
    return " · ".join(parts)


def meter_detail(usage: Usage | None) -> str:
    """The same in words, for the tooltip."""
    if usage is None:
        return ""
    lines = []
    # The times are measured always; counts, and what is made of them, may be estimates.
    roughly, mark = ("About ", " (estimated)") if usage.estimated else ("", "")
    if usage.tokens_per_second:
        speed = usage.tokens_per_second
        figure = f"{speed:.0f}" if usage.estimated else f"{speed:.1f}"
        lines.append(f"{roughly}{figure} tokens per second{mark}")
    if usage.first_token_ms is not None:
        lines.append(f"First token after {usage.first_token_ms / 1000:.2f} seconds")
    if usage.prompt_tokens is not None:
        cached = (
            f", {usage.cached_tokens:,} of them kept from before" if usage.cached_tokens else ""
        )
        count = about(usage.prompt_tokens) if usage.estimated else usage.prompt_tokens
        lines.append(f"{roughly}{count:,} tokens read{cached}{mark}")
    if usage.completion_tokens is not None:
        count = about(usage.completion_tokens) if usage.estimated else usage.completion_tokens
        lines.append(f"{roughly}{count:,} tokens written{mark}")
    return "\n".join(lines)
