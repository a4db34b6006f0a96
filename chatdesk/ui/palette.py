"""The command palette: type a few letters of what to do, press Enter.

It lies over its window as a panel and not as a window of its own, so that no window manager has a
say in it; it closes when the focus goes elsewhere.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.actions import Action, Actions, native
from chatdesk.ui.dialog import wrapped
from chatdesk.ui.listing import Index, RowDelegate
from chatdesk.ui.theme import ICON, RADIUS, S1, S2, S3, S4, S6, Theme

_WIDTH = 560
_ROWS = 9
_KEYS = Qt.ItemDataRole.UserRole + 1


def rank(query: str, action: Action) -> tuple[int, int] | None:
    """How well an action answers a query, lower is better; None where it does not.

    Best is a text that begins with the query, then words that do, then the query somewhere in the
    text, then the first letters of words ("nc" for "New chat").
    """
    wanted, text = query.casefold().strip(), action.text.casefold()
    if text.startswith(wanted):
        return 0, len(text)
    words = re.findall(r"\w+", f"{text} {action.group.casefold()}")
    if all(any(word.startswith(part) for word in words) for part in wanted.split()):
        return 1, len(text)
    if wanted in text:
        return 2, text.index(wanted)
    initials = iter(word[0] for word in words)
    if all(letter in initials for letter in wanted):
        return 3, len(text)
    return None


class Palette(QDialog):
    """Offers what Actions.available() gives and triggers what is chosen. GUI thread only."""

    def __init__(self, actions: Actions, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("palette")
        self.setAccessibleName("Commands")
        if parent is not None:
            self.setWindowFlags(Qt.WindowType.Widget)
        self._theme = theme
        self._focus_before: QWidget | None = None
        # Itself it is not offered: it is open.
        self._all = [pair for pair in actions.available() if pair[0].id != "palette"]
        column = QVBoxLayout(self)
        column.setContentsMargins(S3, S3, S3, S2)
        column.setSpacing(S2)
        self.search = QLineEdit(self)
        self.search.setObjectName("paletteSearch")
        self.search.setPlaceholderText("What do you want to do?")
        self.search.setAccessibleName("What do you want to do?")
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        column.addWidget(self.search)
        self.list = QListWidget(self)
        self.list.setObjectName("paletteList")
        self.list.setAccessibleName("Commands")
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setStyleSheet("QListWidget { background: transparent; border: none; }")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys stay with the search field
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_CommandDelegate(theme, self.list))
        self.list.setMouseTracking(True)
        self.list.itemClicked.connect(self._run)
        column.addWidget(self.list)
        self._nothing = wrapped("No such command. Try another word.", self, "secondary")
        self._nothing.setContentsMargins(S3, S2, S3, S3)
        column.addWidget(self._nothing)
        self._filter("")

    def texts(self) -> list[str]:
        """What is offered now, the best first."""
        return [self.list.item(at).text() for at in range(self.list.count())]

    # -- inner --------------------------------------------------------------------------------

    def _filter(self, query: str) -> None:
        ranked = []
        for order, (entry, action) in enumerate(self._all):
            quality = rank(query, entry) if query.strip() else (0, order)
            if quality is not None:
                ranked.append((quality, order, entry, action))
        ranked.sort(key=lambda found: found[:2])
        self.list.clear()
        for _, _, entry, action in ranked:
            item = QListWidgetItem(action.icon(), entry.text)
            item.setData(Qt.ItemDataRole.UserRole, entry.id)
            item.setData(_KEYS, native(entry.shortcuts[0]) if entry.shortcuts else "")
            item.setToolTip(entry.hint)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.list.setVisible(bool(ranked))
        self._nothing.setVisible(not ranked)
        self._place()

    def _place(self) -> None:
        """As wide as fits, as high as its rows, in the upper middle of the window."""
        around = self.parentWidget()
        room = around.size() if around is not None else QSize(_WIDTH + S6 * 2, 800)
        width = min(_WIDTH, room.width() - S4 * 2)
        top = max(S4, min(room.height() // 8, 96))
        rows = min(self.list.count(), _ROWS)
        height = self.list.sizeHintForRow(0) * rows + S1 if rows else 0
        self.list.setFixedHeight(max(0, min(height, room.height() - top - S6 * 3)))
        layout = self.layout()
        assert layout is not None
        layout.activate()
        if layout.hasHeightForWidth():
            self.resize(width, layout.totalHeightForWidth(width))
        else:
            self.resize(width, layout.totalSizeHint().height())
        if around is not None:
            self.move(QPoint((room.width() - width) // 2, top))

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        wanted = item.data(Qt.ItemDataRole.UserRole)
        action = next(action for entry, action in self._all if entry.id == wanted)
        self.accept()
        action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
            elif event.type() == QEvent.Type.KeyPress and self._key(event):
                return True
        if watched is self.parentWidget() and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        """Keys of the list that the search field hands on; whether it was one."""
        last = self.list.count() - 1
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: _ROWS,
            Qt.Key.Key_PageUp: -_ROWS,
        }
        if event.key() in steps:
            step = steps[Qt.Key(event.key())]
            row = self.list.currentRow() + step
            if abs(step) == 1 and not 0 <= row <= last:
                row = last if row < 0 else 0
            self.list.setCurrentRow(min(max(row, 0), last))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run()
        elif event.key() == Qt.Key.Key_Escape:
            self.reject()
        else:
            return False
        return True

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place()
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
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(tokens.raised)
        painter.setPen(QPen(tokens.control_border, 1))
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(area, RADIUS, RADIUS)


class _CommandDelegate(RowDelegate):
    """An action's icon and text, its key at the end."""

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        mirrored = self.right_to_left(option)
        keys = str(index.data(_KEYS) or "")
        if keys:
            font, color = self.theme.small_font(), self.theme.tokens.secondary
            width = self.draw(painter, option, area, keys, font, color, end=True) + S3
            area = area.adjusted(width, 0, 0, 0) if mirrored else area.adjusted(0, 0, -width, 0)
        found = index.data(Qt.ItemDataRole.DecorationRole)
        if found is None or found.isNull():
            step = ICON + S2 + S1 / 2  # texts stand in one line, with an icon or without
            area = area.adjusted(0, 0, -step, 0) if mirrored else area.adjusted(step, 0, 0, 0)
        super().paint_content(painter, option, index, area)
