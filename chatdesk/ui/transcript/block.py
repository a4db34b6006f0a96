"""What every painted unit is: something with a height that paints itself and answers for a point.

Coordinates are relative to the unit's top left corner in the column. A block knows its text and
where that stands in the message's source, but not the entry it belongs to, and it holds no state
that outlives it: what may change between two paints comes with the Look. GUI thread only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from chatdesk.ui.transcript.entries import Part
from chatdesk.ui.transcript.style import Style

TargetKind = Literal["link", "copy", "fold", "action", "details", "scroll"]


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be clicked. value: the address, the code block's id, the action's name."""

    kind: TargetKind
    value: str = ""


@dataclass(slots=True)
class Look:
    """How a block is to look in one paint.

    selection: range of positions in the block's text. hovered: the target under the pointer.
    copied: the block's code was just copied. scroll: how far a wide block is scrolled sideways.
    active: the entry's actions are shown. caret: the reply grows at the end of this block.
    """

    style: Style
    dimmed: bool = False
    quiet: bool = False
    selection: tuple[int, int] | None = None
    hovered: Target | None = None
    copied: bool = False
    scroll: int = 0
    active: bool = False
    caret: bool = False

    def selected_from(self, first: int) -> tuple[int, int] | None:
        """The selection as positions in a text that begins at position first of the block's."""
        if self.selection is None or self.selection[1] <= first:
            return None
        return self.selection[0] - first, self.selection[1] - first

    @property
    def ink(self) -> QColor:
        """The colour of text that is not selected."""
        return self.style.ink(self.dimmed, self.quiet)


class Block(ABC):
    """A unit. lay_out() comes first and again when the width changed."""

    height: int = 0
    # What of the message's source the block shows; None where it shows none.
    part: Part | None = None
    start: int = 0
    end: int = 0

    @abstractmethod
    def lay_out(self, width: int) -> int:
        """Lay out for a column of this width; returns the height."""

    @abstractmethod
    def paint(self, painter: QPainter, look: Look) -> None:
        """Paint with the painter's origin at the block's top left corner."""

    @property
    def text(self) -> str:
        """The text as shown, which positions count; "" where there is none to select."""
        return ""

    def position_at(self, x: float, y: float, scroll: int = 0) -> int:
        """The position in the text nearest to a point."""
        return 0

    def source_at(self, position: int) -> int:
        """The offset in the message's source of a position in the text."""
        return self.start

    def position_of(self, source: int) -> int:
        """The position in the text of a source offset, clamped to the block."""
        return 0

    def is_text(self, x: float, y: float, scroll: int = 0) -> bool:
        """Whether the pointer over this point would select text."""
        return False

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        return None

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        return ""

    def caret_rect(self, position: int) -> QRectF | None:
        """Where a caret stands at a position of the text."""
        return None

    def scroll_range(self) -> int:
        """How far the block can be scrolled sideways; 0: it fits."""
        return 0


def rounded(
    painter: QPainter,
    rect: QRectF,
    radius: float,
    fill: QColor | None,
    line: QColor | None = None,
    width: float = 1.0,
) -> None:
    """A rounded rectangle whose line lies inside of rect, crisp on whole pixels."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(fill if fill is not None else Qt.BrushStyle.NoBrush)
    if line is None:
        painter.setPen(Qt.PenStyle.NoPen)
    else:
        painter.setPen(QPen(line, width))
        inset = width / 2
        rect = rect.adjusted(inset, inset, -inset, -inset)
    painter.drawRoundedRect(rect, radius, radius)
    painter.restore()


def card(
    painter: QPainter,
    rect: QRectF,
    radius: float,
    fill: QColor,
    line: QColor | None,
    *,
    first: bool,
    last: bool,
) -> None:
    """A piece of a card that goes on above (not first) or below (not last) this rectangle."""
    if first and last:
        rounded(painter, rect, radius, fill, line)
        return
    painter.save()
    painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
    tall = rect.adjusted(0, 0 if first else -2 * radius, 0, 0 if last else 2 * radius)
    rounded(painter, tall, radius, fill, line)
    painter.restore()


def caret(painter: QPainter, rect: QRectF, color: QColor, width: int) -> None:
    """The soft caret where a reply is growing."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    at = QPointF(rect.left() + 2, rect.top())
    painter.drawRoundedRect(QRectF(at.x(), at.y(), width, rect.height()), 1, 1)
    painter.restore()
