"""The block structure of Markdown, one line at a time: lines in, finished blocks out.

CommonMark's own parsing strategy (a stack of open quotes and list items, and at most one open
block inside), because it is incremental by nature: a line costs its own length and the depth of
the stack, however long the message, the list, the quote or the table is. markdown-it-py, which
does the text inside the blocks, can only parse a document whole; the tests hold the two against
each other. A parser can be copied cheaply, so a line that is not complete yet is tried on a copy.

Not thread-safe; belongs to one MarkdownStream.
"""

from __future__ import annotations

from chatdesk.ui.markdown import lines
from chatdesk.ui.markdown.blocks import Block, RuleBlock
from chatdesk.ui.markdown.chunks import DEPTH
from chatdesk.ui.markdown.leaf import Spacing
from chatdesk.ui.markdown.lines import Cursor
from chatdesk.ui.markdown.nesting import Nesting
from chatdesk.ui.markdown.openblocks import Define, OpenCode, OpenTable, OpenText


class BlockParser:
    """Feed it `line`s; a line too long to wait for comes as `begin_long`, `extend`..., `end_long`.
    Take finished blocks from `blocks` (and clear it). `close` ends the document.

    define: called with the text of a paragraph that begins with "[", returns how much of it are
    reference definitions (which it remembers). None: there are none (a tentative copy).
    """

    def __init__(self, define: Define | None) -> None:
        self._define = define
        self._nesting = Nesting()
        self._leaf: OpenText | OpenCode | OpenTable | None = None
        self._at = 0
        self._long = False
        self._tentative = False

    @property
    def blocks(self) -> list[Block]:
        """Finished blocks, in order; the caller takes them and clears the list."""
        return self._nesting.blocks

    def tentative(self) -> BlockParser:
        """A copy to try an unfinished line on; costs the depth and one open piece."""
        other = BlockParser(None)
        other._nesting = self._nesting.copy()
        other._leaf = self._leaf.copy() if self._leaf is not None else None
        other._long = self._long
        other._tentative = True
        return other

    # Feeding

    def line(self, text: str, at: int) -> None:
        """A whole line, without its end, that begins at a source offset."""
        self._at = at
        cursor = Cursor(text)
        matched = self._nesting.match(cursor)
        self._open_blocks(cursor, matched)
        if isinstance(self._leaf, OpenText) and self._leaf.level and not self._long:
            self._close_leaf()

    def begin_long(self, head: str, at: int) -> None:
        """The first LONG_LINE characters of a line that is longer than that."""
        self._long = True
        self.line(head, at)

    def extend(self, text: str, at: int) -> None:
        """More of the long line, of any length."""
        leaf = self._leaf
        if isinstance(leaf, OpenText):
            leaf.text += text
            leaf.end = at + len(text)
            leaf.cut(self._nesting, self._define)
        elif isinstance(leaf, OpenCode):
            leaf.add(text, at, self._nesting)
        elif stripped := text.lstrip(" \t"):
            self._close_leaf()
            self._open_text(at + len(text) - len(stripped), 0)
            self.extend(stripped, at + len(text) - len(stripped))

    def end_long(self) -> None:
        self._long = False
        if isinstance(self._leaf, OpenText) and self._leaf.level:
            self._close_leaf()

    def close(self) -> None:
        """The end of the document (or of what there is of it)."""
        self._close_containers(0)

    # Opening

    def _open_blocks(self, cursor: Cursor, matched: int) -> None:
        whole = matched == len(self._nesting)
        leaf = self._leaf
        if whole and isinstance(leaf, OpenCode) and self._continue_code(leaf, cursor):
            return
        paragraph = isinstance(leaf, OpenText)
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
            if self._open_container(cursor, matched, inside):
                matched = len(self._nesting)
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

    def _open_container(self, cursor: Cursor, matched: int, inside: bool) -> bool:
        """A quote or list item that begins here."""
        if cursor.next == ">" and matched < DEPTH:
            self._close_containers(matched)
            self._nesting.open_quote(cursor, self._at)
            return True
        if not self._long and lines.RULE.match(cursor.text, cursor.nonspace):
            return False
        item = self._nesting.open_item(cursor, self._at, matched, inside)
        if item is None:
            return False
        self._close_containers(matched)
        self._nesting.push(item)
        return True

    def _close_containers(self, keep: int) -> None:
        self._close_leaf()
        self._nesting.keep(keep)

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
            start, spacing = self._nesting.start(self._at + begin), self._nesting.spacing()
            end = self._at + len(text)
            self._leaf = OpenCode(start, spacing, end, start, found.group(), cursor.indent)
            self._leaf.language = _language(text[found.end() :])
            self._nesting.fill()
        elif inside and lines.SETEXT.match(text, begin) and self._underline(cursor):
            pass
        elif lines.RULE.match(text, begin):
            self._close_containers(matched)
            start, spacing = self._nesting.start(self._at + begin), self._nesting.spacing()
            self._nesting.fill()
            self._nesting.blocks.append(
                RuleBlock(self._nesting.place(start, self._at + len(text.rstrip()), spacing))
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
        assert isinstance(leaf, OpenText)
        leaf.text = text
        leaf.atx = True
        leaf.places.append((0, self._at + offset))
        leaf.end = self._at + len(cursor.text)

    def _open_text(self, start: int, level: int) -> None:
        self._leaf = OpenText(self._nesting.start(start), self._nesting.spacing(), start, level)
        if not level:
            self._leaf.places.append((0, start))
        else:
            self._leaf.places.clear()
        self._leaf.last_line = -1
        self._nesting.fill()

    def _open_indented(self, cursor: Cursor, matched: int) -> None:
        self._close_containers(matched)
        start = self._at + cursor.nonspace
        cursor.advance(4, columns=True)
        self._leaf = OpenCode(self._nesting.start(start), self._nesting.spacing(), start, start)
        self._nesting.fill()
        self._code_line(self._leaf, cursor)

    def _underline(self, cursor: Cursor) -> bool:
        """Make the open paragraph a heading, if it is one and not cut already."""
        leaf = self._leaf
        assert isinstance(leaf, OpenText)
        if leaf.joined:
            return False
        leaf.take_definitions(self._define)
        if not leaf.text.strip():
            return False
        leaf.level = 1 if cursor.next == "=" else 2
        leaf.end = self._at + len(cursor.text.rstrip())
        self._close_leaf()
        return True

    def _open_table(self, cursor: Cursor) -> bool:
        """Make the open paragraph's last line a table's header, if this line says so."""
        leaf = self._leaf
        if not isinstance(leaf, OpenText) or not leaf.header_of(cursor.text[cursor.nonspace :]):
            return False
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
        self._leaf = OpenTable(
            start, spacing, self._at + len(cursor.text), start,
            lines.delimiter_row(cursor.text[cursor.nonspace :]),
        )  # fmt: skip
        self._leaf.rows.append(tuple(lines.split_row(header, at)))
        return True

    # Going on and closing

    def _continue_code(self, leaf: OpenCode, cursor: Cursor) -> bool:
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
            self._nesting.after_blank = True

    def _add_text(self, cursor: Cursor, matched: int, *, lazy_allowed: bool) -> None:
        """A line that begins no other block: more of the paragraph or table, or a new one."""
        leaf = self._leaf
        whole = matched == len(self._nesting)
        start = self._at + cursor.nonspace
        if isinstance(leaf, OpenText) and lazy_allowed:
            text = cursor.text[cursor.nonspace :]
            header = whole and cursor.indent <= 3 and not self._long
            leaf.text += "\n"
            leaf.last_line = len(leaf.text) if header else -1
            leaf.places.append((len(leaf.text), start))
            leaf.text += text
            leaf.end = start + len(text)
            leaf.cut(self._nesting, self._define)
            return
        if isinstance(leaf, OpenTable) and whole and not self._long:
            row = lines.split_row(cursor.text[cursor.nonspace :].rstrip(" \t"), start)
            leaf.add_row(row, self._nesting)
            leaf.end = self._at + len(cursor.text)
            return
        self._close_containers(matched)
        self._open_text(start, 0)
        opened = self._leaf
        assert isinstance(opened, OpenText)
        opened.text = cursor.text[cursor.nonspace :]
        opened.end = start + len(opened.text)
        opened.last_line = -1 if self._long else 0

    def _code_line(self, leaf: OpenCode, cursor: Cursor) -> None:
        text, offset = cursor.rest()
        leaf.add_line(text, self._at + offset, self._nesting)

    def _close_leaf(self) -> None:
        leaf, self._leaf = self._leaf, None
        if isinstance(leaf, OpenText):
            leaf.close(self._nesting, self._define)
        elif isinstance(leaf, OpenCode):
            still_open = self._tentative and bool(leaf.fence) and not leaf.closed
            leaf.emit(self._nesting, last=True, still_open=still_open)
        elif isinstance(leaf, OpenTable):
            leaf.emit(self._nesting, last=True)


def _language(info: str) -> str:
    """The label of a fence: the first word of what follows it."""
    words = info.replace("{", " ").replace("}", " ").split(maxsplit=1)
    return words[0].removeprefix(".")[:40] if words else ""
