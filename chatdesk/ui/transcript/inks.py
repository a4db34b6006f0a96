"""Colours for code: the markdown room says what each stretch is, here it gets its ink.

Small code in a language that was coloured before is coloured at once. What would cost more (a
lexer's first use takes up to 50 ms, a kilobyte of code about 2) is painted plain and coloured in
the next idle moment. A test computes that every ink keeps a contrast of 4.5 on the code's ground.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from PySide6.QtGui import QColor, QFont, QTextCharFormat

from chatdesk.ui.markdown.highlight import Category, Colourer, known
from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.transcript.flow import Span

AT_ONCE = 1_000  # characters

LIGHT: dict[Category, str] = {
    "keyword": "#74359A", "string": "#2C692F", "comment": "#69635A", "number": "#8A4B00",
    "function": "#1B5AA6", "class": "#0B6868", "operator": "#5F5A52", "builtin": "#97324F",
    "decorator": "#7A5200", "tag": "#74359A", "attribute": "#1B5AA6", "heading": "#1F1D1A",
    "inserted": "#2C692F", "deleted": "#B3261E", "error": "#B3261E",
}  # fmt: skip
DARK: dict[Category, str] = {
    "keyword": "#CBA9F2", "string": "#A5D090", "comment": "#9C958C", "number": "#E6B877",
    "function": "#90BFF6", "class": "#80D2C8", "operator": "#A8A29A", "builtin": "#F2A9BB",
    "decorator": "#E0B15C", "tag": "#CBA9F2", "attribute": "#90BFF6", "heading": "#ECE8E1",
    "inserted": "#A5D090", "deleted": "#F2877F", "error": "#F2877F",
}  # fmt: skip


class Inks:
    """Formats for code leaves. One for a view."""

    def __init__(self, dark: bool) -> None:
        self._colourer = Colourer()
        self._warm: set[str] = set()
        self._formats: dict[str, QTextCharFormat] = {}
        self.set_dark(dark)

    def set_dark(self, dark: bool) -> None:
        """Take the inks of a scheme. Code that is shown must be coloured anew."""
        self._formats = {}
        for category, ink in (DARK if dark else LIGHT).items():
            found = QTextCharFormat()
            found.setForeground(QColor(ink))
            if category == "comment":
                found.setFontItalic(True)
            if category == "heading":
                found.setFontWeight(QFont.Weight.DemiBold)
            self._formats[category] = found

    def at_once(self, leaf: Leaf, owner: Hashable) -> Sequence[Span] | None:
        """The spans of a leaf if they cost next to nothing, None if they should wait."""
        if not known(leaf.language):
            return ()
        if leaf.language not in self._warm or (
            not leaf.open and sum(len(run.text) for run in leaf.runs) > AT_ONCE
        ):
            return None
        return self.spans(leaf, owner)

    def spans(self, leaf: Leaf, owner: Hashable) -> Sequence[Span]:
        """The spans of a leaf, whatever they cost. owner: tells messages apart."""
        self._warm.add(leaf.language)
        return [
            Span(start, end, self._formats[category])
            for start, end, category in self._colourer.spans(leaf, owner)
            if category in self._formats
        ]
