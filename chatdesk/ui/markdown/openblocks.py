"""The one block that is open at a line and grows: a text, a code block or a table.

Each hands out finished parts as it grows (a piece of a very long paragraph, a segment of code, a
group of rows), so that what is open stays small and can be copied cheaply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chatdesk.ui.markdown import lines
from chatdesk.ui.markdown.blocks import CodeBlock, TableBlock, TextBlock
from chatdesk.ui.markdown.chunks import (
    GROUP_ROWS,
    SEGMENT_CHARACTERS,
    SEGMENT_LINES,
    Cutter,
)
from chatdesk.ui.markdown.leaf import Alignment, Spacing
from chatdesk.ui.markdown.lines import RawCell
from chatdesk.ui.markdown.nesting import Nesting

Define = Callable[[str], int]
"""Takes the reference definitions off the front of a paragraph; how long they are."""


@dataclass(slots=True)
class OpenText:
    """A paragraph (level 0) or heading."""

    start: int
    spacing: Spacing
    end: int
    level: int = 0
    text: str = ""
    places: list[tuple[int, int]] = field(default_factory=list)
    atx: bool = False
    joined: bool = False
    cutter: Cutter = field(default_factory=Cutter)
    last_line: int = 0
    """Index in text where the last line begins, if that may be a table's header, or -1."""

    def copy(self) -> OpenText:
        return replace(self, places=self.places.copy(), cutter=replace(self.cutter))

    def cut(self, nesting: Nesting, define: Define | None) -> None:
        """Hand out what has grown too long."""
        while True:
            cut = self.cutter.find(self.text)
            if not cut:
                return
            # Only what stands before the cut is looked at: the rest may not have come yet.
            if not self.joined and self.take_definitions(define, cut):
                continue
            self.emit(nesting, cut)

    def take_definitions(self, define: Define | None, end: int | None = None) -> bool:
        """Take the reference definitions off the front of a paragraph; whether there were any."""
        if define is None or self.level or not self.text.startswith("["):
            return False
        taken = define(self.text[:end])
        if taken:
            self._drop(taken)
            self.last_line = -1
        return taken > 0

    def emit(self, nesting: Nesting, end: int) -> None:
        """Hand out the first part of a text; the rest stays in the leaf as a joined one."""
        if nesting.unmarked_item and not self.joined and not self.level:
            task = lines.TASK.match(self.text)
            if task is not None and task.end() < end:
                nesting.task(task.group(1) != " ")
                self._drop(task.end())
                end -= task.end()
        text = self.text[:end].rstrip(" \t\n")
        places = tuple(place for place in self.places if place[0] <= len(text))
        whole = end >= len(self.text)
        begin, source = self.places[-1] if whole else places[-1]
        stop = self.end if whole else source + len(text) - begin
        if text or not self.joined:
            place = nesting.place(self.start, stop, self.spacing, self.joined)
            nesting.blocks.append(TextBlock(place, self.level, text, places))
        if not whole:
            self.joined = True
            self._drop(end + len(self.text[end:]) - len(self.text[end:].lstrip(" \t\n")))
            self.start = self.places[0][1] if self.places else self.end
            self.spacing = "tight"

    def close(self, nesting: Nesting, define: Define | None) -> None:
        """It is complete."""
        if not self.joined:
            self.take_definitions(define)
        if self.atx:
            self.text = lines.without_closing_hashes(self.text)
        self.text = self.text.rstrip(" \t\n")
        if self.text or (self.level and not self.joined):
            self.emit(nesting, len(self.text))

    def header_of(self, delimiters: str) -> bool:
        """Whether a line of delimiters makes the last line a table's header."""
        header = self.text[self.last_line :] if self.last_line >= 0 else ""
        alignments = lines.delimiter_row(delimiters)
        if not alignments or "|" not in header:
            return False
        return len(lines.split_row(header.strip(), 0)) == len(alignments)

    def _drop(self, count: int) -> None:
        """Take characters off the front of a text."""
        self.text = self.text[count:]
        places: list[tuple[int, int]] = []
        for index, source in self.places:
            if index >= count:
                places.append((index - count, source))
            else:
                places[:] = [(0, source + count - index)]
        self.places = places
        self.last_line = self.last_line - count if self.last_line >= count else -1
        self.cutter = Cutter()


@dataclass(slots=True)
class OpenCode:
    """A code block: fenced, or indented (fence is "")."""

    start: int
    spacing: Spacing
    end: int
    block_id: int
    fence: str = ""
    fence_indent: int = 0
    language: str = ""
    pieces: list[tuple[str, int]] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    line: int = 0
    blanks: int = 0
    first: bool = True
    joined: bool = False
    closed: bool = False

    def copy(self) -> OpenCode:
        return replace(self, pieces=self.pieces.copy())

    def add_line(self, text: str, at: int, nesting: Nesting) -> None:
        """A line of code that stands at a source offset."""
        for _ in range(self.blanks):
            self._add_line("", -1, nesting)
        self.blanks = 0
        self._add_line(text, at, nesting)

    def _add_line(self, text: str, at: int, nesting: Nesting) -> None:
        if self.lines >= SEGMENT_LINES or (
            self.lines and self.size + len(text) >= SEGMENT_CHARACTERS
        ):
            self.emit(nesting, last=False)
        if self.lines:
            self._append("\n", at - 1 if at > 0 else -1)
        self.lines += 1
        self.add(text, at, nesting)

    def add(self, text: str, at: int, nesting: Nesting) -> None:
        """More of the current line; the segment ends inside it where it grows too long."""
        while self.size + len(text) > SEGMENT_CHARACTERS:
            room = SEGMENT_CHARACTERS - self.size
            self._append(text[:room], at)
            self.end = at + room
            self.emit(nesting, last=False)
            self.joined, self.lines, self.line = True, 1, self.line - 1
            text, at = text[room:], at + room
        self._append(text, at)
        if at >= 0:
            self.end = at + len(text)

    def _append(self, text: str, at: int) -> None:
        """More text; it joins the piece before it where the source does."""
        if not text:
            return
        self.size += len(text)
        if self.pieces:
            before, source = self.pieces[-1]
            if (source < 0 and at < 0) or (source >= 0 and source + len(before) == at):
                self.pieces[-1] = (before + text, source)
                return
        self.pieces.append((text, at))

    def emit(self, nesting: Nesting, *, last: bool, still_open: bool = False) -> None:
        """Hand out the segment."""
        place = nesting.place(self.start, self.end, self.spacing, self.joined)
        nesting.blocks.append(
            CodeBlock(
                place, tuple(self.pieces), self.language, self.block_id, self.line,
                self.first, last, still_open,
            )
        )  # fmt: skip
        self.pieces.clear()
        self.line += self.lines
        self.size = self.lines = 0
        self.first = self.joined = False
        self.start = self.end
        self.spacing = "tight"


@dataclass(slots=True)
class OpenTable:
    """A table; rows are those of the group that is not full yet."""

    start: int
    spacing: Spacing
    end: int
    block_id: int
    alignments: tuple[Alignment, ...]
    rows: list[tuple[RawCell, ...]] = field(default_factory=list)
    head: tuple[tuple[RawCell, ...], ...] = ()

    def copy(self) -> OpenTable:
        return replace(self, rows=self.rows.copy())

    def add_row(self, row: list[RawCell], nesting: Nesting) -> None:
        """A row, cut or filled to the columns."""
        if len(self.rows) >= GROUP_ROWS:
            self.emit(nesting, last=False)
        width = len(self.alignments)
        empty = RawCell("", ())
        self.rows.append((*row[:width], *(empty,) * (width - len(row))))

    def emit(self, nesting: Nesting, *, last: bool) -> None:
        """Hand out the group."""
        rows = tuple(self.rows)
        first = not self.head
        if first:
            self.head = rows
        place = nesting.place(self.start, self.end, self.spacing, False)
        nesting.blocks.append(
            TableBlock(place, rows, self.alignments, self.head, self.block_id, first, last)
        )
        self.rows.clear()
        self.start = self.end
        self.spacing = "tight"
