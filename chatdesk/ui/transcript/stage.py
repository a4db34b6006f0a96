"""What stands on the stage: messages, their geometry and the units that are visible now.

Here entries come, change and grow; every change tells the layout what became of the units, so that
what the person reads stays where it is. No widget: the view shows what is placed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chatdesk.ui.transcript.content import Content
from chatdesk.ui.transcript.entries import PARTS, Entry
from chatdesk.ui.transcript.layout import Layout
from chatdesk.ui.transcript.message import Message
from chatdesk.ui.transcript.painter import Shown
from chatdesk.ui.transcript.streaming import Piece
from chatdesk.ui.transcript.style import BOTTOM, TOP

AHEAD_SLICE = 6_000  # characters parsed at once while nothing else happens
AHEAD_VIEWPORTS = 2


class Stage:
    """Content and Layout kept in step. place() must follow every change before shown is right."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.layout = Layout(content, TOP, BOTTOM)
        self.shown: list[Shown] = []

    # -- entries ------------------------------------------------------------------------------

    def set_entries(self, entries: Iterable[Entry], to_end: bool | None) -> None:
        """Replace all entries. to_end None: go to the end if no entry is left of before, or if a
        new one stands at the end that the person wrote or that is being written."""
        known = {message.entry.id for message in self.content.messages}
        entries = [self._with_streamed_text(entry) for entry in entries]
        if to_end is None:
            last = entries[-1] if entries else None
            fresh = last is not None and last.id not in known and (last.mine or last.streaming)
            to_end = fresh or not any(entry.id in known for entry in entries)
        origins = self.content.set_entries(entries)
        self.layout.rearrange(origins, self.content.estimate)
        if to_end:
            self.layout.following = True

    def append_entry(self, entry: Entry) -> None:
        """Add an entry; one that the person wrote brings the end into view."""
        self.content.append(entry)
        self.layout.append(self.content.estimate(len(self.content) - 1))
        if entry.mine:
            self.layout.following = True

    def update_entry(self, entry: Entry) -> bool:
        """A newer state of an entry; returns whether anything is different now."""
        index = self.content.index(entry.id)
        if index is None:
            return False
        entry = self._with_streamed_text(entry)
        message = self.content.messages[index]
        if entry == message.entry:
            return False
        message.renew(entry)
        self.content.refresh_divider(index)
        self.reestimate(index)
        if self.content.refresh_divider(index + 1):
            self.reestimate(index + 1)
        return True

    def set_activity(self, entry_id: str, text: str, fraction: float | None) -> bool:
        """What happens before a reply's first word; returns whether anything is different now."""
        index = self.content.index(entry_id)
        if index is None:
            return False
        message = self.content.messages[index]
        if message.activity == (text, fraction):
            return False
        message.activity = (text, fraction)
        message.remake("activity")
        self.reestimate(index)
        return True

    def _with_streamed_text(self, entry: Entry) -> Entry:
        """An entry that is streaming here and there keeps the longer text."""
        message = self.content.find(entry.id)
        if message is None or not (entry.streaming and message.entry.streaming):
            return entry
        texts = {part: message.text(part) for part in PARTS}
        longer = {
            part: text
            for part, text in texts.items()
            if text != entry.part(part) and text.startswith(entry.part(part))
        }
        return replace(
            entry,
            content=longer.get("content", entry.content),
            reasoning=longer.get("reasoning", entry.reasoning),
        )

    def take(self, pieces: list[Piece]) -> list[tuple[int, int]]:
        """Streamed text arrived: bring what is open up to it. Returns the first changed unit of
        each entry, as (entry, unit)."""
        changed: list[tuple[int, int]] = []
        for entry_id, part, text in pieces:
            index = self.content.index(entry_id)
            if index is None:
                continue
            message = self.content.messages[index]
            before = (message.head(), message.tail())
            if part == "content":
                message.activity = ("", None)  # the words themselves tell that it goes on
            source = message.source(part)
            source.append(text)
            if not self.layout.is_open(index):
                self.layout.forget(index, self.content.estimate(index))
                continue
            if (message.head(), message.tail()) != before:
                message.remake("thought")
                self.reestimate(index)
                changed.append((index, 0))
            elif part in message.shown_parts:
                first = source.parse()
                if first is not None:
                    unit = message.unit(part, first)
                    self.layout.changed(index, unit, self.content.unit_estimates(index, unit))
                    # The caret leaves the unit before.
                    changed.append((index, max(unit - 1, 0)))
        return changed

    def reestimate(self, index: int) -> None:
        """The units of an entry are others now."""
        if self.layout.is_open(index):
            self.layout.changed(index, 0, self.content.unit_estimates(index))
        else:
            self.layout.forget(index, self.content.estimate(index))

    def toggle_fold(self, message: Message) -> None:
        """Open or close the reasoning; its first line stays where it is."""
        index = self.content.index(message.entry.id)
        if index is None or "thought" not in message.head():
            return
        self.layout.pin(index, message.head().index("thought"))
        message.unfolded = not message.unfolded
        message.remake("thought")
        self.reestimate(index)

    def toggle_details(self, message: Message) -> None:
        """Open or close the details of an error; its first line stays where it is."""
        index = self.content.index(message.entry.id)
        if index is None:
            return
        if self.shown:
            self.layout.pin(self.shown[0].placed.entry, self.shown[0].placed.unit)
        message.details = not message.details
        message.remake("error")
        self.reestimate(index)

    # -- geometry -----------------------------------------------------------------------------

    def place(self, height: int) -> None:
        """Lay out and place what a viewport of this height shows."""
        content = self.content
        self.shown = []
        for one in self.layout.place(height):
            # What was measured before may have been forgotten since.
            content.open(one.entry)
            message = content.messages[one.entry]
            key = message.key(one.unit)
            self.shown.append(Shown(one, message, key, content.block_of(message, key)))

    def positions(self) -> list[tuple[int, int, int]]:
        """(entry, unit, y) of what is visible."""
        return [(one.placed.entry, one.placed.unit, one.placed.y) for one in self.shown]

    def set_width(self, width: int) -> bool:
        """The column's width; returns whether it is another one."""
        if width == self.content.width:
            return False
        self.content.width = width
        self.layout.invalidate()
        return True

    def parse_ahead(self, height: int) -> bool:
        """Parse a slice of what is about to come into view; returns whether there may be more."""
        if not self.layout.placed:
            return False
        reach = AHEAD_VIEWPORTS * height
        first, last = self.layout.placed[0].entry, self.layout.placed[-1].entry
        for step, start in ((-1, first - 1), (1, last + 1)):
            index, covered = start, 0
            while covered < reach and 0 <= index < len(self.content):
                message = self.content.messages[index]
                if not message.parsed and not message.entry.streaming:
                    self.content.open(index, AHEAD_SLICE)
                    return True
                covered += self.layout.height_of(index)
                index += step
        return False
