"""The editor of a yes or no: a switch."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QSizePolicy,
    QWidget,
)

from chatdesk.settings import Option
from chatdesk.ui.settings.editor import Editor
from chatdesk.ui.theme import RING, RING_GAP, Theme, mix


class Switch(QCheckBox):
    """An on/off switch: a check box that is painted as what it does."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        edge = (RING + RING_GAP) * 2
        return QSize(36 + edge, 20 + edge)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, pos: Any) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = RING + RING_GAP
        track = QRectF(self.rect()).adjusted(edge, edge, -edge, -edge)
        radius = track.height() / 2
        on, enabled = self.isChecked(), self.isEnabled()
        painter.setPen(QPen(tokens.accent if on else tokens.control_border, 1.2))
        fill = tokens.accent if on else tokens.raised
        if self.underMouse() and enabled:
            fill = mix(fill, tokens.text, 0.08)
        if not enabled:
            painter.setPen(QPen(tokens.border, 1.2))
            fill = tokens.disabled if on else tokens.window
        painter.setBrush(fill)
        painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.on_accent if on else tokens.control_border)
        end = on != (self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        x = track.right() - radius if end else track.left() + radius
        painter.drawEllipse(QPointF(x, track.center().y()), radius - 5, radius - 5)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.accent, RING))
            ring = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)


class BoolEditor(Editor):
    def __init__(self, option: Option, theme: Theme, parent: QWidget | None = None) -> None:
        self._switch = Switch(theme)
        super().__init__(option, self._switch, parent)
        self.row.addStretch(1)
        self.row.addWidget(self._switch)
        self._switch.toggled.connect(self._changed)

    def show_value(self, value: Any) -> None:
        with QSignalBlocker(self._switch):
            self._switch.setChecked(bool(value))

    def _changed(self, on: bool) -> None:
        self.edited.emit(on)
