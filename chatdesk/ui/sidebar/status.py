"""The word at the bottom of the sidebar that says where the window's words go: "offline"."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QWidget

from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import S1, TARGET, Theme

MARK = 14
WIDEST = 116  # pixels; a longer name is elided, the buttons beside it are not
OFFLINE_TIP = "Offline: what you write stays on this computer."


class Status(QLabel):
    """A small mark and a word in secondary ink; anything but the closed lock wears violet."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = "lock"
        self.setObjectName("offlineStatus")
        self.setFixedHeight(TARGET)
        self.tell("offline", "lock", OFFLINE_TIP)
        theme.changed.connect(self._theme_changed)

    def tell(self, text: str, icon: str, tip: str = "") -> None:
        self._icon = icon
        self.setText(text)
        self.setToolTip(tip or (OFFLINE_TIP if icon == "lock" else text))
        self.setAccessibleName(self.toolTip())
        self._theme_changed()

    def _theme_changed(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        if not self.text():
            return QSize(0, TARGET)
        metrics = QFontMetrics(self._theme.small_font())
        # One pixel more than the rounded advance: otherwise the last letters may be cut.
        width = MARK + S1 * 3 + metrics.horizontalAdvance(self.text()) + 1
        return QSize(min(width, WIDEST), TARGET)

    def minimumSizeHint(self) -> QSize:
        return QSize(MARK + S1, TARGET)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.text():
            return
        painter = QPainter(self)
        tokens = self._theme.tokens
        ink = tokens.secondary if self._icon == "lock" else tokens.remote
        rtl = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        image = pixmap(self._icon, ink, MARK, self.devicePixelRatioF())
        x = self.width() - MARK - S1 if rtl else S1
        painter.drawPixmap(x, (self.height() - MARK) // 2, image)
        painter.setFont(self._theme.small_font())
        painter.setPen(ink)
        room = self.rect().adjusted(S1, 0, -S1, 0)
        room.adjust(0 if rtl else MARK + S1, 0, -(MARK + S1) if rtl else 0, 0)
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        side = Qt.AlignmentFlag.AlignRight if rtl else Qt.AlignmentFlag.AlignLeft
        painter.drawText(
            room,
            side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter,
            painter.fontMetrics().elidedText(
                self.text(), Qt.TextElideMode.ElideRight, room.width()
            ),
        )
