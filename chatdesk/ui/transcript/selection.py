"""What is selected: two places in source text, which survive any change of layout.

A place is (entry id, part, source offset). A selection inside one paragraph copies what is shown;
over whole paragraphs it copies the Markdown they came from; over whole messages their text.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.transcript.content import Content
from chatdesk.ui.transcript.entries import Part
from chatdesk.ui.transcript.message import Message

BETWEEN_MESSAGES = "\n\n"
_ORDER: dict[Part, int] = {"reasoning": 0, "content": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the text of a message."""

    entry_id: str
    part: Part
    offset: int


class Selection:
    """A range of places. anchor: where it began; head: where it ends now."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.anchor: Place | None = None
        self.head: Place | None = None

    def set(self, anchor: Place | None, head: Place | None) -> None:
        self.anchor, self.head = anchor, head

    def clear(self) -> None:
        self.anchor = self.head = None

    @property
    def empty(self) -> bool:
        ordered = self.ordered()
        return ordered is None or ordered[0] == ordered[1]

    def key(self, place: Place) -> tuple[int, int, int]:
        """Places in reading order."""
        index = self._content.index(place.entry_id)
        return (-1 if index is None else index, _ORDER[place.part], place.offset)

    def ordered(self) -> tuple[Place, Place] | None:
        """(first, last) in reading order, None where nothing is selected."""
        if self.anchor is None or self.head is None:
            return None
        if self._content.index(self.anchor.entry_id) is None:
            return None
        if self._content.index(self.head.entry_id) is None:
            return None
        first, last = sorted((self.anchor, self.head), key=self.key)
        return first, last

    def range_in(self, entry: int, part: Part) -> tuple[int, int] | None:
        """The selected source range of a part of an entry; its end may be past the text's."""
        ordered = self.ordered()
        if ordered is None:
            return None
        first, last = self.key(ordered[0]), self.key(ordered[1])
        here = (entry, _ORDER[part])
        if here < first[:2] or here > last[:2]:
            return None
        start = first[2] if here == first[:2] else 0
        end = last[2] if here == last[:2] else 1 << 60
        return (start, end) if start < end else None

    def text(self) -> str:
        """What Ctrl+C copies."""
        ordered = self.ordered()
        if ordered is None:
            return ""
        found = []
        first, last = self.key(ordered[0])[0], self.key(ordered[1])[0]
        for index in range(first, last + 1):
            message = self._content.messages[index]
            for part in message.shown_parts:
                selected = self.range_in(index, part)
                if selected is not None:
                    piece = _selected(message, part, *selected)
                    if piece:
                        found.append(piece)
        return BETWEEN_MESSAGES.join(found)


def _selected(message: Message, part: Part, start: int, end: int) -> str:
    if start <= 0 and end >= message.length(part):
        return message.text(part)
    if message.entry.mine:
        return message.text(part)[start:end]
    source = message.source(part)
    text = source.normal
    touched = [leaf for leaf in source.leaves if leaf.end > start and leaf.start < end]
    pieces: list[str] = []
    before: Leaf | None = None
    in_one_block = len({leaf.block_id if leaf.kind == "code" else None for leaf in touched}) == 1
    for leaf in touched:
        shown = leaf.text
        a, b = leaf.position_at(start), leaf.position_at(end)
        # Code alone is copied without its fence, whatever part of it was selected.
        plain = leaf.kind == "code" and in_one_block
        whole = a == 0 and b >= len(shown) and not plain
        if before is not None:
            pieces.append("\n" if plain else text[before.end : leaf.start] or "\n")
        pieces.append(text[leaf.start : leaf.end] if whole else shown[a:b])
        before = leaf
    return "".join(pieces)
