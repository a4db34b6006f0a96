"""A code block: a raised card with the language's name, a Copy button and unwrapped lines.

A long block comes as several leaves of at most 80 lines; each is a piece of the same card and they
scroll sideways together. Code always reads from left to right.
"""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from chatdesk.ui import icons
from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.transcript.block import Block, Look, Target, card, caret, rounded
from chatdesk.ui.transcript.entries import Part
from chatdesk.ui.transcript.flow import UNLIMITED, Flow
from chatdesk.ui.transcript.inks import Inks
from chatdesk.ui.transcript.prose import LeafBlock
from chatdesk.ui.transcript.style import (
    CARET_WIDTH,
    CODE_HEAD,
    CODE_PAD_X,
    CODE_PAD_Y,
    RADIUS,
    RADIUS_SMALL,
    S2,
    Style,
)

COPY_ICON = 15


class Code(LeafBlock):
    """One segment. plain: it waits to be coloured. owner: tells its message from others."""

    def __init__(
        self,
        leaf: Leaf,
        previous: Leaf | None,
        style: Style,
        part: Part,
        inks: Inks,
        owner: Hashable,
    ) -> None:
        super().__init__(leaf, previous, style, part)
        self._inks = inks
        self._owner = owner
        spans = inks.at_once(leaf, owner)
        self.plain = spans is None
        self.flow = Flow(leaf.text, style.code, spans or (), wrap=False)
        self.natural_width = 0
        self._width = 0

    @property
    def _head(self) -> int:
        return CODE_HEAD if self.leaf.first else 0

    def lay_out(self, width: int) -> int:
        room = self.room(width)
        text = self.flow.lay_out(UNLIMITED)
        self.natural_width = round(self.flow.natural_width) + 2 * CODE_PAD_X
        self._width = room
        foot = CODE_PAD_Y if self.leaf.last else 0
        self.height = self.gap + self._head + text + foot
        return self.height

    def colour(self) -> None:
        """Colour what was painted plain at first."""
        self.plain = False
        spans = self._inks.spans(self.leaf, self._owner)
        if spans:
            self.flow.set_spans(spans)
            self.flow.lay_out(UNLIMITED)

    def scroll_range(self) -> int:
        return max(0, self.natural_width - self._width)

    def paint(self, painter: QPainter, look: Look) -> None:
        style, leaf = look.style, self.leaf
        self.frame.paint(painter, look, self.height, None)
        rect = QRectF(self.left, self.gap, self._width, self.height - self.gap)
        card(
            painter,
            rect,
            RADIUS,
            style.tokens.code,
            style.tokens.border,
            first=leaf.first,
            last=leaf.last,
        )
        if leaf.first:
            self._paint_head(painter, look)
        painter.save()
        painter.setClipRect(rect.adjusted(1, 0, -1, 0), Qt.ClipOperation.IntersectClip)
        origin = self._origin(look.scroll)
        painter.setPen(look.ink)
        self.flow.paint(painter, origin.x(), origin.y(), look.selected_from(0), style.selected)
        if look.caret:
            place = self.flow.caret(len(self.flow.text)).translated(origin)
            caret(painter, place, style.tokens.accent, CARET_WIDTH)
        painter.restore()
        if self.scroll_range() and leaf.last:
            self._paint_bar(painter, look)

    def _paint_head(self, painter: QPainter, look: Look) -> None:
        style = look.style
        band = QRectF(self.left, self.gap, self._width, CODE_HEAD)
        painter.setFont(style.small.font)
        painter.setPen(style.tokens.secondary)
        label = self.leaf.language or "code"
        painter.drawText(
            band.adjusted(CODE_PAD_X, 0, -self._width / 2, 0),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            QFontMetricsF(style.small.font).elidedText(
                label, Qt.TextElideMode.ElideRight, self._width / 2
            ),
        )
        button = self._copy_rect(look.copied)
        hovered = look.hovered == self._copy_target
        if hovered:
            rounded(painter, button, RADIUS_SMALL, style.tokens.hover)
        ink = style.tokens.accent if look.copied else style.tokens.secondary
        if hovered and not look.copied:
            ink = style.tokens.text
        ratio = painter.device().devicePixelRatioF()
        image = icons.pixmap("check" if look.copied else "copy", ink, COPY_ICON, ratio)
        top = round(button.center().y() - COPY_ICON / 2)
        painter.drawPixmap(QPointF(button.left() + S2, top), image)
        painter.setPen(ink)
        painter.drawText(
            button.adjusted(S2 + COPY_ICON + 6, 0, 0, 0),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            "Copied" if look.copied else "Copy",
        )

    def _paint_bar(self, painter: QPainter, look: Look) -> None:
        """How far a wide block is scrolled; it shows that there is more at the side."""
        room = self._width - 2 * CODE_PAD_X
        share = self._width / self.natural_width
        length = max(room * share, 32)
        x = self.left + CODE_PAD_X + (room - length) * look.scroll / max(self.scroll_range(), 1)
        rounded(
            painter, QRectF(x, self.height - 7, length, 3), 1.5, look.style.tokens.control_border
        )

    def _copy_rect(self, copied: bool = False) -> QRectF:
        word = "Copied" if copied else "Copy"
        text = QFontMetricsF(self.style.small.font).horizontalAdvance(word)
        width = S2 + COPY_ICON + 6 + text + S2
        return QRectF(self.left + self._width - width - 5, self.gap + 4, width, CODE_HEAD - 8)

    @property
    def _copy_target(self) -> Target:
        return Target("copy", str(self.leaf.block_id))

    def _origin(self, scroll: int) -> QPointF:
        return QPointF(self.left + CODE_PAD_X - scroll, self.gap + self._head)

    def position_at(self, x: float, y: float, scroll: int = 0) -> int:
        origin = self._origin(scroll)
        return self.flow.position_at(x - origin.x(), y - origin.y())

    def is_text(self, x: float, y: float, scroll: int = 0) -> bool:
        inside = self.left <= x < self.left + self._width
        return inside and y >= self.gap + self._head

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        if self.leaf.first and self._copy_rect().contains(x, y):
            return self._copy_target
        return None

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        return "Copy the whole block" if self.target_at(x, y) is not None else ""

    def caret_rect(self, position: int) -> QRectF | None:
        return self.flow.caret(position).translated(self._origin(0))


def is_wide(block: Block) -> bool:
    """Whether a block can be scrolled sideways."""
    return block.scroll_range() > 0
