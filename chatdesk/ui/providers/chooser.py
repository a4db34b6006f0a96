"""Choosing what kind of provider to add: a list that can be searched, one line about each."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from chatdesk.ui.dialog import EmptyState, centred, label, tool_button, wrapped
from chatdesk.ui.icons import icon
from chatdesk.ui.listing import Index, TwoLineDelegate, TwoLines, row_list
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.providers.offers import Offer, offers
from chatdesk.ui.theme import S2, S3, S4, Theme, Tokens

OFFER_ROLE = Qt.ItemDataRole.UserRole + 1
_WIDEST = 640  # pixels


class PresetChooser(QWidget):
    """chosen(kind): a key of PRESETS. back: nothing is to be added. GUI thread only."""

    chosen = Signal(str)
    back = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("presetChooser")
        page = QWidget(self)
        centred(page, _WIDEST, self).setContentsMargins(S4, S4, S4, 0)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S3)
        head = QHBoxLayout()
        head.setSpacing(S2)
        self.back_button = tool_button(theme, "previous", "Back (Esc)", page)
        self.back_button.setAccessibleName("Back")
        self.back_button.setObjectName("presetBackButton")
        self.back_button.clicked.connect(self.back)
        head.addWidget(self.back_button)
        head.addWidget(label("Add a provider", "heading", page), 1)
        column.addLayout(head)
        self.search = QLineEdit(page)
        self.search.setObjectName("presetSearch")
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search kinds of providers")
        self.search.setToolTip("Search (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        column.addWidget(self.search)
        self.offers = Offers(self)
        self.list = row_list(
            "presetList", "Kinds of providers", self.offers, TwoLineDelegate(theme, _lines), page
        )
        self.list.clicked.connect(self._choose)
        column.addWidget(self.list, 1)
        self.nothing = EmptyState(theme, "search", "Clear the search", page)
        self.nothing.button.clicked.connect(self.search.clear)
        self.nothing.hide()
        column.addWidget(self.nothing, 1)
        note = wrapped(
            "What you write to a provider leaves Chatdesk. Conversations with models on this "
            "computer stay here.",
            page,
            "small",
        )
        note.setContentsMargins(0, 0, 0, S3)
        column.addWidget(note)
        theme.changed.connect(self._refresh_theme)
        self._refresh_theme()

    def open(self) -> None:
        """Start anew: nothing is searched for, the first kind is marked."""
        self.search.clear()
        self._filter("")
        self.search.setFocus()

    def choose(self) -> None:
        """Take the marked kind."""
        self._choose(self.list.currentIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        key = event.key()
        if key == Qt.Key.Key_F and control:
            self.search.setFocus()
            self.search.selectAll()
        elif key == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
        elif key == Qt.Key.Key_Escape:
            self.back.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._choosing():
            self.choose()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self.search.hasFocus():
            self.list.setFocus()
            self._step(1 if key == Qt.Key.Key_Down else -1)
        else:
            super().keyPressEvent(event)

    # -- inner --------------------------------------------------------------------------------

    def _choosing(self) -> bool:
        return self.search.hasFocus() or self.list.hasFocus()

    def _step(self, by: int) -> None:
        row = max(0, min(self.list.currentIndex().row() + by, self.offers.rowCount() - 1))
        self.list.setCurrentIndex(self.offers.index(row))

    def _choose(self, index: Index) -> None:
        offer = index.data(OFFER_ROLE)
        if isinstance(offer, Offer):
            self.chosen.emit(offer.preset.kind)

    def _filter(self, text: str) -> None:
        self.offers.set_search(text)
        found = self.offers.rowCount() > 0
        self.list.setVisible(found)
        self.nothing.setVisible(not found)
        self.nothing.set_words(
            f"No kind of provider matches “{text.strip()}”",
            "For any server that understands OpenAI's interface, choose “Other”.",
        )
        self.list.setCurrentIndex(self.offers.index(0))

    def _refresh_theme(self) -> None:
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        self.back_button.setIcon(icon("next" if mirrored else "previous", self._theme))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._refresh_theme()


class Offers(QAbstractListModel):
    """The kinds that match what is searched for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all = offers()
        self._shown: tuple[Offer, ...] = self._all

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < len(self._shown):
            return None
        offer = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return offer.preset.name
        if role == OFFER_ROLE:
            return offer
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (offer.preset.name, offer.where, offer.line)
            return ", ".join(part for part in parts if part)
        return None

    def set_search(self, text: str) -> None:
        words = text.casefold().split()
        self.beginResetModel()
        self._shown = tuple(offer for offer in self._all if offer.matches(words))
        self.endResetModel()


def _lines(index: Index, tokens: Tokens) -> TwoLines | None:
    offer = index.data(OFFER_ROLE)
    if not isinstance(offer, Offer):
        return None
    return TwoLines(
        provider_mark(not offer.leaves),
        tokens.remote,
        offer.preset.name,
        tokens.text,
        offer.line,
        tokens.secondary,
        end=offer.place,
    )
