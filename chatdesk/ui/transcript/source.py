"""One part of a message as text and, when it is near the viewport, as leaves.

Parsing is lazy and can be done in slices: a message far away is only a string. What was parsed can
be dropped at any time and is parsed again when it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatdesk.ui.markdown.leaf import Leaf

if TYPE_CHECKING:
    from chatdesk.ui.markdown.stream import MarkdownStream


@dataclass(slots=True)
class _Parse:
    stream: MarkdownStream
    fed: int = 0
    finished: bool = False


class Source:
    """Text that may grow, and its leaves.

    open: more text will come. Until it is closed the leaves are those of the text so far.
    """

    __slots__ = ("_parse", "_pending", "_text", "leaves", "open")

    def __init__(self, text: str, *, open: bool = False) -> None:
        self._text = text
        self._pending: list[str] = []
        self._parse: _Parse | None = None
        self.open = open
        self.leaves: list[Leaf] = []

    def __len__(self) -> int:
        return len(self._text) + sum(map(len, self._pending))

    @property
    def text(self) -> str:
        """The text as it was given."""
        if self._pending:
            self._text += "".join(self._pending)
            self._pending.clear()
        return self._text

    @property
    def normal(self) -> str:
        """The text as the leaves' offsets count it (parses what is not parsed yet)."""
        self.parse()
        assert self._parse is not None
        return self._parse.stream.source

    @property
    def parsed(self) -> bool:
        """Whether the leaves are those of the whole text."""
        parse = self._parse
        return (
            parse is not None
            and not self._pending
            and parse.fed == len(self._text)
            and (parse.finished or self.open)
        )

    def append(self, text: str) -> None:
        """More text came. The leaves change with the next parse()."""
        self._pending.append(text)

    def close(self, text: str) -> bool:
        """No more text will come and this is all of it; returns whether it is what was here."""
        self.open = False
        if text == self.text:
            return True
        self._text = text
        self.drop()
        return False

    def drop(self) -> None:
        """Forget the leaves."""
        self._parse = None
        self.leaves = []

    def parse(self, most: int | None = None) -> int | None:
        """Bring the leaves up to the text; most: characters to take at most (a slice of work).

        Returns the index of the first leaf that changed, None where none did. While a text is
        parsed in slices its leaves are not meant to be shown: `parsed` tells when they are.
        """
        text = self.text
        parse = self._parse
        if parse is None:
            # The parser is imported with the first message: an empty window needs none.
            from chatdesk.ui.markdown.stream import MarkdownStream

            parse = self._parse = _Parse(MarkdownStream())
            self.leaves = []
        first: int | None = None
        if parse.fed < len(text):
            end = len(text) if most is None else min(len(text), parse.fed + most)
            change = parse.stream.append(text[parse.fed : end])
            parse.fed = end
            first = self._apply(change.first, change.leaves)
        if parse.fed == len(text) and not self.open and not parse.finished:
            parse.finished = True
            change = parse.stream.finish()
            changed = self._apply(change.first, change.leaves)
            if changed is not None:
                first = changed if first is None else min(first, changed)
        return first

    def code(self, block_id: int) -> str:
        """The whole text of a code block."""
        return self._parse.stream.code(block_id) if self._parse is not None else ""

    def _apply(self, first: int, leaves: tuple[Leaf, ...]) -> int | None:
        if not leaves and first >= len(self.leaves):
            return None
        old = self.leaves
        # The parser may hand out leaves anew that are as they were.
        kept = 0
        while kept < len(leaves) and first + kept < len(old) and leaves[kept] == old[first + kept]:
            kept += 1
        if kept == len(leaves) and first + kept == len(old):
            return None
        first += kept
        old[first:] = leaves[kept:]
        return first
