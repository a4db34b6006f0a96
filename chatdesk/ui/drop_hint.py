"""What shows over the window while files are dragged onto it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import RADIUS, S3, S4, Theme

MARK = 36


class DropHint(QWidget):
    """Covers its parent, lets all events through to it, and says what a drop will do."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._text = ""
        self._below = parent
        self.setObjectName("dropHint")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        parent.installEventFilter(self)

    def tell(self, files: int) -> None:
        """Show that this many files can be dropped."""
        self._text = "Drop to add the model" if files == 1 else f"Drop to add {files:,} models"
        self.setGeometry(self._below.rect())
        self.raise_()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._below.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = self._theme.tokens
        veil = QColor(tokens.window)
        veil.setAlphaF(0.92)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(tokens.accent, 2, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = QRectF(self.rect()).adjusted(S4, S4, -S4, -S4)
        painter.drawRoundedRect(frame, RADIUS, RADIUS)
        middle = self.rect().center()
        mark = pixmap("model", tokens.accent, MARK, self.devicePixelRatioF())
        painter.drawPixmap(middle.x() - MARK // 2, middle.y() - MARK, mark)
        painter.setFont(self._theme.chrome_font(delta=2, bold=True))
        painter.setPen(tokens.text)
        area = QRect(0, middle.y() + S3, self.width(), 40)
        painter.drawText(
            area, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, self._text
        )
