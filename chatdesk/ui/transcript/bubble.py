"""A person's message: plain text, just as it was written, in a soft bubble at the right.

Nothing in it is Markdown and no link is active. A long message is cut into pieces at line ends (at
spaces in an overlong line), so that no piece costs more because the message is longer; the pieces
are painted as one bubble.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from chatdesk.ui.markdown.leaf import reads_right_to_left
from chatdesk.ui.transcript.block import Block, Look, card
from chatdesk.ui.transcript.flow import Flow
from chatdesk.ui.transcript.style import BUBBLE_PAD_X, BUBBLE_PAD_Y, BUBBLE_SHARE, RADIUS, Style

PIECE_CHARACTERS = 1_200
PIECE_LINES = 30


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a person's message. inner: it begins within a line, not at one's start."""

    start: int
    end: int
    first: bool
    last: bool


def pieces(text: str) -> list[Piece]:
    """Cut a message into pieces of at most about PIECE_CHARACTERS; never none."""
    cuts = [0]
    start, lines = 0, 0
    for match in re.finditer(r"[^\n]*\n?", text):
        begin, end = match.span()
        if begin == end:
            break
        if begin > start and (end - start > PIECE_CHARACTERS or lines >= PIECE_LINES):
            cuts.append(begin)
            start, lines = begin, 0
        lines += 1
        while end - start > PIECE_CHARACTERS:
            cut = text.rfind(" ", start + PIECE_CHARACTERS // 2, start + PIECE_CHARACTERS) + 1
            start = cut if cut > start else start + PIECE_CHARACTERS
            cuts.append(start)
    last = len(cuts) - 1
    return [
        Piece(cut, cuts[index + 1] if index < last else len(text), index == 0, index == last)
        for index, cut in enumerate(cuts)
    ]


@dataclass(slots=True)
class _Paragraph:
    flow: Flow
    first: int
    y: int = 0


class Bubble(Block):
    """One piece of a person's message."""

    part = "content"

    def __init__(self, source: str, piece: Piece, style: Style) -> None:
        self.piece = piece
        self.style = style
        self.start, self.end = piece.start, piece.end
        shown = source[piece.start : piece.end]
        if not piece.last and shown.endswith("\n"):
            shown = shown[:-1]
        self._text = shown
        self._paragraphs: list[_Paragraph] = []
        at = 0
        for line in shown.split("\n"):
            line = line.replace("\r", " ")
            flow = Flow(line, style.body, rtl=reads_right_to_left(line))
            self._paragraphs.append(_Paragraph(flow, at))
            at += len(line) + 1
        self._box = QRectF()

    @property
    def text(self) -> str:
        return self._text

    def lay_out(self, width: int) -> int:
        most = round(width * BUBBLE_SHARE)
        room = most - 2 * BUBBLE_PAD_X
        y = BUBBLE_PAD_Y if self.piece.first else 0
        widest = 0.0
        for paragraph in self._paragraphs:
            paragraph.y = y
            y += paragraph.flow.lay_out(room)
            widest = max(widest, paragraph.flow.natural_width)
        self.height = y + (BUBBLE_PAD_Y if self.piece.last else 0)
        # Only a bubble of one piece is as narrow as its text.
        if self.piece.first and self.piece.last and widest < room:
            most = int(widest) + 1 + 2 * BUBBLE_PAD_X
            for paragraph in self._paragraphs:
                if paragraph.flow.rtl:
                    paragraph.flow.lay_out(most - 2 * BUBBLE_PAD_X)
        self._box = QRectF(width - most, 0, most, self.height)
        return self.height

    @property
    def _left(self) -> float:
        return self._box.left() + BUBBLE_PAD_X

    def paint(self, painter: QPainter, look: Look) -> None:
        style = look.style
        ground = style.bubble_dimmed if look.dimmed else style.tokens.bubble
        card(
            painter,
            self._box,
            RADIUS,
            ground,
            None,
            first=self.piece.first,
            last=self.piece.last,
        )
        painter.setPen(look.ink)
        for paragraph in self._paragraphs:
            paragraph.flow.paint(
                painter,
                self._left,
                paragraph.y,
                look.selected_from(paragraph.first),
                style.selected,
            )

    def position_at(self, x: float, y: float, scroll: int = 0) -> int:
        found = self._paragraphs[0]
        for paragraph in self._paragraphs:
            if y >= paragraph.y:
                found = paragraph
        return found.first + found.flow.position_at(x - self._left, y - found.y)

    def source_at(self, position: int) -> int:
        return min(self.start + position, self.end)

    def position_of(self, source: int) -> int:
        return max(0, min(source - self.start, len(self._text)))

    def is_text(self, x: float, y: float, scroll: int = 0) -> bool:
        return self._box.contains(x, y)

    def caret_rect(self, position: int) -> QRectF | None:
        for paragraph in reversed(self._paragraphs):
            if position >= paragraph.first:
                rect = paragraph.flow.caret(position - paragraph.first)
                return rect.translated(self._left, paragraph.y)
        return None
