"""What stands in the list's place when it has nothing to show: a mark, a line, what to do."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import S1, S2, S4, S5, Theme

MARK = 28


class Empty(QWidget):
    """A quiet message in the middle of its place, a little above the centre."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = "chat"
        self._title = ""
        self._text = ""
        theme.changed.connect(self.update)

    def tell(self, icon: str, title: str, text: str) -> None:
        self._icon, self._title, self._text = icon, title, text
        self.setAccessibleName(f"{title}. {text}")
        self.update()

    @property
    def title(self) -> str:
        return self._title

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = self._theme.tokens
        width = self.width() - S4 * 2
        flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
        bold = self._theme.chrome_font(bold=True)
        painter.setFont(bold)
        title = painter.boundingRect(QRect(0, 0, width, 500), flags, self._title)
        painter.setFont(self._theme.small_font())
        text = painter.boundingRect(QRect(0, 0, width, 500), flags, self._text)
        height = MARK + S2 + title.height() + S1 + text.height()
        y = max(S5, (self.height() - height) * 2 // 5)
        mark = pixmap(self._icon, tokens.control_border, MARK, self.devicePixelRatioF())
        painter.drawPixmap((self.width() - MARK) // 2, y, mark)
        y += MARK + S2
        painter.setFont(bold)
        painter.setPen(tokens.text)
        painter.drawText(QRect(S4, y, width, title.height()), flags, self._title)
        y += title.height() + S1
        painter.setFont(self._theme.small_font())
        painter.setPen(tokens.secondary)
        painter.drawText(QRect(S4, y, width, text.height()), flags, self._text)
