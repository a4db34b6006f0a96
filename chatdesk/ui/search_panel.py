"""A search field above a list: what the command palette and the model picker share.

It lies over its window as a panel and not as a window of its own, so that no window manager has a
say in it; it closes when the focus goes elsewhere. The keys stay with the search field, which hands
those of the list on, so that one can type and choose without leaving it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QLineEdit,
    QListView,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.abstract import AbstractQt
from chatdesk.ui.dialog import announce, wrapped
from chatdesk.ui.theme import RADIUS, S1, S2, S3, S4, S6, Theme

PAGE = 9  # rows that PageUp and PageDown go


class SearchPanel(QDialog, metaclass=AbstractQt):
    """Subclasses fill the list (refill) and do what was chosen (choose). GUI thread only.

    name: what a screen reader calls the panel. prompt: what stands in the empty field. width: in
    pixels, where there is room. rows: so many are shown before the list scrolls. Rows that cannot
    be selected (headings) are stepped over.
    """

    def __init__(
        self,
        name: str,
        prompt: str,
        view: QListView,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        width: int = 560,
        rows: int = 9,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        if parent is not None:
            self.setWindowFlags(Qt.WindowType.Widget)
        self.theme = theme
        self._width = width
        self._rows = rows
        self._focus_before: QWidget | None = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(S3, S3, S3, S2)
        self.column.setSpacing(S2)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(prompt)
        self.search.setAccessibleName(prompt)
        self.search.textChanged.connect(self._changed)
        self.search.installEventFilter(self)
        self.column.addWidget(self.search)
        self._view = view
        view.setParent(self)
        view.setAccessibleName(name)
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setStyleSheet("QListView { background: transparent; border: none; }")
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys stay with the search field
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setMouseTracking(True)
        view.clicked.connect(self._clicked)
        self.column.addWidget(view)
        self._nothing = wrapped("", self, "secondary")
        self._nothing.setContentsMargins(S3, S2, S3, S3)
        self._nothing.hide()
        self.column.addWidget(self._nothing)

    # -- for subclasses -----------------------------------------------------------------------

    @abstractmethod
    def refill(self, query: str) -> str:
        """Fill the list with what answers query; returns what to say where it is empty."""

    @abstractmethod
    def choose(self, index: QModelIndex) -> None:
        """A row was chosen with Enter or a click."""

    def place(self, room: QSize, height: Callable[[int], int]) -> QRect:
        """Where the panel lies in its window; height tells how high it is for a width.

        As wide as fits, in the upper middle.
        """
        width = min(self._width, room.width() - S4 * 2)
        return QRect((room.width() - width) // 2, self.top(room), width, height(width))

    def top(self, room: QSize) -> int:
        """How far from its window's upper edge the panel begins, pixels."""
        return max(S4, min(room.height() // 8, 96))

    # -- for subclasses and tests ---------------------------------------------------------------

    def show_query(self) -> None:
        """Fill the list for what stands in the field, and select the first row."""
        self._changed(self.search.text())

    def select(self, row: int) -> None:
        """Select a row and show it; a heading above the first of its group is shown with it."""
        model = self._view.model()
        if row > 0 and not self._selectable(row - 1):
            self._view.scrollTo(model.index(row - 1, 0))
        self._view.setCurrentIndex(model.index(row, 0))
        self._view.scrollTo(model.index(row, 0))

    def selected(self) -> int:
        """The selected row, -1 for none."""
        return self._view.currentIndex().row()

    def texts(self) -> list[str]:
        """What is offered now, from the top."""
        model = self._view.model()
        return [str(model.index(row, 0).data() or "") for row in range(model.rowCount())]

    def arrange(self) -> None:
        """Take the size and the place that the rows need."""
        around = self.parentWidget()
        room = around.size() if around is not None else QSize(self._width + S6 * 2, 800)
        count = self._view.model().rowCount()
        rows = [self._view.sizeHintForRow(row) for row in range(min(count, self._rows))]
        high = sum(rows) + S1 if rows else 0
        self._view.setFixedHeight(0)
        width = self.place(room, lambda _width: 0).width()
        free = room.height() - self.top(room) - S4 - self._height_for(width)
        self._view.setFixedHeight(max(0, min(high, free)))
        self.setGeometry(self.place(room, self._height_for))

    # -- inner --------------------------------------------------------------------------------

    def _changed(self, query: str) -> None:
        nothing = self.refill(query)
        count = self._view.model().rowCount()
        first = self._next(-1, 1, count)
        if first is not None:
            self.select(first)
            self._view.scrollToTop()
        self._view.setVisible(count > 0)
        self._nothing.setText(nothing)
        self._nothing.setVisible(count == 0)
        self.arrange()

    def _height_for(self, width: int) -> int:
        self.column.activate()
        if self.column.hasHeightForWidth():
            return self.column.totalHeightForWidth(width)
        return self.column.totalSizeHint().height()

    def _selectable(self, row: int) -> bool:
        flags = self._view.model().index(row, 0).flags()
        return bool(flags & Qt.ItemFlag.ItemIsSelectable)

    def _next(self, row: int, step: int, count: int) -> int | None:
        """The next row that can be selected, from row on by step, around the ends."""
        for _ in range(count):
            row = (row + step) % count
            if self._selectable(row):
                return row
        return None

    def _step(self, by: int) -> None:
        count = self._view.model().rowCount()
        found = self.selected()
        if abs(by) == 1:
            target = self._next(found, by, count)
        else:  # a page stops at the ends
            wanted = min(max(found + by, 0), count - 1)
            beyond = range(wanted, count) if by > 0 else range(wanted, -1, -1)
            back = range(wanted, -1, -1) if by > 0 else range(wanted, count)
            target = next((row for row in (*beyond, *back) if self._selectable(row)), None)
        if target is not None and target != found:
            self.select(target)
            announce(self.search, self._spoken(target))

    def _spoken(self, row: int) -> str:
        index = self._view.model().index(row, 0)
        return str(index.data(Qt.ItemDataRole.AccessibleTextRole) or index.data() or "")

    def _clicked(self, index: QModelIndex) -> None:
        if index.flags() & Qt.ItemFlag.ItemIsSelectable:
            self.choose(index)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
            elif event.type() == QEvent.Type.KeyPress and self.key(event):
                return True
        if watched is self.parentWidget() and event.type() == QEvent.Type.Resize:
            self.arrange()
        return super().eventFilter(watched, event)

    def key(self, event: QKeyEvent) -> bool:
        """Keys of the list that the search field hands on; whether it was one."""
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: PAGE,
            Qt.Key.Key_PageUp: -PAGE,
        }
        if event.key() in steps:
            self._step(steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            index = self._view.currentIndex()
            if index.isValid():
                self.choose(index)
        elif event.key() == Qt.Key.Key_Escape:
            self.reject()
        else:
            return False
        return True

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.arrange()
        self.raise_()
        if self._focus_before is None and (around := self.parentWidget()) is not None:
            self._focus_before = around.focusWidget()
        self.search.setFocus(Qt.FocusReason.PopupFocusReason)
        around = self.parentWidget()
        if around is not None:
            around.installEventFilter(self)
            application = QApplication.instance()
            assert isinstance(application, QApplication)
            application.focusChanged.connect(self._focus_moved)

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and new is not self and not self.isAncestorOf(new):
            self.reject()

    def done(self, result: int) -> None:
        around = self.parentWidget()
        if around is not None and self.isVisible():
            around.removeEventFilter(self)
            application = QApplication.instance()
            assert isinstance(application, QApplication)
            application.focusChanged.disconnect(self._focus_moved)
            within = application.focusWidget()
            if self._focus_before is not None and within and self.isAncestorOf(within):
                self._focus_before.setFocus(Qt.FocusReason.PopupFocusReason)
        super().done(result)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self.theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(tokens.raised)
        painter.setPen(QPen(tokens.control_border, 1))
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(area, RADIUS, RADIUS)
