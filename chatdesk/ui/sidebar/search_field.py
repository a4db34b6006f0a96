"""The field that filters the list while one types."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from chatdesk.ui.actions import native
from chatdesk.ui.controls import IconButton, hint
from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import ICON, S1, S2, TARGET, Theme

KEY = "Ctrl+K"


class SearchField(QLineEdit):
    """to_results: Down. accepted: Enter. left: Escape in the empty field."""

    to_results = Signal()
    accepted = Signal()
    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("searchField")
        self.setPlaceholderText("Search")
        self.setAccessibleName("Search conversations")
        self.setToolTip(hint("Search conversations by title", KEY))
        self.setFixedHeight(TARGET + 2)
        self._clear = IconButton("close", hint("Clear the search", "Esc"), theme, self)
        self._clear.setFixedSize(TARGET - S2, TARGET - S2)
        self._clear.hide()
        self._clear.clicked.connect(self.clear)
        self.textChanged.connect(self._changed)
        self._set_margins()
        theme.changed.connect(self.update)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Down:
            self.to_results.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
        elif key == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                self.left.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side = self._clear.width()
        x = S1 if self._right_to_left() else self.width() - side - S1
        self._clear.move(x, (self.height() - side) // 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        tokens = self._theme.tokens
        y = (self.height() - ICON) // 2
        x = self.width() - ICON - S2 if self._right_to_left() else S2
        painter.drawPixmap(x, y, pixmap("search", tokens.secondary, ICON, self.devicePixelRatioF()))
        if not self.text() and not self.hasFocus():
            painter.setFont(self._theme.small_font())
            painter.setPen(tokens.secondary)
            side = (
                Qt.AlignmentFlag.AlignLeft if self._right_to_left() else Qt.AlignmentFlag.AlignRight
            )
            area = QRect(S2, 0, self.width() - S2 * 2, self.height())
            painter.drawText(
                area,
                side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter,
                native(KEY),
            )

    def _changed(self, text: str) -> None:
        self._clear.setVisible(bool(text))

    def _set_margins(self) -> None:
        lead, trail = ICON + S1 - 2, TARGET - S2
        if self._right_to_left():
            lead, trail = trail, lead
            # Its text begins beside the mark even where the words run from left to right; else it
            # would lie under the shortcut.
            self.setAlignment(
                Qt.AlignmentFlag.AlignRight
                | Qt.AlignmentFlag.AlignAbsolute
                | Qt.AlignmentFlag.AlignVCenter
            )
        self.setTextMargins(lead, 0, trail, 0)

    def _right_to_left(self) -> bool:
        return self.layoutDirection() == Qt.LayoutDirection.RightToLeft
