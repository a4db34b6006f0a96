"""A table's rows: cells laid out one by one, thin borders, columns of one width in all groups.

Column widths come from the leaf's hints, which are the same in every group of one table, so groups
line up without knowing each other. Where the columns are too many for the measure they keep a
least width and the table scrolls sideways.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from chatdesk.ui.markdown.leaf import Leaf, Run, reads_right_to_left
from chatdesk.ui.transcript.block import Look, Target, card, rounded
from chatdesk.ui.transcript.entries import Part
from chatdesk.ui.transcript.flow import Flow
from chatdesk.ui.transcript.prose import LeafBlock, link_at, paint_runs, run_spans
from chatdesk.ui.transcript.style import (
    CELL_LEAST,
    CELL_PAD_X,
    CELL_PAD_Y,
    RADIUS_SMALL,
    Face,
    Style,
)

_ALIGN = {
    "": Qt.AlignmentFlag.AlignLeading,
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


@dataclass(slots=True)
class _Cell:
    flow: Flow
    runs: tuple[Run, ...]
    first: int  # the position of its text in the block's text
    x: int = 0
    y: int = 0


class Table(LeafBlock):
    """One group of rows."""

    def __init__(self, leaf: Leaf, previous: Leaf | None, style: Style, part: Part) -> None:
        super().__init__(leaf, previous, style, part)
        self._rows: list[list[_Cell]] = []
        position = 0
        for index, row in enumerate(leaf.rows):
            head = leaf.header and index == 0
            cells = []
            for column, runs in enumerate(row):
                text = "".join(run.text for run in runs)
                cells.append(
                    _Cell(self._flow(text, runs, style.body, column, head), runs, position)
                )
                position += len(text) + 1
            self._rows.append(cells)
        self._columns: list[int] = []
        self._tops: list[int] = []
        self._width = 0
        self._room = 0
        self._bar = 0

    def _flow(self, text: str, runs: tuple[Run, ...], face: Face, column: int, head: bool) -> Flow:
        if head:
            runs = tuple(_bold(run) for run in runs)
        alignments = self.leaf.alignments
        align = _ALIGN[alignments[column]] if column < len(alignments) else _ALIGN[""]
        return Flow(
            text,
            face,
            run_spans(runs, self.style, face),
            rtl=reads_right_to_left(text),
            align=align,
        )

    def lay_out(self, width: int) -> int:
        self._room = self.room(width)
        self._columns = column_widths(self.leaf.column_hints, self._room, self.style.wide_character)
        self._width = sum(self._columns) + 1
        lefts = [0, *accumulate(self._columns)]
        y = self.gap
        self._tops = []
        for row in self._rows:
            self._tops.append(y)
            tallest = self.style.body.pitch
            for column, cell in enumerate(row):
                room = self._columns[column] - 2 * CELL_PAD_X
                tallest = max(tallest, cell.flow.lay_out(max(room, 1)))
                cell.x = lefts[column] + CELL_PAD_X
                cell.y = y + CELL_PAD_Y
            y += tallest + 2 * CELL_PAD_Y + 1
        self._tops.append(y)
        self._bar = 8 if self.leaf.last and self.scroll_range() else 0
        self.height = y + (1 if self.leaf.last else 0) + self._bar
        return self.height

    def scroll_range(self) -> int:
        return max(0, self._width - self._room)

    def paint(self, painter: QPainter, look: Look) -> None:
        style, leaf = look.style, self.leaf
        self.frame.paint(painter, look, self.height, None)
        shown = min(self._width, self._room)
        rect = QRectF(self.left, self.gap, shown, self.height - self.gap - self._bar)
        card(
            painter,
            rect,
            RADIUS_SMALL,
            style.tokens.window,
            style.tokens.border,
            first=leaf.first,
            last=leaf.last,
        )
        painter.save()
        painter.setClipRect(rect.adjusted(1, 0, -1, 0), Qt.ClipOperation.IntersectClip)
        if leaf.header and leaf.first:
            painter.save()
            painter.setClipRect(
                QRectF(self.left, self._tops[0], shown, self._tops[1] - self._tops[0]),
                Qt.ClipOperation.IntersectClip,
            )
            rounded(
                painter,
                rect.adjusted(0, 0, 0, 2 * RADIUS_SMALL),
                RADIUS_SMALL,
                style.table_head,
                style.tokens.border,
            )
            painter.restore()
        for index, top in enumerate(self._tops[:-1]):
            if index or not leaf.first:
                painter.fillRect(self.left, top, shown, 1, style.tokens.border)
        left = self.left - look.scroll
        x = left
        for width in self._columns[:-1]:
            x += width
            painter.fillRect(QRectF(x, self.gap, 1, rect.height()), style.tokens.border)
        for row in self._rows:
            for cell in row:
                origin = QPointF(left + cell.x, cell.y)
                paint_runs(painter, cell.flow, cell.runs, look, origin, cell.first)
        painter.restore()
        if self.scroll_range() and leaf.last:
            length = max(shown * shown / self._width, 32)
            at = self.left + (shown - length) * look.scroll / self.scroll_range()
            rounded(
                painter, QRectF(at, self.height - 5, length, 3), 1.5, style.tokens.control_border
            )

    def _cell_at(self, x: float, y: float, scroll: int) -> _Cell | None:
        if not self._rows:
            return None
        row = self._rows[0]
        for index, cells in enumerate(self._rows):
            if y >= self._tops[index]:
                row = cells
        found = row[0] if row else None
        for cell in row:
            if x - self.left + scroll >= cell.x - CELL_PAD_X:
                found = cell
        return found

    def _inside(self, cell: _Cell, x: float, y: float, scroll: int) -> tuple[float, float]:
        return x - self.left + scroll - cell.x, y - cell.y

    def position_at(self, x: float, y: float, scroll: int = 0) -> int:
        cell = self._cell_at(x, y, scroll)
        if cell is None:
            return 0
        return cell.first + cell.flow.position_at(*self._inside(cell, x, y, scroll))

    def is_text(self, x: float, y: float, scroll: int = 0) -> bool:
        return y >= self.gap and 0 <= x - self.left < min(self._width, self._room)

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        cell = self._cell_at(x, y, scroll)
        if cell is None:
            return None
        link = link_at(cell.flow, cell.runs, *self._inside(cell, x, y, scroll))
        return Target("link", link) if link else None

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        target = self.target_at(x, y, scroll)
        return target.value if target is not None else ""


def column_widths(hints: tuple[int, ...], room: int, character: float) -> list[int]:
    """Widths of columns whose widest texts have so many characters, padding included.

    Columns that fit keep what they need; where all do not fit, narrow ones keep theirs and the
    wide ones share the rest, none below a least width.
    """
    if not hints:
        return []
    wanted = [round(max(hint, 3) * character) + 2 * CELL_PAD_X + 2 for hint in hints]
    total = sum(wanted)
    if total < room:
        # The hints count characters, and some are wide: use the room there is for good measure.
        return [min(round(width * 1.15), width * (room - 1) // total) for width in wanted]
    rest, open_columns = room - 1, sorted(range(len(hints)), key=lambda i: wanted[i])
    widths = list(wanted)
    while open_columns:
        fair = rest // len(open_columns)
        column = open_columns[0]
        if wanted[column] > fair:
            least = round(CELL_LEAST * character) + 2 * CELL_PAD_X
            for other in open_columns:
                widths[other] = max(fair, min(least, wanted[other]))
            break
        rest -= wanted[column]
        open_columns.pop(0)
    return widths


def _bold(run: Run) -> Run:
    return Run(
        run.text,
        True,
        run.italic,
        run.strike,
        run.code,
        run.math,
        run.link,
        run.image,
        run.source,
        run.literal,
    )
