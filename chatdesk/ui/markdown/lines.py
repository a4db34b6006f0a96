"""One line of Markdown, read from the left: columns, tabs and the marks that begin blocks.

Pure; any thread. A Cursor belongs to the one line being parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatdesk.ui.markdown.chunks import COLUMNS
from chatdesk.ui.markdown.leaf import Alignment

HEADING = re.compile(r"#{1,6}(?=[ \t]|$)")
FENCE = re.compile(r"`{3,}(?=[^`]*$)|~{3,}")
SETEXT = re.compile(r"(?:=+|-+)[ \t]*$")
RULE = re.compile(r"(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|(?:-[ \t]*){3,}$")
MARKER = re.compile(r"(?:([*+-])|(\d{1,9})([.)]))(?=[ \t]|$)")
TASK = re.compile(r"\[([ xX])\][ \t\n]+(?=\S)")
_DELIMITER_ROW = re.compile(r"[-:|][-:| \t]+$")
_DELIMITER = re.compile(r":?-+:?$")


class Cursor:
    """A place in a line, with tab stops of four columns (CommonMark's rules, partly used tabs
    included). offset counts characters, column counts columns."""

    __slots__ = ("column", "nonspace", "nonspace_column", "offset", "partial_tab", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.column = 0
        self.partial_tab = False
        self.nonspace = 0
        self.nonspace_column = 0
        self.find()

    @property
    def indent(self) -> int:
        return self.nonspace_column - self.column

    @property
    def blank(self) -> bool:
        return self.nonspace >= len(self.text)

    @property
    def next(self) -> str:
        """The first character that is no space, "" on a blank line."""
        return self.text[self.nonspace : self.nonspace + 1]

    def find(self) -> None:
        """Look for the next character that is no space, from offset on."""
        text, position, column = self.text, self.offset, self.column
        end = len(text)
        while position < end:
            character = text[position]
            if character == " ":
                column += 1
            elif character == "\t":
                column += 4 - column % 4
            else:
                break
            position += 1
        self.nonspace = position
        self.nonspace_column = column

    def to_nonspace(self) -> None:
        self.offset = self.nonspace
        self.column = self.nonspace_column
        self.partial_tab = False

    def advance(self, count: int, columns: bool = False) -> None:
        """Go on by characters, or by columns (then perhaps to the middle of a tab)."""
        text = self.text
        while count > 0 and self.offset < len(text):
            if text[self.offset] != "\t":
                self.partial_tab = False
                self.offset += 1
                self.column += 1
                count -= 1
                continue
            to_stop = 4 - self.column % 4
            if columns:
                self.partial_tab = to_stop > count
                step = min(count, to_stop)
                self.column += step
                self.offset += 0 if self.partial_tab else 1
                count -= step
            else:
                self.partial_tab = False
                self.column += to_stop
                self.offset += 1
                count -= 1
        self.find()

    def skip_one_space(self) -> None:
        if self.text[self.offset : self.offset + 1] in (" ", "\t"):
            self.advance(1, columns=True)

    def rest(self) -> tuple[str, int]:
        """What is left of the line and its offset; a partly used tab becomes its spaces."""
        if self.partial_tab:
            return " " * (4 - self.column % 4) + self.text[self.offset + 1 :], self.offset + 1
        return self.text[self.offset :], self.offset


@dataclass(frozen=True, slots=True)
class RawCell:
    """A table cell's source text. places: (index in text, source offset) wherever the two part
    company (an escaped pipe loses its backslash)."""

    text: str
    places: tuple[tuple[int, int], ...]


def without_closing_hashes(text: str) -> str:
    """A heading's text without the "#" that may close it."""
    text = text.rstrip(" \t")
    bare = text.rstrip("#")
    if bare != text and (not bare or bare[-1] in " \t"):
        return bare.rstrip(" \t")
    return text


def split_row(line: str, at: int) -> list[RawCell]:
    """The cells of a table row whose first character stands at a source offset. The empty ones
    outside the outer pipes are dropped."""
    cells: list[RawCell] = []
    begin = 0
    index = 0
    escapes: list[int] = []
    for index, character in enumerate(line):
        if character != "|":
            continue
        if index and line[index - 1] == "\\":
            escapes.append(index - 1)
        else:
            cells.append(_cell(line, begin, index, escapes, at))
            begin = index + 1
            escapes = []
    cells.append(_cell(line, begin, len(line), escapes, at))
    if cells and line.startswith("|"):
        cells.pop(0)
    if cells and begin >= len(line):
        cells.pop()
    return cells


def _cell(line: str, begin: int, end: int, escapes: list[int], at: int) -> RawCell:
    while begin < end and line[begin] in " \t":
        begin += 1
    while end > begin and line[end - 1] in " \t":
        end -= 1
    text = ""
    places: list[tuple[int, int]] = []
    position = begin
    for escape in (*escapes, end):
        places.append((len(text), at + position))
        text += line[position:escape]
        position = escape + 1
    return RawCell(text, tuple(places))


def delimiter_row(line: str) -> tuple[Alignment, ...]:
    """The alignments a table's second line gives, () if it is no such line."""
    if not _DELIMITER_ROW.match(line) or (line[0] == "-" and line[1] in " \t"):
        return ()
    parts = [part.strip(" \t") for part in line.split("|")]
    if len(parts) > COLUMNS + 2:
        return ()
    alignments: list[Alignment] = []
    for index, part in enumerate(parts):
        if not part and index in (0, len(parts) - 1):
            continue
        if not _DELIMITER.match(part):
            return ()
        left, right = part.startswith(":"), part.endswith(":")
        alignments.append(
            "center" if left and right else "right" if right else "left" if left else ""
        )
    return tuple(alignments)
