"""One message of the transcript: its entry, its text, its units and their blocks.

The units of a message are, from the top: furniture (divider, name, fold of reasoning), the leaves
of the reasoning where it is unfolded, the leaves of the content (pieces of the bubble for a
person's message), and furniture again (progress, notice or error, action row). A unit is named by
a key that stays the same while others come and go: ("content", 3), ("footer", 0).
"""

from __future__ import annotations

from chatdesk.chat.messages import Status
from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.transcript.block import Block
from chatdesk.ui.transcript.bubble import Bubble, Piece, pieces
from chatdesk.ui.transcript.code import Code
from chatdesk.ui.transcript.entries import PARTS, Entry, Part
from chatdesk.ui.transcript.furniture import (
    Activity,
    Divider,
    ErrorCard,
    Footer,
    Header,
    Notice,
    ThoughtEnd,
    ThoughtHead,
)
from chatdesk.ui.transcript.inks import Inks
from chatdesk.ui.transcript.prose import LeafBlock, Prose, Rule, gap_before
from chatdesk.ui.transcript.source import Source
from chatdesk.ui.transcript.style import CODE_HEAD, CODE_PAD_Y, Style
from chatdesk.ui.transcript.table import Table

Key = tuple[str, int]


class Message:
    """The state of one entry. divider: the model sees it, but not the message before it."""

    __slots__ = (
        "_pieces",
        "activity",
        "blocks",
        "details",
        "divider",
        "entry",
        "scrolls",
        "sources",
        "unfolded",
    )

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.sources: dict[Part, Source] = {}
        self.blocks: dict[Key, Block] = {}
        # How far wide blocks are scrolled sideways, by the id of the block they are a piece of.
        self.scrolls: dict[int, int] = {}
        self.activity: tuple[str, float | None] = ("", None)
        self.unfolded = False
        self.details = False
        self.divider = False
        self._pieces: list[Piece] | None = None

    # -- text ---------------------------------------------------------------------------------

    def source(self, part: Part) -> Source:
        """The text of a part; made when first asked for."""
        found = self.sources.get(part)
        if found is None:
            found = Source(self.entry.part(part), open=self.entry.streaming)
            self.sources[part] = found
        return found

    def length(self, part: Part) -> int:
        """Characters of a part."""
        source = self.sources.get(part)
        return len(source) if source is not None else len(self.entry.part(part))

    def text(self, part: Part) -> str:
        """The text of a part as it is now."""
        source = self.sources.get(part)
        return source.text if source is not None else self.entry.part(part)

    def normal(self, part: Part) -> str:
        """The text of a part as the offsets of its blocks count it."""
        return self.text(part) if self.entry.mine else self.source(part).normal

    @property
    def parsed(self) -> bool:
        """Whether the units can be told without parsing anything."""
        if self.entry.mine:
            return self._pieces is not None
        return all(part in self.sources and self.sources[part].parsed for part in self.shown_parts)

    @property
    def shown_parts(self) -> tuple[Part, ...]:
        return ("reasoning", "content") if self.unfolded else ("content",)

    def parse(self, most: int | None = None) -> None:
        """Make the units known; most: characters to take at most, for a slice of the work."""
        if self.entry.mine:
            if self._pieces is None:
                self._pieces = pieces(self.text("content"))
            return
        for part in self.shown_parts:
            source = self.source(part)
            if not source.parsed:
                source.parse(most)
                if most is not None:
                    return

    def drop(self) -> None:
        """Forget what can be made again."""
        self._pieces = None
        self.blocks.clear()
        if not self.entry.streaming:
            for part, source in list(self.sources.items()):
                source.drop()
                if source.text == self.entry.part(part):
                    del self.sources[part]

    # -- units --------------------------------------------------------------------------------

    def head(self) -> list[str]:
        names = ["divider"] if self.divider else []
        if not self.entry.mine:
            names.append("header")
            if self.length("reasoning"):
                names.append("thought")
        return names

    def tail(self) -> list[str]:
        entry = self.entry
        names = []
        if not entry.mine:
            if entry.streaming:
                # A continued reply has text already, and may wait all the same.
                if not self.length("content") or self.activity[0]:
                    names.append("activity")
            elif entry.broken:
                names.append("error")
            elif entry.status is not Status.COMPLETE or entry.can_continue or entry.only_thought:
                names.append("notice")
        names.append("footer")
        return names

    def _middle(self) -> tuple[int, int]:
        """(leaves of the reasoning that is shown, leaves or pieces of the content)."""
        self.parse()
        if self.entry.mine:
            assert self._pieces is not None
            return 0, len(self._pieces)
        thoughts = len(self.source("reasoning").leaves) if self.unfolded else 0
        return thoughts, len(self.source("content").leaves)

    def count(self) -> int:
        thoughts, leaves = self._middle()
        end = 1 if thoughts else 0
        return len(self.head()) + thoughts + end + leaves + len(self.tail())

    def key(self, unit: int) -> Key:
        """The name of a unit."""
        head = self.head()
        if unit < len(head):
            return head[unit], 0
        unit -= len(head)
        thoughts, leaves = self._middle()
        if thoughts:
            if unit < thoughts:
                return "reasoning", unit
            unit -= thoughts
            if unit == 0:
                return "thought end", 0
            unit -= 1
        if unit < leaves:
            return "content", unit
        tail = self.tail()
        return tail[min(unit - leaves, len(tail) - 1)], 0

    def unit(self, part: Part, index: int) -> int:
        """The unit of a leaf (or of what follows the last one)."""
        before = len(self.head())
        if part == "content":
            thoughts, _leaves = self._middle()
            before += thoughts + (1 if thoughts else 0)
        return before + index

    def unit_at(self, part: Part, offset: int) -> int:
        """The unit that shows a source offset."""
        self.parse()
        if self.entry.mine:
            starts = [piece.start for piece in self._pieces or ()]
        else:
            starts = [leaf.start for leaf in self.source(part).leaves]
        low, high = 0, len(starts)
        while low < high:
            middle = (low + high) // 2
            if starts[middle] <= offset:
                low = middle + 1
            else:
                high = middle
        return self.unit(part, max(low - 1, 0))

    def span(self, part: Part) -> tuple[int, int]:
        """The first unit of a part and the one after its last."""
        thoughts, leaves = self._middle()
        first = self.unit(part, 0)
        return first, first + (thoughts if part == "reasoning" else leaves)

    # -- blocks -------------------------------------------------------------------------------

    def block(self, key: Key, style: Style, inks: Inks) -> Block:
        """The block of a unit, made or as it was made before. It may not be laid out yet."""
        found = self.blocks.get(key)
        name, index = key
        if name in ("content", "reasoning") and not self.entry.mine:
            part: Part = "content" if name == "content" else "reasoning"
            leaves = self.source(part).leaves
            leaf = leaves[index]
            previous = leaves[index - 1] if index else None
            if not (isinstance(found, LeafBlock) and found.fits(leaf, previous, style)):
                found = self._leaf_block(leaf, previous, style, part, inks)
        elif found is None:
            found = self._furniture(name, index, style)
        self.blocks[key] = found
        return found

    def _leaf_block(
        self, leaf: Leaf, previous: Leaf | None, style: Style, part: Part, inks: Inks
    ) -> Block:
        if leaf.kind == "code":
            return Code(leaf, previous, style, part, inks, (self.entry.id, part))
        if leaf.kind == "table":
            return Table(leaf, previous, style, part)
        if leaf.kind == "rule":
            return Rule(leaf, previous, style, part)
        return Prose(leaf, previous, style, part)

    def _furniture(self, name: str, index: int, style: Style) -> Block:
        entry = self.entry
        if name == "content":
            assert self._pieces is not None
            return Bubble(self.text("content"), self._pieces[index], style)
        if name == "divider":
            return Divider(style)
        if name == "header":
            return Header(entry, style)
        if name == "thought":
            thinking = entry.streaming and not self.length("content")
            return ThoughtHead(not self.unfolded, thinking, style)
        if name == "thought end":
            return ThoughtEnd()
        if name == "activity":
            return Activity(*self.activity, style, below_text=bool(self.length("content")))
        if name == "error":
            return ErrorCard(entry, self.details, style)
        if name == "notice":
            return Notice(entry, style)
        return Footer(entry, style)

    def renew(self, entry: Entry) -> None:
        """A newer state of the entry: keep what is still right of text, leaves and blocks."""
        self.entry = entry
        for part in PARTS:
            source = self.sources.get(part)
            if source is not None and not entry.streaming:
                source.close(entry.part(part))
            elif source is not None and source.text != entry.part(part):
                del self.sources[part]
        if entry.mine:
            self._pieces = None
        kept = () if entry.mine else PARTS
        for key in [key for key in self.blocks if key[0] not in kept]:
            del self.blocks[key]

    def remake(self, *names: str) -> None:
        """Make furniture anew that shows something that changed."""
        for name in names:
            self.blocks.pop((name, 0), None)

    # -- estimates ----------------------------------------------------------------------------

    def estimate(self, style: Style, width: int) -> int:
        """About how high the message is, from its length alone."""
        text = self.text("content")
        lines = 1 + text.count("\n") + int(len(text) * style.body.character / max(width, 80))
        return 80 + lines * style.body.pitch

    def estimates(self, first: int, style: Style, width: int) -> list[int]:
        """About how high each unit from first on is, from its leaf alone."""
        return [self._estimate(self.key(unit), style, width) for unit in range(first, self.count())]

    def _estimate(self, key: Key, style: Style, width: int) -> int:
        name, index = key
        pitch, character = style.body.pitch, style.body.character
        if name not in ("content", "reasoning"):
            return 32
        if self.entry.mine:
            assert self._pieces is not None
            piece = self._pieces[index]
            return pitch * (1 + int((piece.end - piece.start) * character / (width * 0.75)))
        part: Part = "content" if name == "content" else "reasoning"
        leaves = self.source(part).leaves
        leaf = leaves[index]
        gap = gap_before(leaf, leaves[index - 1] if index else None)
        if leaf.kind == "code":
            lines = 1 + sum(run.text.count("\n") for run in leaf.runs)
            ends = CODE_HEAD * leaf.first + CODE_PAD_Y * leaf.last
            return gap + lines * style.code.pitch + ends
        if leaf.kind == "table":
            return gap + len(leaf.rows) * (pitch + 13)
        length = sum(len(run.text) for run in leaf.runs)
        return gap + pitch * (1 + int(length * character / max(width, 80)))
