"""The block structure of Markdown, one line at a time: lines in, finished blocks out.

CommonMark's own parsing strategy (a stack of open quotes and list items, and at most one open
block inside), because it is incremental by nature: a line costs its own length and the depth of
the stack, however long the message, the list, the quote or the table is. markdown-it-py, which
does the text inside the blocks, can only parse a document whole; the tests hold the two against
each other. A parser can be copied cheaply, so a line that is not complete yet is tried on a copy.

Not thread-safe; belongs to one MarkdownStream. What it promises: a block that was handed out is
final, except that a reference definition may come later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chatdesk.ui.markdown import lines
from chatdesk.ui.markdown.chunks import (
    DEPTH,
    GROUP_ROWS,
    SEGMENT_CHARACTERS,
    SEGMENT_LINES,
    Cutter,
)
from chatdesk.ui.markdown.leaf import Alignment, Ancestor, Item, Quote, Spacing
from chatdesk.ui.markdown.lines import Cursor, RawCell

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


@dataclass(frozen=True, slots=True)
class _OpenItem:
    """A list item on the stack. indent: the columns its content is indented by. marked: a leaf
    carries its marker already. empty: nothing is inside yet. begins_list: no sibling before."""

    item: Item
    indent: int
    begins_list: bool
    marked: bool = False
    empty: bool = True


_Open = Quote | _OpenItem


@dataclass(slots=True)
class _Text:
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

    def copy(self) -> _Text:
        return replace(self, places=self.places.copy(), cutter=replace(self.cutter))


@dataclass(slots=True)
class _Code:
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

    def copy(self) -> _Code:
        return replace(self, pieces=self.pieces.copy())


@dataclass(slots=True)
class _Table:
    start: int
    spacing: Spacing
    end: int
    block_id: int
    alignments: tuple[Alignment, ...]
    rows: list[tuple[RawCell, ...]] = field(default_factory=list)
    head: tuple[tuple[RawCell, ...], ...] = ()

    def copy(self) -> _Table:
        return replace(self, rows=self.rows.copy())


class BlockParser:
    """Feed it `line`s; a line too long to wait for comes as `begin_long`, `extend`..., `end_long`.
    Take finished blocks from `blocks` (and clear it). `close` ends the document.

    define: called with the text of a paragraph that begins with "[", returns how much of it are
    reference definitions (which it remembers). None: there are none (a tentative copy).
    """

    def __init__(self, define: Callable[[str], int] | None) -> None:
        self.blocks: list[Block] = []
        self._define = define
        self._stack: list[_Open] = []
        self._leaf: _Text | _Code | _Table | None = None
        self._blank_before = True
        self._at = 0
        self._long = False
        self._tentative = False

    def tentative(self) -> BlockParser:
        """A copy to try an unfinished line on; costs the depth and one open piece."""
        other = BlockParser(None)
        other._stack = self._stack.copy()
        other._leaf = self._leaf.copy() if self._leaf is not None else None
        other._blank_before = self._blank_before
        other._long = self._long
        other._tentative = True
        return other

    # Feeding

    def line(self, text: str, at: int) -> None:
        """A whole line, without its end, that begins at a source offset."""
        self._at = at
        cursor = Cursor(text)
        matched = self._match_containers(cursor)
        self._open_blocks(cursor, matched)
        if isinstance(self._leaf, _Text) and self._leaf.level and not self._long:
            self._close_leaf()

    def begin_long(self, head: str, at: int) -> None:
        """The first LONG_LINE characters of a line that is longer than that."""
        self._long = True
        self.line(head, at)

    def extend(self, text: str, at: int) -> None:
        """More of the long line, of any length."""
        leaf = self._leaf
        if isinstance(leaf, _Text):
            leaf.text += text
            leaf.end = at + len(text)
            self._cut_text(leaf)
        elif isinstance(leaf, _Code):
            self._add_code(leaf, text, at)
        elif stripped := text.lstrip(" \t"):
            self._close_leaf()
            self._open_text(at + len(text) - len(stripped), 0)
            self.extend(stripped, at + len(text) - len(stripped))

    def end_long(self) -> None:
        self._long = False
        if isinstance(self._leaf, _Text) and self._leaf.level:
            self._close_leaf()

    def close(self) -> None:
        """The end of the document (or of what there is of it)."""
        self._close_containers(0)

    # Containers

    def _match_containers(self, cursor: Cursor) -> int:
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

    def _open_blocks(self, cursor: Cursor, matched: int) -> None:
        whole = matched == len(self._stack)
        leaf = self._leaf
        if whole and isinstance(leaf, _Code) and self._continue_code(leaf, cursor):
            return
        paragraph = isinstance(leaf, _Text)
        # Inside a matched paragraph some marks do not count; after the first new container none
        # of that matters any more.
        inside = paragraph and whole
        opened = False
        while True:
            if cursor.indent > 3:
                if not cursor.blank and (opened or not paragraph):
                    self._open_indented(cursor, matched)
                    return
                break
            if self._open_quote(cursor, matched) or self._open_item(cursor, matched, inside):
                matched = len(self._stack)
                inside = paragraph = False
                opened = True
                continue
            if self._open_leaf(cursor, matched, inside):
                return
            break
        if cursor.blank:
            self._add_blank(matched, opened)
        else:
            self._add_text(cursor, matched, lazy_allowed=paragraph and not opened)

    def _open_quote(self, cursor: Cursor, matched: int) -> bool:
        if cursor.next != ">" or matched >= DEPTH:
            return False
        self._close_containers(matched)
        self._push(Quote(self._at + cursor.nonspace))
        cursor.to_nonspace()
        cursor.advance(1)
        cursor.skip_one_space()
        return True

    def _open_item(self, cursor: Cursor, matched: int, inside: bool) -> bool:
        found = lines.MARKER.match(cursor.text, cursor.nonspace)
        if found is None or matched >= DEPTH:
            return False
        bullet, number, delimiter = found.groups()
        if lines.RULE.match(cursor.text, cursor.nonspace) and not self._long:
            return False
        ordered = number is not None
        marker: str = delimiter if ordered else bullet
        if inside and (
            (ordered and int(number) != 1) or not cursor.text[found.end() :].strip(" \t")
        ):
            return False
        indent = cursor.indent
        start = self._at + cursor.nonspace
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
                isinstance(sibling, _OpenItem)
                and sibling.item.ordered == ordered
                and sibling.item.marker == marker
            ):
                begins = False
                ordinal = sibling.item.ordinal + 1 if ordered else 0
        self._close_containers(matched)
        depth = sum(isinstance(container, _OpenItem) for container in self._stack)
        item = Item(start, depth, ordered, ordinal, marker)
        self._push(_OpenItem(item, content, begins))
        return True

    def _push(self, container: _Open) -> None:
        self._fill_item()
        self._stack.append(container)

    def _fill_item(self) -> None:
        """The innermost item has something inside now."""
        if self._stack:
            inner = self._stack[-1]
            if isinstance(inner, _OpenItem) and inner.empty:
                self._stack[-1] = replace(inner, empty=False)

    def _close_containers(self, keep: int) -> None:
        self._close_leaf()
        while len(self._stack) > keep:
            inner = self._stack[-1]
            if isinstance(inner, _OpenItem) and not inner.marked:
                # An item without content still shows its marker.
                place = self._place(inner.item.start, inner.item.start + 1, self._spacing(), False)
                self.blocks.append(TextBlock(place, 0, "", ()))
            self._stack.pop()

    # Leaves: opening

    def _open_leaf(self, cursor: Cursor, matched: int, inside: bool) -> bool:
        """Headings, fences, rules and tables: blocks a line begins whatever it stands in."""
        if self._long:
            found = lines.HEADING.match(cursor.text, cursor.nonspace)
            if found is not None:
                self._open_heading(cursor, matched, len(found.group()))
            return found is not None
        if cursor.blank:
            return False
        if inside and self._open_table(cursor):
            return True
        text, begin = cursor.text, cursor.nonspace
        if found := lines.HEADING.match(text, begin):
            self._open_heading(cursor, matched, len(found.group()))
        elif found := lines.FENCE.match(text, begin):
            self._close_containers(matched)
            start = self._leaf_start(self._at + begin)
            self._leaf = _Code(
                start, self._spacing(), self._at + len(text), start, found.group(), cursor.indent
            )
            self._leaf.language = _language(text[found.end() :])
            self._fill_item()
        elif inside and lines.SETEXT.match(text, begin) and self._underline(cursor):
            pass
        elif lines.RULE.match(text, begin):
            self._close_containers(matched)
            start, spacing = self._leaf_start(self._at + begin), self._spacing()
            self._fill_item()
            self.blocks.append(
                RuleBlock(self._place(start, self._at + len(text.rstrip()), spacing, False))
            )
        else:
            return False
        return True

    def _open_heading(self, cursor: Cursor, matched: int, level: int) -> None:
        self._close_containers(matched)
        start = self._at + cursor.nonspace
        cursor.to_nonspace()
        cursor.advance(level)
        cursor.to_nonspace()
        text, offset = cursor.rest()
        self._open_text(start, level)
        leaf = self._leaf
        assert isinstance(leaf, _Text)
        leaf.text = text
        leaf.atx = True
        leaf.places.append((0, self._at + offset))
        leaf.end = self._at + len(cursor.text)

    def _open_text(self, start: int, level: int) -> None:
        self._leaf = _Text(self._leaf_start(start), self._spacing(), start, level)
        if not level:
            self._leaf.places.append((0, start))
        else:
            self._leaf.places.clear()
        self._leaf.last_line = -1
        self._fill_item()

    def _open_indented(self, cursor: Cursor, matched: int) -> None:
        self._close_containers(matched)
        start = self._at + cursor.nonspace
        cursor.advance(4, columns=True)
        self._leaf = _Code(self._leaf_start(start), self._spacing(), start, start)
        self._fill_item()
        self._code_line(self._leaf, cursor)

    def _underline(self, cursor: Cursor) -> bool:
        """Make the open paragraph a heading, if it is one and not cut already."""
        leaf = self._leaf
        assert isinstance(leaf, _Text)
        if leaf.joined:
            return False
        self._take_definitions(leaf)
        if not leaf.text.strip():
            return False
        leaf.level = 1 if cursor.next == "=" else 2
        leaf.end = self._at + len(cursor.text.rstrip())
        self._close_leaf()
        return True

    def _is_delimiter_row(self, cursor: Cursor) -> bool:
        """Whether this line makes the open paragraph's last line a table's header."""
        leaf = self._leaf
        if not isinstance(leaf, _Text) or leaf.last_line < 0 or "|" not in leaf.text:
            return False
        alignments = lines.delimiter_row(cursor.text[cursor.nonspace :])
        if not alignments or "|" not in leaf.text[leaf.last_line :]:
            return False
        return len(lines.split_row(leaf.text[leaf.last_line :].strip(), 0)) == len(alignments)

    def _open_table(self, cursor: Cursor) -> bool:
        if not self._is_delimiter_row(cursor):
            return False
        leaf = self._leaf
        assert isinstance(leaf, _Text)
        header = leaf.text[leaf.last_line :].rstrip(" \t")
        at = leaf.places[-1][1] + leaf.last_line - leaf.places[-1][0]
        start = at
        spacing: Spacing = "loose"
        if leaf.last_line:
            leaf.text = leaf.text[: leaf.last_line - 1]
            leaf.places = [place for place in leaf.places if place[0] < leaf.last_line]
            leaf.end = at - 1
            self._close_leaf()
        elif not leaf.joined:
            start, spacing = leaf.start, leaf.spacing
        self._leaf = _Table(
            start, spacing, self._at + len(cursor.text), start,
            lines.delimiter_row(cursor.text[cursor.nonspace :]),
        )  # fmt: skip
        self._leaf.rows.append(tuple(lines.split_row(header, at)))
        return True

    # Leaves: going on

    def _continue_code(self, leaf: _Code, cursor: Cursor) -> bool:
        """Whether the line belongs to the open code block."""
        if not leaf.fence:
            if not cursor.blank and cursor.indent < 4:
                return False
            if cursor.blank:
                leaf.blanks += 1
            else:
                cursor.advance(4, columns=True)
                self._code_line(leaf, cursor)
            return True
        text = cursor.text[cursor.nonspace :].rstrip(" \t")
        if (
            cursor.indent <= 3
            and not self._long
            and len(text) >= len(leaf.fence)
            and not text.strip(leaf.fence[0])
        ):
            leaf.end = self._at + len(cursor.text)
            leaf.closed = True
            self._close_leaf()
            return True
        cursor.advance(min(leaf.fence_indent, cursor.indent), columns=True)
        self._code_line(leaf, cursor)
        return True

    def _add_blank(self, matched: int, opened: bool) -> None:
        """A blank line; or, if it opened a quote or item, nothing inside that yet."""
        self._close_containers(matched)
        if not opened:
            self._blank_before = True

    def _add_text(self, cursor: Cursor, matched: int, *, lazy_allowed: bool) -> None:
        """A line that begins no other block: more of the paragraph or table, or a new one."""
        leaf = self._leaf
        whole = matched == len(self._stack)
        start = self._at + cursor.nonspace
        if isinstance(leaf, _Text) and lazy_allowed:
            text = cursor.text[cursor.nonspace :]
            header = whole and cursor.indent <= 3 and not self._long
            leaf.text += "\n"
            leaf.last_line = len(leaf.text) if header else -1
            leaf.places.append((len(leaf.text), start))
            leaf.text += text
            leaf.end = start + len(text)
            self._cut_text(leaf)
            return
        if isinstance(leaf, _Table) and whole and not self._long:
            row = lines.split_row(cursor.text[cursor.nonspace :].rstrip(" \t"), start)
            self._add_row(leaf, row)
            leaf.end = self._at + len(cursor.text)
            return
        self._close_containers(matched)
        self._open_text(start, 0)
        opened = self._leaf
        assert isinstance(opened, _Text)
        opened.text = cursor.text[cursor.nonspace :]
        opened.end = start + len(opened.text)
        opened.last_line = -1 if self._long else 0

    def _add_row(self, leaf: _Table, row: list[RawCell]) -> None:
        if len(leaf.rows) >= GROUP_ROWS:
            self._emit_rows(leaf, last=False)
        width = len(leaf.alignments)
        empty = RawCell("", ())
        leaf.rows.append((*row[:width], *(empty,) * (width - len(row))))

    def _code_line(self, leaf: _Code, cursor: Cursor) -> None:
        for _ in range(leaf.blanks):
            self._add_code_line(leaf, "", -1)
        leaf.blanks = 0
        text, offset = cursor.rest()
        self._add_code_line(leaf, text, self._at + offset)

    def _add_code_line(self, leaf: _Code, text: str, at: int) -> None:
        if leaf.lines >= SEGMENT_LINES or (
            leaf.lines and leaf.size + len(text) >= SEGMENT_CHARACTERS
        ):
            self._emit_code(leaf, last=False)
        if leaf.lines:
            self._append_code(leaf, "\n", at - 1 if at > 0 else -1)
        leaf.lines += 1
        self._add_code(leaf, text, at)

    def _add_code(self, leaf: _Code, text: str, at: int) -> None:
        """More of the current line; the segment ends inside it where it grows too long."""
        while leaf.size + len(text) > SEGMENT_CHARACTERS:
            room = SEGMENT_CHARACTERS - leaf.size
            self._append_code(leaf, text[:room], at)
            leaf.end = at + room
            self._emit_code(leaf, last=False)
            leaf.joined, leaf.lines, leaf.line = True, 1, leaf.line - 1
            text, at = text[room:], at + room
        self._append_code(leaf, text, at)
        if at >= 0:
            leaf.end = at + len(text)

    @staticmethod
    def _append_code(leaf: _Code, text: str, at: int) -> None:
        if not text:
            return
        leaf.size += len(text)
        if leaf.pieces:
            before, source = leaf.pieces[-1]
            if (source < 0 and at < 0) or (source >= 0 and source + len(before) == at):
                leaf.pieces[-1] = (before + text, source)
                return
        leaf.pieces.append((text, at))

    def _cut_text(self, leaf: _Text) -> None:
        while True:
            cut = leaf.cutter.find(leaf.text)
            if not cut:
                return
            # Only what stands before the cut is looked at: the rest may not have come yet.
            if not leaf.joined and self._take_definitions(leaf, cut):
                continue
            self._emit_text(leaf, cut)

    # Leaves: closing

    def _close_leaf(self) -> None:
        leaf, self._leaf = self._leaf, None
        if isinstance(leaf, _Text):
            if not leaf.joined:
                self._take_definitions(leaf)
            if leaf.atx:
                leaf.text = lines.without_closing_hashes(leaf.text)
            leaf.text = leaf.text.rstrip(" \t\n")
            if leaf.text or (leaf.level and not leaf.joined):
                self._emit_text(leaf, len(leaf.text))
        elif isinstance(leaf, _Code):
            self._emit_code(leaf, last=True)
        elif isinstance(leaf, _Table):
            self._emit_rows(leaf, last=True)

    def _take_definitions(self, leaf: _Text, end: int | None = None) -> bool:
        """Take the reference definitions off the front of a paragraph; whether there were any."""
        if self._define is None or leaf.level or not leaf.text.startswith("["):
            return False
        taken = self._define(leaf.text[:end])
        if taken:
            _drop(leaf, taken)
            leaf.last_line = -1
        return taken > 0

    def _emit_text(self, leaf: _Text, end: int) -> None:
        """Hand out the first part of a text; the rest stays in the leaf as a joined one."""
        inner = self._stack[-1] if self._stack else None
        if isinstance(inner, _OpenItem) and not inner.marked and not leaf.joined and not leaf.level:
            task = lines.TASK.match(leaf.text)
            if task is not None and task.end() < end:
                item = replace(inner.item, checked=task.group(1) != " ")
                self._stack[-1] = replace(inner, item=item)
                _drop(leaf, task.end())
                end -= task.end()
        text = leaf.text[:end].rstrip(" \t\n")
        places = tuple(place for place in leaf.places if place[0] <= len(text))
        whole = end >= len(leaf.text)
        begin, source = leaf.places[-1] if whole else places[-1]
        stop = leaf.end if whole else source + len(text) - begin
        if text or not leaf.joined:
            place = self._place(leaf.start, stop, leaf.spacing, leaf.joined)
            self.blocks.append(TextBlock(place, leaf.level, text, places))
        if not whole:
            leaf.joined = True
            _drop(leaf, end + len(leaf.text[end:]) - len(leaf.text[end:].lstrip(" \t\n")))
            leaf.start = leaf.places[0][1] if leaf.places else leaf.end
            leaf.spacing = "tight"

    def _emit_code(self, leaf: _Code, *, last: bool) -> None:
        place = self._place(leaf.start, leaf.end, leaf.spacing, leaf.joined)
        still_open = self._tentative and last and bool(leaf.fence) and not leaf.closed
        self.blocks.append(
            CodeBlock(
                place, tuple(leaf.pieces), leaf.language, leaf.block_id, leaf.line,
                leaf.first, last, still_open,
            )
        )  # fmt: skip
        leaf.pieces.clear()
        leaf.line += leaf.lines
        leaf.size = leaf.lines = 0
        leaf.first = leaf.joined = False
        leaf.start = leaf.end
        leaf.spacing = "tight"

    def _emit_rows(self, leaf: _Table, *, last: bool) -> None:
        rows = tuple(leaf.rows)
        first = not leaf.head
        if first:
            leaf.head = rows
        place = self._place(leaf.start, leaf.end, leaf.spacing, False)
        self.blocks.append(
            TableBlock(place, rows, leaf.alignments, leaf.head, leaf.block_id, first, last)
        )
        leaf.rows.clear()
        leaf.start = leaf.end
        leaf.spacing = "tight"

    # Places

    def _leaf_start(self, position: int) -> int:
        """Where a leaf begins in the source: at the first marker that stands beside it."""
        for container in self._stack:
            if isinstance(container, _OpenItem) and not container.marked:
                return container.item.start
        return position

    def _spacing(self) -> Spacing:
        """Tight inside a list, unless a blank line stands before or a top-level list begins."""
        blank, self._blank_before = self._blank_before, False
        inner = self._stack[-1] if self._stack else None
        if not isinstance(inner, _OpenItem) or blank:
            return "loose"
        outer = next(c for c in self._stack if isinstance(c, _OpenItem))
        return "loose" if outer.begins_list and not outer.marked else "tight"

    def _place(self, start: int, end: int, spacing: Spacing, joined: bool) -> Place:
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


def _drop(leaf: _Text, count: int) -> None:
    """Take characters off the front of a text."""
    leaf.text = leaf.text[count:]
    places: list[tuple[int, int]] = []
    for index, source in leaf.places:
        if index >= count:
            places.append((index - count, source))
        else:
            places[:] = [(0, source + count - index)]
    leaf.places = places
    leaf.last_line = leaf.last_line - count if leaf.last_line >= count else -1
    leaf.cutter = Cutter()


def _language(info: str) -> str:
    """The label of a fence: the first word of what follows it."""
    words = info.replace("{", " ").replace("}", " ").split(maxsplit=1)
    return words[0].removeprefix(".")[:40] if words else ""
