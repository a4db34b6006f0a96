"""The units the transcript lays out and paints: what Markdown becomes.

A message is a flat tuple of leaves. Each is small (a paragraph of about 600 characters, a code
segment of at most 80 lines, a group of at most 15 table rows), knows its nesting and the range of
the source it came from, and never changes: a new state of the text is a new leaf. Two leaves that
would look the same and stand at the same place are equal, so a caller may keep its layout of an
equal leaf. Nothing here knows Qt; any thread may use it.

All source offsets are code points in `MarkdownStream.source`, which is the message's text with
line ends as "\\n" and NUL as U+FFFD (so it is the text itself unless that has carriage returns).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["paragraph", "heading", "code", "table", "rule", "image"]
Spacing = Literal["tight", "loose"]
Alignment = Literal["", "left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style.

    text may hold "\\n": a line break inside the paragraph (lay it out as a line separator, not as
    a new paragraph). link is "" or an http, https or mailto address; nothing else ever gets here.
    image: the text is the label of an image, which is never fetched; link is its address, if it
    has an allowed one. math: the text is LaTeX source with its delimiters.
    source: offset of the first character in the source, -1 if unknown. literal: every character
    of text stands at source + its index (false for an entity, an escape, inline code with line
    ends), so that a position inside can be mapped exactly.
    """

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    math: bool = False
    link: str = ""
    image: bool = False
    source: int = -1
    literal: bool = True


Cell = tuple[Run, ...]
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A block quote around the leaf. start: the source offset of its first line."""

    start: int


@dataclass(frozen=True, slots=True)
class Item:
    """A list item around the leaf.

    depth: how many lists are around this one (0: a top-level list). ordinal: the number to show
    for an ordered item, counted on from the list's first number. marker: the source's own bullet
    or delimiter (one of - + * . and closing parenthesis). checked: the state of a task's box,
    None for an item that is no task. start: the source offset of the item, which tells two items
    apart.
    """

    start: int
    depth: int
    ordered: bool
    ordinal: int
    marker: str
    checked: bool | None = None

    @property
    def label(self) -> str:
        """What stands before the item: "3." or "3)", a bullet, or a ballot box."""
        if self.checked is not None:
            return "\u2611" if self.checked else "\u2610"
        if self.ordered:
            return f"{self.ordinal}{self.marker}"
        return "\u2022\u25e6\u25aa"[min(self.depth, 2)]


Ancestor = Quote | Item


@dataclass(frozen=True, slots=True)
class Leaf:
    """One unit of layout.

    start, end: source range, from the first character of the leaf's first line to the end of its
    last (markers and fences of an unsplit leaf included). runs: the text of every kind but
    "table" and "rule"; a code leaf has its code here, without the last line end.
    ancestry: quotes and list items, outermost first; marks: the indices in ancestry of the items
    whose marker stands beside this leaf (empty: it only hangs under them).
    joined: continues the leaf before it without a gap: the same paragraph, or the same overlong
    line of code. spacing: "tight" means no paragraph gap before this leaf.
    rtl: the paragraph reads right to left, by its first strong character (always false for code).

    heading: level 1 to 6.
    code: language is the label the fence gave ("" if none); block_id is the same for all segments
    of one block, and `MarkdownStream.code(block_id)` gives the whole text for Copy; first and last
    flag the segments at its ends; line is the index of the segment's first line in the block;
    open: the fence is still being written, so more may follow.
    table: rows of this group; header: rows[0] is the table's header (only in the first group);
    alignments and column_hints (widest text per column, in characters, at least 1) are the same
    in all groups of one table, so that columns line up; block_id, first and last as for code.
    image: a paragraph that is one image, shown as a labelled link.
    """

    kind: Kind
    start: int
    end: int
    runs: tuple[Run, ...] = ()
    ancestry: tuple[Ancestor, ...] = ()
    marks: tuple[int, ...] = ()
    joined: bool = False
    spacing: Spacing = "loose"
    rtl: bool = False
    level: int = 0
    language: str = ""
    block_id: int = -1
    first: bool = True
    last: bool = True
    line: int = 0
    open: bool = False
    rows: tuple[Row, ...] = ()
    header: bool = False
    alignments: tuple[Alignment, ...] = ()
    column_hints: tuple[int, ...] = ()

    @property
    def quote_depth(self) -> int:
        """How many block quotes are around the leaf."""
        return sum(isinstance(ancestor, Quote) for ancestor in self.ancestry)

    @property
    def item(self) -> Item | None:
        """The innermost list item around the leaf."""
        for ancestor in reversed(self.ancestry):
            if isinstance(ancestor, Item):
                return ancestor
        return None

    @property
    def text(self) -> str:
        """The leaf's plain text: cells parted by tabs, rows and code lines by line ends."""
        if self.kind != "table":
            return "".join(run.text for run in self.runs)
        return "\n".join(
            "\t".join("".join(run.text for run in cell) for cell in row) for row in self.rows
        )

    def source_at(self, position: int) -> int:
        """The source offset of a position in `text` (clamped; between known places: the nearest
        known one before). At the end of the text it is the end of the last run."""
        best = self.start
        for begin, run in self._placed():
            if begin > position:
                break
            if run.source < 0:
                continue
            inside = position - begin
            if inside <= 0:
                best = run.source
            elif run.literal:
                best = run.source + min(inside, len(run.text))
            else:
                best = run.source if inside < len(run.text) else max(run.source, best)
        return min(best, self.end)

    def position_at(self, source: int) -> int:
        """The position in `text` of a source offset: the inverse of source_at, as near as the
        known places allow. Before the leaf it is 0, after it the text's length."""
        if source <= self.start:
            return 0
        if source >= self.end:
            return len(self.text)
        best = 0
        for begin, run in self._placed():
            if run.source < 0:
                continue
            if run.source > source:
                break
            best = begin + min(source - run.source, len(run.text)) if run.literal else begin
        return best

    def _placed(self) -> Iterator[tuple[int, Run]]:
        """Every run with its position in the plain text."""
        position = 0
        for cell in self._cells():
            for run in cell:
                yield position, run
                position += len(run.text)
            position += 1

    def _cells(self) -> Sequence[Cell]:
        if self.kind != "table":
            return (self.runs,)
        return [cell for row in self.rows for cell in row]


@dataclass(frozen=True, slots=True)
class Change:
    """What an append did: leaves[first:] are to be replaced by `leaves` (unchanged ones before
    stay as they are). Nothing changed: `leaves` is empty and `first` is the number of leaves."""

    first: int
    leaves: tuple[Leaf, ...]


def reads_right_to_left(text: str) -> bool:
    """Whether the first strong character of a text is Hebrew, Arabic or the like."""
    for character in text:
        if character < "\u0590":
            if character.isalpha():
                return False
            continue
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False
