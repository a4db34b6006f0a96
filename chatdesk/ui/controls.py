"""The small controls of the shell: buttons that fade on hover and wear the focus ring.

They are push buttons to the keyboard and to screen readers; only the painting is ours. The ring
shows where the keyboard is: it appears when the focus came by key, not when it came by mouse.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEasingCurve, QEvent, QRect, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QPushButton, QScrollBar, QSizePolicy, QWidget

from chatdesk.ui.actions import native
from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import ICON, RADIUS_SMALL, RING, S1, S2, TARGET, Theme
from chatdesk.ui.tooltips import plain

Look = Literal["quiet", "outlined", "filled"]

# Focus that merely comes back (a window activated, a menu closed) keeps the ring as it was.
_RETURNING = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)


def hint(text: str, shortcut: str = "") -> str:
    """A tooltip: what it does and its key in this system's spelling."""
    return f"{text} ({native(shortcut)})" if shortcut else text


def ring(painter: QPainter, area: QRectF, color: QColor, radius: float) -> None:
    """Draw the focus ring just inside an area."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color, RING))
    half = RING / 2
    painter.drawRoundedRect(area.adjusted(half, half, -half, -half), radius, radius)


class Button(QPushButton):
    """What the shell's buttons share: hover fade, ring, Enter presses, size, mirrored layouts."""

    def __init__(self, theme: Theme, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setProperty("painted", True)  # the style sheet leaves size and ground to us
        self._warmth = 0.0
        self._ringed = False
        self._fade = QVariantAnimation(self)
        self._fade.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._fade.valueChanged.connect(self._warm)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_hint(tip)
        theme.changed.connect(self._theme_changed)

    def set_hint(self, tip: str, name: str = "") -> None:
        """Set the tooltip, and the accessible name: the tooltip without the key, or `name`."""
        self.setToolTip(plain(tip))
        self.setAccessibleName(name or tip.partition(" (")[0])

    @property
    def ringed(self) -> bool:
        """Whether the focus ring is shown."""
        return self._ringed and self.hasFocus()

    def ground(self) -> QColor | None:
        """The fill behind the content now, fading with the pointer; None for none."""
        tokens = self.theme.tokens
        if not self.isEnabled():
            return None
        color = QColor(tokens.pressed if self.isDown() else tokens.hover)
        share = 1.0 if self.isDown() else self._warmth
        color.setAlphaF(color.alphaF() * share)
        return color if share else None

    def _warm(self, value: float) -> None:
        self._warmth = value
        self.update()

    def _theme_changed(self) -> None:
        self.updateGeometry()
        self.update()

    def _glow(self, on: bool) -> None:
        self._fade.stop()
        duration = self.theme.duration()
        if not duration or not self.isVisible():
            self._warm(1.0 if on else 0.0)
            return
        self._fade.setDuration(duration)
        self._fade.setStartValue(self._warmth)
        self._fade.setEndValue(1.0 if on else 0.0)
        self._fade.start()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._glow(True)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._glow(False)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() not in _RETURNING:
            self._ringed = event.reason() != Qt.FocusReason.MouseFocusReason
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.click()
            return
        super().keyPressEvent(event)


class IconButton(Button):
    """An icon on a 32 px target. "filled" is a disc in the accent colour, 40 px with its ring."""

    def __init__(
        self,
        icon: str,
        tip: str,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        look: Look = "quiet",
    ) -> None:
        super().__init__(theme, tip, parent)
        self._icon = icon
        self._look = look
        self.setFixedSize(self.sizeHint())

    def set_icon(self, icon: str) -> None:
        self._icon = icon
        self.update()

    def sizeHint(self) -> QSize:
        side = TARGET + (S2 if self._look == "filled" else 0)
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self.theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        area = QRectF(self.rect())
        ink = tokens.text if self._warmth or self.isChecked() else tokens.secondary
        if self._look == "filled":
            disc = area.adjusted(S1, S1, -S1, -S1)
            painter.setBrush(tokens.accent if self.isEnabled() else tokens.border)
            painter.drawEllipse(disc)
            if (shade := self.ground()) is not None:
                painter.setBrush(shade)
                painter.drawEllipse(disc)
            ink = tokens.on_accent
        else:
            shade = self.ground()
            if self.isChecked():
                painter.setBrush(tokens.accent_soft)
                painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)
                ink = tokens.accent
            if shade is not None:
                painter.setBrush(shade)
                painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)
        if not self.isEnabled():
            ink = tokens.secondary if self._look == "filled" else tokens.disabled
        image = pixmap(self._icon, ink, ICON, self.devicePixelRatioF())
        painter.drawPixmap((self.width() - ICON) // 2, (self.height() - ICON) // 2, image)
        if self.ringed:
            radius = area.height() / 2 if self._look == "filled" else RADIUS_SMALL
            ring(painter, area, tokens.accent, radius)


class TextButton(Button):
    """Text with an icon before it and a quiet note (a key) or an icon after it.

    The text is elided where there is too little room, down to `narrowest` pixels.
    """

    def __init__(
        self,
        text: str,
        tip: str,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        icon: str = "",
        note: str = "",
        after: str = "",
        look: Look = "quiet",
        narrowest: int = 64,
        padding: int = S2,
        height: int = TARGET,
    ) -> None:
        super().__init__(theme, tip, parent)
        self.setText(text)
        if text not in self.accessibleName():
            self.setAccessibleName(text)  # who speaks to the computer says what is seen
        self._icon = icon
        self._note = note
        self._after = after
        self._look = look
        self._narrowest = narrowest
        self._padding = padding
        self._height = height
        self._ink: QColor | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_content(self, text: str, icon: str, ink: QColor | None = None) -> None:
        """Change text and icon; ink: the icon's colour where it says something."""
        if (text, icon, ink) != (self.text(), self._icon, self._ink):
            self.setText(text)
            self._icon = icon
            self._ink = ink
            self.updateGeometry()
            self.update()

    @property
    def padding(self) -> int:
        """Pixels from the edge to the content, sideways."""
        return self._padding

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.theme.chrome_font())
        width = self.padding * 2 + metrics.horizontalAdvance(self.text()) + 1
        if self._icon:
            width += ICON + S2
        if self._after:
            width += ICON + S1
        if self._note:
            width += S2 + QFontMetrics(self.theme.small_font()).horizontalAdvance(self._note)
        return QSize(width, max(self._height, metrics.height() + S2))

    def minimumSizeHint(self) -> QSize:
        full = self.sizeHint()
        return QSize(min(self._narrowest, full.width()), full.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self.theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_ground(painter)
        enabled = self.isEnabled()
        text_ink = tokens.text if enabled else tokens.disabled
        mark_ink = (self._ink or tokens.secondary) if enabled else tokens.disabled
        if self._look == "filled":
            text_ink = mark_ink = tokens.on_accent if enabled else tokens.secondary
        left, right = self.padding, self.width() - self.padding
        top = (self.height() - ICON) // 2
        ratio = self.devicePixelRatioF()
        if self._icon:
            self.place(painter, QRect(left, top, ICON, ICON), self._icon, mark_ink, ratio)
            left += ICON + S2
        if self._after:
            right -= ICON
            self.place(painter, QRect(right, top, ICON, ICON), self._after, mark_ink, ratio)
            right -= S1
        if self._note:
            font = self.theme.small_font()
            width = QFontMetrics(font).horizontalAdvance(self._note)
            metrics = QFontMetrics(self.theme.chrome_font())
            if right - left >= width + S2 + metrics.horizontalAdvance(self.text()):
                painter.setFont(font)
                painter.setPen(tokens.secondary if self._look != "filled" else tokens.on_accent)
                area = QRect(right - width, 0, width, self.height())
                painter.drawText(self.mirrored(area), Qt.AlignmentFlag.AlignCenter, self._note)
                right -= width + S2
        painter.setFont(self.theme.chrome_font())
        painter.setPen(text_ink)
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        room = QRect(left, 0, max(0, right - left), self.height())
        text = painter.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room.width()
        )
        align = (
            Qt.AlignmentFlag.AlignRight
            if self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            else Qt.AlignmentFlag.AlignLeft
        )
        painter.drawText(
            self.mirrored(room),
            align | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter,
            text,
        )
        self.paint_over(painter)
        if self.ringed:
            color = tokens.text if self._look == "filled" else tokens.accent
            ring(painter, QRectF(self.rect()), color, RADIUS_SMALL)

    def paint_ground(self, painter: QPainter) -> None:
        """Fill, border and hover of the button's look."""
        tokens = self.theme.tokens
        area = QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        if self._look == "filled":
            painter.setBrush(tokens.accent if self.isEnabled() else tokens.border)
            painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)
        elif self._look == "outlined":
            painter.setBrush(tokens.raised)
            painter.setPen(QPen(tokens.border, 1))
            painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_SMALL, RADIUS_SMALL)
            painter.setPen(Qt.PenStyle.NoPen)
        if (shade := self.ground()) is not None:
            painter.setBrush(shade)
            painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)

    def paint_over(self, painter: QPainter) -> None:
        """For subclasses that draw on top."""

    def place(self, painter: QPainter, area: QRect, icon: str, ink: QColor, ratio: float) -> None:
        """Draw an icon, mirrored into place in right-to-left layouts."""
        painter.drawPixmap(self.mirrored(area).topLeft(), pixmap(icon, ink, ICON, ratio))

    def mirrored(self, area: QRect) -> QRect:
        """An area for left-to-right, as it lies in this layout's direction."""
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            return QRect(self.width() - area.right() - 1, area.y(), area.width(), area.height())
        return area


class QuietScrollBar(QScrollBar):
    """A vertical scroll bar that keeps its place but is only seen where there is more to see.

    With the policy ScrollBarAlwaysOn the content's width stays the same when it begins to scroll.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.maximum() > self.minimum():
            super().paintEvent(event)
