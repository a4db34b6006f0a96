"""Fonts, measures and colours of the transcript, made once per theme from its tokens.

Everything that is painted takes its numbers from here, so that rhythm and contrast are decided in
one place. Distances are logical pixels on the theme's grid. GUI thread only.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QTextCharFormat

from chatdesk.ui.theme import RADIUS, RADIUS_SMALL, S1, S2, S3, S4, S5, TARGET, Theme, Tokens, mix

LINE_HEIGHT = 1.5
CODE_LINE_HEIGHT = 1.45
HEADING_SIZES = (1.25, 1.15, 1.05, 1.0, 1.0, 1.0)
# How far the ink of messages that the model no longer sees goes towards the paper: text keeps a
# contrast above 4.5 in both schemes (a test computes it).
DIMMED = 0.3

BUBBLE_SHARE = 0.8  # of the column, at most, for the person's messages
BUBBLE_PAD_X, BUBBLE_PAD_Y = S4, 10
INDENT = 26  # of a list item
QUOTE_INDENT, QUOTE_BAR = S4 + 2, 3
CODE_PAD_X, CODE_PAD_Y, CODE_HEAD = 14, S3, 34
CELL_PAD_X, CELL_PAD_Y = S3, 6
CELL_LEAST = 9  # characters of a table's column: a table of narrower ones scrolls sideways
GAP, GAP_TIGHT, GAP_BLOCK = S3, S1, S4
HEAD_ROW = TARGET  # the action row
ROW_GAP = 2  # between a message and its action row
ENTRY_GAP, ENTRY_GAP_MINE = S4, S1  # between an action row and the next message
EDGE = S5  # least distance of the column from the window's edges
TOP, BOTTOM = S5, S2
CARET_WIDTH = 2
THINKING_INDENT = S4 + 2

__all__ = ["RADIUS", "RADIUS_SMALL", "S1", "S2", "S3", "S4", "S5", "Face", "Style"]


@dataclass(frozen=True, slots=True)
class Face:
    """A font with what laying out lines needs: the pitch from line to line and the base metrics."""

    font: QFont
    pitch: int
    ascent: float
    descent: float
    character: float  # the average width of one

    @classmethod
    def of(cls, font: QFont, line_height: float) -> Face:
        metrics = QFontMetricsF(font)
        size = QFontInfo(font).pixelSize()
        return cls(
            font,
            max(round(size * line_height), round(metrics.height())),
            metrics.ascent(),
            metrics.descent(),
            max(metrics.horizontalAdvance("etaoin shrdlu") / 13, 1.0),
        )


class Selected:
    """The colours of selected text."""

    def __init__(self, ground: QColor, ink: QColor) -> None:
        self.ground = ground
        self.format = QTextCharFormat()
        self.format.setForeground(ink)


def tabular(font: QFont) -> QFont:
    """The same font with digits of one width, where it has them."""
    result = QFont(font)
    result.setFeature(QFont.Tag("tnum"), 1)
    return result


class Style:
    """The look of all blocks under one theme. A changed theme is a new Style."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.tokens: Tokens = theme.tokens
        self.column = theme.column_width
        body = theme.message_font()
        self.body = Face.of(body, LINE_HEIGHT)
        self.headings = tuple(self._heading(body, size) for size in HEADING_SIZES)
        code = theme.code_font()
        code.setStyleHint(QFont.StyleHint.Monospace)
        # What a character of a table may need, with capitals, digits and bold heads.
        self.wide_character = QFontMetricsF(body).horizontalAdvance("etaoin SHRDLU 0123456789") / 24
        self.code = Face.of(code, CODE_LINE_HEIGHT)
        self.inline_code = code
        self.small = Face.of(theme.small_font(), 1.4)
        self.small_bold = Face.of(_bold(theme.small_font()), 1.4)
        self.meter = Face.of(tabular(theme.small_font()), 1.4)
        self.chrome = Face.of(theme.chrome_font(), 1.4)
        self.chrome_bold = Face.of(theme.chrome_font(bold=True), 1.4)
        tokens = self.tokens
        self.dimmed = mix(tokens.text, tokens.window, DIMMED)
        self.inline_code_fill = mix(tokens.window, tokens.text, 0.06)
        self.inline_code_fill_on_bubble = mix(tokens.bubble, tokens.text, 0.06)
        self.table_head = tokens.code
        self.selected = Selected(tokens.selection, tokens.text)
        self._formats: dict[tuple[bool, bool, bool, bool, bool, int], QTextCharFormat] = {}
        self.bubble_dimmed = mix(tokens.bubble, tokens.window, 0.45)

    @staticmethod
    def _heading(body: QFont, size: float) -> Face:
        font = QFont(body)
        font.setPointSizeF(body.pointSizeF() * size)
        font.setWeight(QFont.Weight.DemiBold)
        return Face.of(font, 1.35 if size > 1.1 else LINE_HEIGHT)

    def format(
        self, bold: bool, italic: bool, strike: bool, code: bool, link: bool, face: Face
    ) -> QTextCharFormat:
        """The character format of a run; what it leaves open comes from the face."""
        size = round(face.font.pointSizeF() * 0.95 * 8)
        key = (bold, italic, strike, code, link, size if code else 0)
        found = self._formats.get(key)
        if found is None:
            found = QTextCharFormat()
            if bold:
                found.setFontWeight(QFont.Weight.DemiBold)
            if italic:
                found.setFontItalic(True)
            if strike:
                found.setFontStrikeOut(True)
            if code:
                found.setFontFamilies(self.code.font.families())
                found.setFontFixedPitch(True)
                found.setFontStyleHint(QFont.StyleHint.Monospace)
                found.setFontPointSize(size / 8)
            if link:
                found.setForeground(self.tokens.accent)
            self._formats[key] = found
        return found

    def ink(self, dimmed: bool, quiet: bool = False) -> QColor:
        """The colour of text: quiet is for reasoning."""
        if quiet:
            return self.tokens.secondary
        return self.dimmed if dimmed else self.tokens.text


def _bold(font: QFont) -> QFont:
    result = QFont(font)
    result.setWeight(QFont.Weight.DemiBold)
    return result
