"""The context meter: how much of the model's context window the conversation fills."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from chatdesk.ui.controls import Button, ring
from chatdesk.ui.theme import RADIUS_SMALL, S1, S2, TARGET, Theme

RING_SIZE, RING_WIDTH = 16, 2.5
# From here on the meter warns.
NEARLY_FULL = 0.8


class ContextMeter(Button):
    """A small ring with the percentage; pressed, it shows its explanation at once."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "", parent)
        self.setObjectName("contextMeter")
        self._used = 0
        self._window = 0
        self._left_out = 0
        self._estimated = False
        self.setFixedHeight(TARGET)
        self.clicked.connect(self._explain)
        self.set_context(None, None, 0)

    def set_context(
        self,
        used: int | None,
        window: int | None,
        left_out: int,
        detail: str = "",
        *,
        estimated: bool = False,
        remote: bool = False,
    ) -> None:
        """used of window tokens are filled and left_out messages do not fit.

        detail is added to the explanation. estimated: used is an estimate, and says so. Without a
        known window the meter is hidden, but for a remote model's: there it shows the tokens.
        """
        self._used, self._window, self._left_out = used or 0, window or 0, left_out
        self._estimated = estimated
        self.setVisible(used is not None and (bool(window) or (remote and used > 0)))
        tip = self._explanation(detail)
        self.set_hint(tip, self._spoken())
        self.setAccessibleDescription(tip)
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """ "12%", "≈12%" for an estimate; "≈1.2k" (tokens) where the window is unknown."""
        amount = f"{round(self.share * 100)}%" if self._window else _short(self._used)
        return f"≈{amount}" if self._estimated else amount

    @property
    def share(self) -> float:
        """How full, 0 to 1."""
        return min(1.0, self._used / self._window) if self._window else 0.0

    @property
    def warns(self) -> bool:
        return self.share > NEARLY_FULL or self._left_out > 0

    def _explanation(self, detail: str) -> str:
        lines = [self._amount()]
        if self._left_out:
            messages = "message does" if self._left_out == 1 else "messages do"
            lines.append(
                f"The oldest {self._left_out:,} {messages} not fit: the model does not see them."
                if self._left_out > 1
                else f"The oldest {messages} not fit: the model does not see it."
            )
        elif self.warns:
            lines.append("When it is full, the oldest messages are left out.")
        return "\n".join([*lines, *([detail] if detail else [])])

    def _amount(self) -> str:
        used = f"About {about(self._used):,}" if self._estimated else f"{self._used:,}"
        mark = " (estimated)" if self._estimated else ""
        if not self._window:
            return f"{used} tokens are used{mark}; the provider does not tell its limit."
        return f"{used} of {self._window:,} tokens of the context are used{mark}."

    def _spoken(self) -> str:
        roughly = "about " if self._estimated else ""
        if not self._window:
            used = about(self._used) if self._estimated else self._used
            return f"Context {roughly}{used:,} tokens"
        return f"Context {roughly}{round(self.share * 100)}% full"

    def _explain(self) -> None:
        QToolTip.showText(self.mapToGlobal(self.rect().bottomLeft()), self.toolTip(), self)

    def _font(self) -> QFont:
        font = self.theme.small_font()
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def sizeHint(self) -> QSize:
        # As wide as the widest value, so that the header does not move while numbers run.
        widest = "≈100%" if self._estimated else "100%"
        width = QFontMetrics(self._font()).horizontalAdvance(widest) + 1
        return QSize(S2 + RING_SIZE + S1 + 2 + width + S2, TARGET)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = self.theme.tokens
        if (shade := self.ground()) is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawRoundedRect(QRectF(self.rect()), RADIUS_SMALL, RADIUS_SMALL)
        ink: QColor = tokens.warning if self.warns else tokens.accent
        rtl = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        x = self.width() - S2 - RING_SIZE if rtl else S2
        circle = QRectF(x, (self.height() - RING_SIZE) / 2, RING_SIZE, RING_SIZE)
        inset = RING_WIDTH / 2
        circle.adjust(inset, inset, -inset, -inset)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.border, RING_WIDTH))
        painter.drawEllipse(circle)
        if self._used and self._window:
            painter.setPen(QPen(ink, RING_WIDTH, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawArc(circle, 90 * 16, -round(max(0.03, self.share) * 360 * 16))
        painter.setFont(self._font())
        painter.setPen(tokens.warning if self.warns else tokens.secondary)
        lead = S2 + RING_SIZE + S1 + 2
        room = self.rect().adjusted(S2 if rtl else lead, 0, -lead if rtl else -S2, 0)
        side = Qt.AlignmentFlag.AlignRight if rtl else Qt.AlignmentFlag.AlignLeft
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # the mark before the number
        painter.drawText(
            room, side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter, self.text()
        )
        if self.ringed:
            ring(painter, QRectF(self.rect()), tokens.accent, RADIUS_SMALL)


def about(count: int) -> int:
    """An estimate as a person would say it: to two figures, as in 1,200 for 1,234."""
    return round(count, min(2 - len(str(count)), 0))


def _short(count: int) -> str:
    """Tokens in as few characters as a percentage: "850", "1.2k", "12k", "1.2M"."""
    for size, mark in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            amount = count / size
            return f"{amount:.1f}{mark}" if amount < 9.95 else f"{amount:.0f}{mark}"
    return str(count)
