"""A page of the settings whose matter has a dialog of its own: what it is, and the way there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from chatdesk.ui.dialog import wrapped
from chatdesk.ui.settings.section import page_column
from chatdesk.ui.theme import S3, S4


class Elsewhere(QWidget):
    """requested: the person wants to go there.

    words: what a search finds it by, besides its texts.
    """

    requested = Signal()

    def __init__(
        self, title: str, help: str, text: str, button: str, words: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._found_by = f"{title} {help} {text} {button} {words}".casefold()
        column, self._help = page_column(self, title, help)
        card = QFrame(self)
        card.setProperty("card", True)
        row = QHBoxLayout(card)
        row.setContentsMargins(S4, S3, S4, S3)
        row.setSpacing(S4)
        row.addWidget(wrapped(text, card), 1)
        self.button = QPushButton(button, card)
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.requested)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        column.addWidget(card)

    def filter(self, words: list[str], *, shown: bool) -> bool:
        """Show it if it matches; whether it is shown."""
        visible = shown and all(word in self._found_by for word in words)
        self._help.setVisible(not words)
        self.setVisible(visible)
        return visible
