"""The quotes and list items that are open at a line, outermost first.

They give every block its place: its ancestry, the markers that stand beside it and the gap before
it. The finished blocks are collected here too, because an item that closes without content is one.
Copies are cheap (one list of at most DEPTH entries).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chatdesk.ui.markdown import lines
from chatdesk.ui.markdown.blocks import Block, Place, TextBlock
from chatdesk.ui.markdown.chunks import DEPTH
from chatdesk.ui.markdown.leaf import Ancestor, Item, Quote, Spacing
from chatdesk.ui.markdown.lines import Cursor


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A list item on the stack. indent: the columns its content is indented by. marked: a leaf
    carries its marker already. empty: nothing is inside yet. begins_list: no sibling before."""

    item: Item
    indent: int
    begins_list: bool
    marked: bool = False
    empty: bool = True


_Open = Quote | OpenItem


class Nesting:
    """The stack. blocks: what is finished. after_blank: a blank line stands before what comes."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.after_blank = True
        self._stack: list[_Open] = []

    def copy(self) -> Nesting:
        """The same stack, with no finished blocks."""
        other = Nesting()
        other.after_blank = self.after_blank
        other._stack = self._stack.copy()
        return other

    def __len__(self) -> int:
        return len(self._stack)

    def match(self, cursor: Cursor) -> int:
        """How many of the open quotes and items this line goes on in; the cursor goes past their
        marks."""
        matched = 0
        for container in self._stack:
            if isinstance(container, Quote):
                if cursor.indent > 3 or cursor.next != ">":
                    break
                cursor.to_nonspace()
                cursor.advance(1)
                cursor.skip_one_space()
            elif cursor.blank:
                if container.empty:
                    break
                cursor.to_nonspace()
            elif cursor.indent >= container.indent:
                cursor.advance(container.indent, columns=True)
            else:
                break
            matched += 1
        return matched

    def open_quote(self, cursor: Cursor, at: int) -> None:
        """A quote begins at the cursor, in a line at a source offset."""
        self.push(Quote(at + cursor.nonspace))
        cursor.to_nonspace()
        cursor.advance(1)
        cursor.skip_one_space()

    def open_item(self, cursor: Cursor, at: int, matched: int, inside: bool) -> OpenItem | None:
        """The list item that begins at the cursor, if one does; the cursor goes past its marker.

        matched: how many containers the line goes on in. inside: the line could also go on in a
        paragraph. The caller closes what does not go on and then gives the item to `push`.
        """
        found = lines.MARKER.match(cursor.text, cursor.nonspace)
        if found is None or matched >= DEPTH:
            return None
        bullet, number, delimiter = found.groups()
        ordered = number is not None
        marker: str = delimiter if ordered else bullet
        if inside and (
            (ordered and int(number) != 1) or not cursor.text[found.end() :].strip(" \t")
        ):
            return None
        indent = cursor.indent
        start = at + cursor.nonspace
        cursor.to_nonspace()
        cursor.advance(len(found.group()))
        spaces = cursor.indent
        if spaces > 4 or cursor.blank:
            content = indent + len(found.group()) + 1
            cursor.skip_one_space()
        else:
            content = indent + len(found.group()) + spaces
            cursor.advance(spaces, columns=True)
        ordinal = int(number) if ordered else 0
        begins = True
        if matched < len(self._stack):
            sibling = self._stack[matched]
            if (
                isinstance(sibling, OpenItem)
                and sibling.item.ordered == ordered
                and sibling.item.marker == marker
            ):
                begins = False
                ordinal = sibling.item.ordinal + 1 if ordered else 0
        before = self._stack[:matched]
        depth = sum(isinstance(container, OpenItem) for container in before)
        return OpenItem(Item(start, depth, ordered, ordinal, marker), content, begins)

    def push(self, container: _Open) -> None:
        """A container opens inside the others."""
        self.fill()
        self._stack.append(container)

    def fill(self) -> None:
        """The innermost item has something inside now."""
        if self._stack:
            inner = self._stack[-1]
            if isinstance(inner, OpenItem) and inner.empty:
                self._stack[-1] = replace(inner, empty=False)

    def keep(self, count: int) -> None:
        """Close all containers but the outermost ones."""
        while len(self._stack) > count:
            inner = self._stack[-1]
            if isinstance(inner, OpenItem) and not inner.marked:
                # An item without content still shows its marker.
                place = self.place(inner.item.start, inner.item.start + 1, self.spacing(), False)
                self.blocks.append(TextBlock(place, 0, "", ()))
            self._stack.pop()

    def task(self, checked: bool) -> None:
        """The innermost item is a task."""
        inner = self._stack[-1]
        assert isinstance(inner, OpenItem)
        self._stack[-1] = replace(inner, item=replace(inner.item, checked=checked))

    @property
    def unmarked_item(self) -> bool:
        """Whether the innermost container is an item whose marker stands beside nothing yet."""
        inner = self._stack[-1] if self._stack else None
        return isinstance(inner, OpenItem) and not inner.marked

    def start(self, position: int) -> int:
        """Where a leaf begins in the source: at the first marker that stands beside it."""
        for container in self._stack:
            if isinstance(container, OpenItem) and not container.marked:
                return container.item.start
        return position

    def spacing(self) -> Spacing:
        """Tight inside a list, unless a blank line stands before or a top-level list begins."""
        blank, self.after_blank = self.after_blank, False
        inner = self._stack[-1] if self._stack else None
        if not isinstance(inner, OpenItem) or blank:
            return "loose"
        outer = next(c for c in self._stack if isinstance(c, OpenItem))
        return "loose" if outer.begins_list and not outer.marked else "tight"

    def place(self, start: int, end: int, spacing: Spacing, joined: bool = False) -> Place:
        """The place of a block that is finished; unshown markers stand beside it."""
        ancestry: list[Ancestor] = []
        marks: list[int] = []
        for index, container in enumerate(self._stack):
            if isinstance(container, Quote):
                ancestry.append(container)
                continue
            ancestry.append(container.item)
            if not container.marked:
                marks.append(index)
                self._stack[index] = replace(container, marked=True)
        return Place(start, max(start, end), tuple(ancestry), tuple(marks), spacing, joined)
