"""One paragraph of text laid out in lines: the smallest thing that is painted.

A Flow wraps QTextLayout. It has no document behind it, so there is nothing that could load a
resource: images do not exist here. It places its lines itself, on a fixed pitch, whatever fonts
stand in for missing characters, and answers where a position is and which position is at a point.
Positions are code points of the text, as everywhere in Chatdesk; Qt's are UTF-16 code units, and
the difference stays inside this module. GUI thread only.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, QTextBoundaryFinder
from PySide6.QtGui import QPainter, QTextCharFormat, QTextLayout, QTextOption

from chatdesk.ui.transcript.style import Face, Selected

LINE_SEPARATOR = "\u2028"
UNLIMITED = 1_000_000.0
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufefc]")


@dataclass(frozen=True, slots=True)
class Span:
    """A format of the text from start to end."""

    start: int
    end: int
    format: QTextCharFormat


@dataclass(frozen=True, slots=True)
class Line:
    """A laid-out line: its band from top to bottom, its UTF-16 range, its ink from x to right."""

    top: int
    bottom: int
    start: int
    end: int
    x: float
    right: float


class Flow:
    """A paragraph. lay_out() must be called before anything is asked or painted."""

    __slots__ = ("_face", "_layout", "_map", "height", "lines", "natural_width", "rtl", "text")

    def __init__(
        self,
        text: str,
        face: Face,
        spans: Sequence[Span] = (),
        *,
        rtl: bool = False,
        wrap: bool = True,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeading,
    ) -> None:
        """text: line ends are breaks inside the paragraph. rtl: the paragraph's direction; its
        lines then stand at the right."""
        self.text = text
        self.rtl = rtl
        self._face = face
        self._map = _Utf16(text)
        self._layout = QTextLayout(text.replace("\n", LINE_SEPARATOR), face.font)
        self._layout.setCacheEnabled(True)
        option = QTextOption()
        # Qt reads the leading edge from the direction only for AlignLeft and AlignRight alone.
        if align == Qt.AlignmentFlag.AlignLeading:
            align = Qt.AlignmentFlag.AlignRight if rtl else Qt.AlignmentFlag.AlignLeft
        option.setAlignment(align | Qt.AlignmentFlag.AlignAbsolute)
        option.setTextDirection(
            Qt.LayoutDirection.RightToLeft if rtl else Qt.LayoutDirection.LeftToRight
        )
        mode = QTextOption.WrapMode
        option.setWrapMode(mode.WrapAtWordBoundaryOrAnywhere if wrap else mode.NoWrap)
        option.setTabStopDistance(4 * face.character)
        self._layout.setTextOption(option)
        self.set_spans(spans)
        self.height = 0
        self.natural_width = 0.0
        self.lines: list[Line] = []

    def set_spans(self, spans: Sequence[Span]) -> None:
        """Change the formats; lay_out() again where they may change sizes."""
        formats = []
        for span in spans:
            if span.end <= span.start:
                continue
            part = QTextLayout.FormatRange()
            part.start = self._map.units(span.start)
            part.length = self._map.units(span.end) - part.start
            part.format = span.format
            formats.append(part)
        self._layout.setFormats(formats)

    # -- layout -------------------------------------------------------------------------------

    def lay_out(self, width: float) -> int:
        """Break into lines of this width; returns the height. The text's top is at y = 0."""
        face = self._face
        pitch = face.pitch
        baseline = (pitch - face.ascent - face.descent) / 2 + face.ascent
        layout = self._layout
        lines: list[Line] = []
        top = 0
        widest = 0.0
        layout.beginLayout()
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(width)
            ascent, descent = line.ascent(), line.descent()
            # A taller stand-in font moves its own line apart and leaves the others in rhythm.
            # Many of them claim more height than they ink, which is let pass up to a fifth.
            base = max(baseline, ascent - pitch / 5)
            bottom = top + max(pitch, round(base + descent - pitch / 5))
            line.setPosition(QPointF(0, top + round(base) - ascent))
            ink = line.naturalTextRect()
            start = line.textStart()
            lines.append(
                Line(top, bottom, start, start + line.textLength(), ink.left(), ink.right())
            )
            widest = max(widest, line.naturalTextWidth())
            top = bottom
        layout.endLayout()
        self.lines = lines
        self.height = top
        self.natural_width = widest
        return top

    # -- asking -------------------------------------------------------------------------------

    def position_at(self, x: float, y: float) -> int:
        """The position nearest to a point."""
        if not self.lines:
            return 0
        index = self._line_at(y)
        line = self._layout.lineAt(index)
        return self._map.points(line.xToCursor(x))

    def is_over(self, x: float, y: float) -> bool:
        """Whether a point is on the ink of a line, not beside it."""
        if not self.lines or not 0 <= y < self.height:
            return False
        line = self.lines[self._line_at(y)]
        return line.x <= x <= line.right

    def caret(self, position: int) -> QRectF:
        """Where a caret stands at a position: the height of a line's text, without width."""
        units = self._map.units(position)
        index = len(self.lines) - 1
        while index > 0 and self.lines[index].start > units:
            index -= 1
        if index < 0:
            return QRectF(0, 0, 0, self._face.pitch)
        line = self._layout.lineAt(index)
        x = _x_of(line.cursorToX(units))
        size = self._face.ascent + self._face.descent
        middle = (self.lines[index].top + self.lines[index].bottom) / 2
        return QRectF(x, middle - size / 2, 0, size)

    def rects(self, start: int, end: int, *, tight: bool = False) -> list[QRectF]:
        """The areas of a range of the text, one or more per line.

        They cover the lines' whole bands, so that those of following lines touch; tight: only the
        height of the text itself.
        """
        first, last = self._map.units(start), self._map.units(end)
        found: list[QRectF] = []
        size = self._face.ascent + self._face.descent
        for index, line in enumerate(self.lines):
            a, b = max(first, line.start), min(last, line.end)
            if a > b or (a == b and not (line.start == line.end and first <= a < last)):
                continue
            top, bottom = float(line.top), float(line.bottom)
            if tight:
                middle = (top + bottom) / 2
                top, bottom = middle - size / 2, middle + size / 2
            for left, right in self._extents(index, a, b):
                found.append(QRectF(left, top, max(right - left, 3.0), bottom - top))
        return found

    def paint(
        self,
        painter: QPainter,
        x: float,
        y: float,
        selected: tuple[int, int] | None = None,
        selection: Selected | None = None,
    ) -> None:
        """Draw the text at a point in the painter's pen; formats may have colours of their own,
        but not where text is selected: there all of it has the selection's ink."""
        if selected is None or selection is None:
            self._layout.draw(painter, QPointF(x, y))
            return
        a, b = max(selected[0], 0), min(selected[1], len(self.text))
        # An empty line is selected where the selection goes on past it.
        if a < b or (not self.text and a == 0 < selected[1]):
            for rect in self.rects(a, max(b, 0 if self.text else 1)):
                painter.fillRect(rect.translated(x, y), selection.ground)
        ink = QTextLayout.FormatRange()
        ink.start = self._map.units(a)
        ink.length = self._map.units(b) - ink.start
        ink.format = selection.format
        self._layout.draw(painter, QPointF(x, y), [ink] if a < b else [])

    # -- inner --------------------------------------------------------------------------------

    def _line_at(self, y: float) -> int:
        index = bisect_right(self.lines, y, key=lambda line: line.top) - 1
        return max(0, min(index, len(self.lines) - 1))

    def _extents(self, index: int, a: int, b: int) -> list[tuple[float, float]]:
        """The stretches of x that the UTF-16 range a to b of a line covers.

        In a line of one direction that is one; where directions mix, neighbours in the text may be
        apart on the line, and only the glyphs know where they are.
        """
        line = self._layout.lineAt(index)
        ink = self.lines[index]
        if a <= ink.start and b >= ink.end:
            return [(ink.x, ink.right)]
        if not self._map.mixed:
            left, right = _x_of(line.cursorToX(a)), _x_of(line.cursorToX(b))
            return [(min(left, right), max(left, right))]
        stretches: list[tuple[float, float]] = []
        for run in line.glyphRuns(a, b - a):
            box = run.boundingRect()
            stretches.append((box.left(), box.right()))
        stretches.sort()
        merged: list[tuple[float, float]] = []
        for left, right in stretches:
            if merged and left <= merged[-1][1] + 0.6:
                merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
            else:
                merged.append((left, right))
        return merged


def _x_of(value: object) -> float:
    """QTextLine.cursorToX answers with x alone or with (x, position), by its overload."""
    return float(value[0] if isinstance(value, tuple) else value)  # type: ignore[arg-type]


class _Utf16:
    """Translates positions between code points and UTF-16 code units of one text."""

    __slots__ = ("_starts", "mixed")

    def __init__(self, text: str) -> None:
        self._starts: list[int] | None = None
        self.mixed = False
        if text.isascii():
            return
        highest = max(text)
        self.mixed = _RIGHT_TO_LEFT.search(text) is not None
        if highest > "\uffff":
            starts, units = [], 0
            for character in text:
                starts.append(units)
                units += 2 if character > "\uffff" else 1
            starts.append(units)
            self._starts = starts

    def units(self, points: int) -> int:
        if self._starts is None:
            return points
        return self._starts[max(0, min(points, len(self._starts) - 1))]

    def points(self, units: int) -> int:
        if self._starts is None:
            return units
        return max(0, bisect_right(self._starts, units) - 1)


def word_at(text: str, position: int) -> tuple[int, int]:
    """The word (or the gap between words) around a position, by Unicode's rules."""
    if not text:
        return 0, 0
    position = min(position, len(text) - 1)
    # A window is enough, and a long line costs no more than a short one.
    begin = max(0, position - 200)
    window = text[begin : position + 200]
    places = _Utf16(window)
    finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Word, window)
    at = places.units(position - begin)
    finder.setPosition(at)
    start = at if finder.isAtBoundary() else finder.toPreviousBoundary()
    finder.setPosition(at)
    end = finder.toNextBoundary()
    return begin + places.points(max(start, 0)), begin + (
        places.points(end) if end >= 0 else len(window)
    )
