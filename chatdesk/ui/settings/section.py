"""Options that belong together: a heading and a card of rows."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from chatdesk.ui.dialog import label, wrapped
from chatdesk.ui.settings.row import OptionRow
from chatdesk.ui.theme import S2


class Section(QWidget):
    """A group of options: heading, what it is about, a card with its rows."""

    def __init__(self, title: str, help: str, parent: QWidget) -> None:
        super().__init__(parent)
        column, self._help = page_column(self, title, help)
        card = QFrame(self)
        card.setProperty("card", True)
        self._rows = QVBoxLayout(card)
        self._rows.setContentsMargins(1, 1, 1, 1)
        self._rows.setSpacing(0)
        column.addWidget(card)
        self._all: list[OptionRow] = []

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._all)

    def add(self, row: OptionRow) -> None:
        self._rows.addWidget(row)
        self._all.append(row)

    def filter(self, words: list[str], *, shown: bool) -> bool:
        """Show the rows that match; whether there is one (and the section is shown)."""
        visible = [row for row in self._all if shown and row.matches(words)]
        for row in self._all:
            row.setVisible(row in visible)
            row.set_ruled(row in visible and row is not visible[0])
        self._help.setVisible(not words)
        self.setVisible(bool(visible))
        return bool(visible)


def page_column(page: QWidget, title: str, help: str) -> tuple[QVBoxLayout, QLabel]:
    """The layout of a page with its heading and what it is about, and the label of the latter."""
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(S2)
    column.addWidget(label(title, "heading", page))
    about = wrapped(help, page, "secondary")
    column.addWidget(about)
    column.addSpacing(S2)
    return column, about
