"""A message's Markdown while it is being written: text is appended, changed leaves come back.

The promise: whatever pieces a text comes in, after `finish` the leaves are those of the whole
text (`parser.parse`), and an append costs what it adds and what is still open at the end (at most
a few thousand characters), not what the message has become. Until then the leaves show the text
so far as if it ended here, except that a reference definition shows as text until its paragraph
is closed. A definition rebuilds the leaves that were waiting for it, wherever they are.

Not thread-safe: one thread at a time. Several streams are independent.
"""

from __future__ import annotations

from chatdesk.ui.markdown.blockparser import BlockParser
from chatdesk.ui.markdown.blocks import Block
from chatdesk.ui.markdown.build import leaves_of
from chatdesk.ui.markdown.chunks import LONG_LINE
from chatdesk.ui.markdown.inline import Inliner
from chatdesk.ui.markdown.leaf import Change, Leaf


class MarkdownStream:
    """Incremental Markdown of one text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._inliner = Inliner()
        self._parser = BlockParser(self._inliner.take_definitions)
        # The last line, as long as it has no end; its start is _line_at.
        self._partial = ""
        self._line_at = 0
        self._long = False
        self._carriage_return = False
        self._finished = False
        # What is final: blocks, their leaves, and who waits for which reference.
        self._blocks: list[Block] = []
        self._block_leaves: list[tuple[Leaf, ...]] = []
        self._waiting: dict[str, set[int]] = {}
        self._final: list[Leaf] = []
        # What may still change, after the final leaves.
        self._tail: tuple[Leaf, ...] = ()

    @property
    def source(self) -> str:
        """The text so far, as all offsets count it: line ends are "\\n", NUL is U+FFFD."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All leaves now (costs their number)."""
        return (*self._final, *self._tail)

    def __len__(self) -> int:
        """How many leaves there are now."""
        return len(self._final) + len(self._tail)

    def code(self, block_id: int) -> str:
        """The whole text of a code block, without its last line end; "" if there is none."""
        text: list[str] = []
        for leaf in self.leaves:
            if leaf.kind == "code" and leaf.block_id == block_id:
                if text and not leaf.joined:
                    text.append("\n")
                text.append(leaf.text)
        return "".join(text)

    def append(self, text: str) -> Change:
        """Add text to the end. ValueError after finish."""
        if self._finished:
            raise ValueError("the stream is finished")
        if not text:
            return Change(len(self), ())
        self._take(self._normalised(text))
        return self._update(self._try_tail())

    def finish(self) -> Change:
        """The text is complete. Doing it twice is harmless."""
        if self._finished:
            return Change(len(self), ())
        if self._carriage_return:
            self._carriage_return = False
            self._take("\n")
        self._finished = True
        if self._long:
            self._parser.end_long()
        elif self._partial:
            self._parser.line(self._partial, self._line_at)
        self._partial = ""
        self._parser.close()
        return self._update([])

    def _normalised(self, text: str) -> str:
        """The text with plain line ends; a carriage return at its end waits for the next."""
        if self._carriage_return:
            text = "\r" + text
            self._carriage_return = False
        if "\r" in text:
            if text.endswith("\r"):
                self._carriage_return = True
                text = text[:-1]
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text.replace("\0", "\ufffd") if "\0" in text else text

    def _take(self, text: str) -> None:
        """Give the parser every line that is complete, and what it need not wait for."""
        if not text:
            return
        self._parts.append(text)
        at, self._length = self._length, self._length + len(text)
        begin = 0
        while (end := text.find("\n", begin)) >= 0:
            self._add(text[begin:end], at + begin)
            self._end_line(at + end + 1)
            begin = end + 1
        self._add(text[begin:], at + begin)

    def _add(self, text: str, at: int) -> None:
        """More of the current line. A line that is already very long is not waited for."""
        if self._long:
            self._parser.extend(text, at)
            return
        line = self._partial = self._partial + text
        if len(line) <= LONG_LINE:
            return
        limit = LONG_LINE + len(line) - len(line.lstrip(" \t"))
        if len(line) > limit:
            self._parser.begin_long(line[:limit], self._line_at)
            self._parser.extend(line[limit:], self._line_at + limit)
            self._partial = ""
            self._long = True

    def _end_line(self, next_line: int) -> None:
        """The current line is complete; the next begins at an offset."""
        if self._long:
            self._parser.end_long()
            self._long = False
        else:
            self._parser.line(self._partial, self._line_at)
            self._partial = ""
        self._line_at = next_line

    def _try_tail(self) -> list[Block]:
        """The blocks of what is not final, as if the text ended here."""
        parser = self._parser.tentative()
        if self._long:
            parser.end_long()
        elif self._partial and (len(self._partial) <= LONG_LINE or not self._partial.isspace()):
            # (A line of thousands of spaces shows nothing yet; looking at it again would cost.)
            parser.line(self._partial, self._line_at)
        parser.close()
        return parser.blocks

    def _update(self, tail: list[Block]) -> Change:
        """Build the leaves of new blocks and find the first leaf that is not as it was."""
        old_final = len(self._final)
        first = self._rebuild_waiting()
        old = (*self._final[first:], *self._tail)
        if first < old_final:
            index = self._block_at(first)
            self._final[first:] = [leaf for part in self._block_leaves[index:] for leaf in part]
        for block in self._parser.blocks:
            self._blocks.append(block)
            self._block_leaves.append(())
            self._build(len(self._blocks) - 1)
            self._final.extend(self._block_leaves[-1])
        self._parser.blocks.clear()
        self._tail = tuple(leaf for block in tail for leaf in leaves_of(block, self._inliner))
        new = (*self._final[first:], *self._tail)
        same = 0
        for before, after in zip(old, new, strict=False):
            if before != after:
                break
            same += 1
        return Change(first + same, new[same:])

    def _build(self, index: int) -> None:
        """(Re)build the leaves of a final block and note which references it waits for."""
        missed = self._inliner.references.missed
        missed.clear()
        self._block_leaves[index] = leaves_of(self._blocks[index], self._inliner)
        for label in missed:
            self._waiting.setdefault(label, set()).add(index)

    def _rebuild_waiting(self) -> int:
        """Rebuild the final blocks that newly defined references belong to. Returns the index of
        the first leaf concerned: the number of final leaves if there is none."""
        affected: set[int] = set()
        for label in self._inliner.defined:
            affected |= self._waiting.pop(label, set())
        self._inliner.defined.clear()
        if not affected:
            return len(self._final)
        first = sum(map(len, self._block_leaves[: min(affected)]))
        for index in sorted(affected):
            self._build(index)
        return first

    def _block_at(self, leaf: int) -> int:
        """The index of the block whose first leaf has an index."""
        count = 0
        for index, part in enumerate(self._block_leaves):
            if count >= leaf:
                return index
            count += len(part)
        return len(self._block_leaves)
