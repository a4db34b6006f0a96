"""The list itself: keys, mouse, the row's button, the streaming mark's pulse."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from chatdesk.ui.controls import QuietScrollBar
from chatdesk.ui.sidebar.delegate import ConversationDelegate
from chatdesk.ui.sidebar.model import HEADING, ConversationModel
from chatdesk.ui.theme import Theme

PULSE_MS = 50
PULSE_PERIOD_MS = 1_600
# Arrow keys open what they reach, but not each of the rows flown over while a key is held.
SETTLE_MS = 80


class ConversationView(QListView):
    """opened(id): show it. entered(id): show it and go on to write. The lists are selected ids."""

    opened = Signal(str)
    entered = Signal(str)
    delete_requested = Signal(list)
    restore_requested = Signal(list)
    menu_requested = Signal(QPoint)
    undo_requested = Signal()

    def __init__(self, theme: Theme, model: ConversationModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        self.rows = ConversationDelegate(theme, self)
        self.setObjectName("conversationList")
        # The style sheet keeps rows away from the edge where no scroll bar is.
        self.setProperty("mirrored", self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        self.setAccessibleName("Conversations")
        self.setItemDelegate(self.rows)
        self.setModel(model)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollBar(QuietScrollBar(self))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._open_current)
        self._pulse = QTimer(self)
        self._pulse.setInterval(PULSE_MS)
        self._pulse.timeout.connect(self._beat)
        self._phase = 0
        self._streaming: frozenset[str] = frozenset()
        theme.changed.connect(self._theme_changed)

    # -- what the sidebar asks ------------------------------------------------------------------

    def selected_ids(self) -> list[str]:
        """The selected conversations in the order of the list."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [found for row in rows if (found := self._model.id_at(row))]

    def set_opened(self, conversation_id: str) -> None:
        """Mark the conversation the window shows, and make it the selection."""
        self.rows.opened = conversation_id
        self.viewport().update()
        self._settle.stop()
        row = self._model.row_of(conversation_id)
        if row < 0:
            self.clearSelection()
            self.selectionModel().clearCurrentIndex()
            return
        index = self._model.index(row)
        if self.selected_ids() != [conversation_id] or self.currentIndex() != index:
            self._select_only(index)
        self._reveal(row)

    def _select_only(self, index: QModelIndex) -> None:
        # setCurrentIndex() of the view asks which keys are held: with Ctrl (Ctrl+Tab, Ctrl+Z) it
        # would add to the selection instead of replacing it.
        flag = self.selectionModel().SelectionFlag.ClearAndSelect
        self.selectionModel().setCurrentIndex(index, flag)

    def _reveal(self, row: int) -> None:
        """Scroll until a row is seen; a first one with its heading."""
        if not self._model.id_at(row - 1):
            self.scrollTo(self._model.index(row - 1))
        self.scrollTo(self._model.index(row))

    def select(self, ids: Iterable[str], current: str) -> None:
        """Select what is shown of these, after the list was reset."""
        chosen = self.selectionModel()
        row = self._model.row_of(current)
        flag = chosen.SelectionFlag
        if row >= 0:
            chosen.setCurrentIndex(self._model.index(row), flag.NoUpdate)
        for conversation_id in ids:
            if (row := self._model.row_of(conversation_id)) >= 0:
                chosen.select(self._model.index(row), flag.Select)

    def set_streaming(self, ids: Iterable[str]) -> None:
        """Conversations whose mark is shown; it pulses unless motion is reduced."""
        self._streaming = frozenset(ids)
        self._model.set_streaming(self._streaming)
        self._keep_beating()

    @property
    def renaming(self) -> bool:
        """Whether a title is being written."""
        return self.rows.renaming

    def current_id(self) -> str:
        return self._model.id_at(self.currentIndex().row())

    # -- keys -----------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and _own_key(event)
        ):
            event.accept()  # these keys mean the list while it has the focus
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.renaming:
            return  # what the title's field leaves over, its Enter above all, is not for the list
        key = event.key()
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        self._show_ring(True)
        if key == Qt.Key.Key_Delete and plain:
            current = [found] if (found := self.current_id()) else []
            if ids := self.selected_ids() or current:
                (self.restore_requested if self.rows.trash else self.delete_requested).emit(ids)
        elif key == Qt.Key.Key_F2 and plain:
            if self.current_id() and not self.rows.trash:
                self.edit(self.currentIndex())
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
            if found := self.current_id():
                self._settle.stop()
                if self.rows.trash:
                    self.restore_requested.emit(self.selected_ids() or [found])
                else:
                    self.entered.emit(found)
        elif _is_undo(event):
            self.undo_requested.emit()
        else:
            before = self.currentIndex()
            super().keyPressEvent(event)
            if self.currentIndex() != before and plain and not self.rows.trash:
                self._settle.start()

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        """Headings are no stops: what would end on one goes on to the next conversation."""
        kinds = QAbstractItemView.CursorAction
        last = self._model.rowCount() - 1
        if action == kinds.MoveHome:
            return self._index_of(self._model.next_id(0, 1))
        if action == kinds.MoveEnd:
            return self._index_of(self._model.next_id(last, -1))
        found = super().moveCursor(action, modifiers)
        if found.isValid() and found.data(HEADING):
            up = action in (kinds.MoveUp, kinds.MovePageUp, kinds.MovePrevious)
            row = found.row()
            target = self._model.next_id(row, -1 if up else 1) or self._model.next_id(row, 1)
            return self._index_of(target)
        return found

    def _index_of(self, conversation_id: str) -> QModelIndex:
        row = self._model.row_of(conversation_id)
        return self._model.index(row) if row >= 0 else QModelIndex()

    def _open_current(self) -> None:
        ids = self.selected_ids()
        if len(ids) == 1:
            self.opened.emit(ids[0])

    # -- mouse ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._show_ring(False)
        point = event.position().toPoint()
        index = self.indexAt(point)
        if event.button() != Qt.MouseButton.LeftButton or not self._model.id_at(index.row()):
            if event.button() == Qt.MouseButton.LeftButton:
                return  # a click beside the rows keeps the selection
            super().mousePressEvent(event)
            return
        if not event.modifiers() and self._on_button(index, point):
            self._press_button(index)
            return
        super().mousePressEvent(event)
        if not event.modifiers() and not self.rows.trash:
            self.opened.emit(self._model.id_at(index.row()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        point = event.position().toPoint()
        index = self.indexAt(point)
        over = bool(self._model.id_at(index.row())) and self._on_button(index, point)
        if over != self.rows.over_button:
            self.rows.over_button = over
            self.viewport().update(self.visualRect(index))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            if not self._model.id_at(index.row()):
                return
            self.scrollTo(index)
            area = self.visualRect(index)
            self.menu_requested.emit(self.viewport().mapToGlobal(area.bottomLeft()))
            return
        index = self.indexAt(event.pos())
        if not (found := self._model.id_at(index.row())):
            return
        if found not in self.selected_ids():
            self._select_only(index)
        self.menu_requested.emit(event.globalPos())

    def _on_button(self, index: QModelIndex, point: QPoint) -> bool:
        return self.rows.button(self.visualRect(index), self.layoutDirection()).contains(point)

    def _press_button(self, index: QModelIndex) -> None:
        found = self._model.id_at(index.row())
        if self.rows.trash:
            self.restore_requested.emit([found])
            return
        if found not in self.selected_ids():
            self._select_only(index)
        area = self.rows.button(self.visualRect(index), self.layoutDirection())
        self.menu_requested.emit(self.viewport().mapToGlobal(area.bottomLeft()))

    # -- focus and the mark -----------------------------------------------------------------------

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        by_key = (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        if event.reason() in by_key:
            self._show_ring(True)
            if not self.current_id() and (first := self._model.next_id(0, 1)):
                flag = self.selectionModel().SelectionFlag.NoUpdate
                self.selectionModel().setCurrentIndex(self._index_of(first), flag)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._keep_beating()
        if (row := self._model.row_of(self.rows.opened)) >= 0:
            self._reveal(row)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._settle.stop()
        self._pulse.stop()

    def _show_ring(self, shown: bool) -> None:
        if self.rows.ringed != shown:
            self.rows.ringed = shown
            self.viewport().update()

    def _keep_beating(self) -> None:
        if self._streaming and self.isVisible() and not self._theme.reduced_motion:
            if not self._pulse.isActive():
                self._pulse.start()
        else:
            self._pulse.stop()
            self.rows.pulse = 1.0
            self._redraw_marks()

    def _beat(self) -> None:
        self._phase = (self._phase + PULSE_MS) % PULSE_PERIOD_MS
        self.rows.pulse = 0.65 + 0.35 * math.cos(2 * math.pi * self._phase / PULSE_PERIOD_MS)
        self._redraw_marks()

    def _redraw_marks(self) -> None:
        for conversation_id in self._streaming:
            if (row := self._model.row_of(conversation_id)) >= 0:
                area = self.visualRect(self._model.index(row))
                if area.intersects(self.viewport().rect()):
                    self.viewport().update(area)

    def _theme_changed(self) -> None:
        self._keep_beating()
        self.scheduleDelayedItemsLayout()
        self.viewport().update()


def _is_undo(event: QKeyEvent) -> bool:
    return event.modifiers() == Qt.KeyboardModifier.ControlModifier and event.key() == Qt.Key.Key_Z


def _own_key(event: QKeyEvent) -> bool:
    plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return (plain and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_F2)) or _is_undo(event)
