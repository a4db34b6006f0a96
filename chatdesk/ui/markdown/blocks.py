"""Finished blocks of Markdown: what the block parser hands out and the builder makes leaves of.

Immutable. A block that was handed out is final, except that a reference definition may come later
and turn some of its text into a link.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatdesk.ui.markdown.leaf import Alignment, Ancestor, Spacing
from chatdesk.ui.markdown.lines import RawCell

Places = tuple[tuple[int, int], ...]
"""(index in a text, source offset) wherever a text and the source part company."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands: its source range and nesting (see Leaf)."""

    start: int
    end: int
    ancestry: tuple[Ancestor, ...]
    marks: tuple[int, ...]
    spacing: Spacing
    joined: bool = False


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph (level 0) or heading, or one piece of a very long one."""

    place: Place
    level: int
    text: str
    places: Places


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One segment of a code block; pieces are (text, source offset or -1), joined as they are."""

    place: Place
    pieces: tuple[tuple[str, int], ...]
    language: str
    block_id: int
    line: int
    first: bool
    last: bool
    open: bool


@dataclass(frozen=True, slots=True)
class TableBlock:
    """One group of a table's rows, all padded to the columns. head: the rows of the first group,
    from which all groups take their column widths."""

    place: Place
    rows: tuple[tuple[RawCell, ...], ...]
    alignments: tuple[Alignment, ...]
    head: tuple[tuple[RawCell, ...], ...]
    block_id: int
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """A thematic break."""

    place: Place


Block = TextBlock | CodeBlock | TableBlock | RuleBlock
