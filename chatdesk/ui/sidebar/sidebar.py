"""The sidebar as a whole: new chat, search, the list or why it is empty, and the bottom row."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Sequence

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QApplication,
    QHBoxLayout,
    QLabel,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from chatdesk.chat.messages import Conversation
from chatdesk.ui.actions import native
from chatdesk.ui.controls import IconButton, TextButton, hint
from chatdesk.ui.icons import icon
from chatdesk.ui.sidebar.empty import Empty
from chatdesk.ui.sidebar.model import ConversationModel
from chatdesk.ui.sidebar.search_field import SearchField
from chatdesk.ui.sidebar.status import Status
from chatdesk.ui.sidebar.view import ConversationView
from chatdesk.ui.theme import S1, S2, S4, Theme

# How often the date headings are looked at; they change at midnight.
DATES_MS = 60_000
# Titles made ready for the search in one go while idle: some milliseconds.
TITLES_AT_ONCE = 2_000


class Sidebar(QWidget):
    """Shows conversations and says what the person wants done with them; does none of it itself.

    selected(id): show this conversation. entered(id): the same, and go on to write in it.
    context_menu(menu, ids): the menu for these conversations is about to open and may be extended.
    clock: Unix seconds, for the date headings.
    """

    new_requested = Signal()
    selected = Signal(str)
    entered = Signal(str)
    renamed = Signal(str, str)
    delete_requested = Signal(list)
    restore_requested = Signal(list)
    trash_toggled = Signal(bool)
    settings_requested = Signal()
    undo_requested = Signal()
    search_left = Signal()
    context_menu = Signal(object, list)

    def __init__(
        self,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._current = ""
        self._trash = False
        self._waiting: list[Conversation] | None = None  # a new list, held while a title is edited
        self._menu: QMenu | None = None

        self.new_button = TextButton(
            "New chat", hint("New chat", "Ctrl+N"), theme, self,
            icon="plus", note=native("Ctrl+N"), look="outlined",
        )  # fmt: skip
        self.new_button.setObjectName("newChatButton")
        self.search = SearchField(theme, self)
        self.model = ConversationModel(self, clock=clock)
        self.list = ConversationView(theme, self.model, self)
        self._empty = Empty(theme, self)
        self._trash_bar = _TrashBar(theme, self)
        self._trash_bar.hide()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.list)
        self._stack.addWidget(self._empty)
        self.settings_button = TextButton(
            "Settings", hint("Settings", "Ctrl+,"), theme, self, icon="gear"
        )
        self.settings_button.setObjectName("settingsButton")
        self.trash_button = IconButton("trash", "Show the trash", theme, self)
        self.trash_button.setObjectName("trashButton")
        self.trash_button.setCheckable(True)
        self.status = Status(theme, self)

        top = QVBoxLayout()
        top.setContentsMargins(S2, S2, S2, S1)
        top.setSpacing(S2)
        top.addWidget(self.new_button)
        top.addWidget(self.search)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(S2, S2, S2, S2)
        bottom.setSpacing(S1)
        bottom.addWidget(self.settings_button)
        bottom.addStretch(1)
        bottom.addWidget(self.status)
        bottom.addWidget(self.trash_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._trash_bar)
        column.addWidget(self._stack, 1)
        column.addLayout(bottom)
        self.setTabOrder(self.new_button, self.search)
        self.setTabOrder(self.search, self.list)
        self.setTabOrder(self.list, self.settings_button)

        self.new_button.clicked.connect(self.new_requested)
        self.settings_button.clicked.connect(self.settings_requested)
        self.trash_button.toggled.connect(self._trash_pressed)
        self._trash_bar.left.connect(self._leave_trash)
        self.search.textChanged.connect(self._filter)
        self.search.to_results.connect(self._go_to_results)
        self.search.accepted.connect(self._open_first)
        self.search.left.connect(self.search_left)
        self.list.opened.connect(self._opened)
        self.list.entered.connect(self._entered)
        self.list.delete_requested.connect(self.delete_requested)
        self.list.restore_requested.connect(self.restore_requested)
        self.list.undo_requested.connect(self.undo_requested)
        self.list.menu_requested.connect(self._open_menu)
        self.list.rows.renamed.connect(self.renamed)
        self.list.rows.closeEditor.connect(self._editor_closed)
        self._dates = QTimer(self)
        self._dates.setInterval(DATES_MS)
        self._dates.timeout.connect(self._refresh_dates)
        self._prepare = QTimer(self)
        self._prepare.setInterval(0)
        self._prepare.timeout.connect(self._prepare_search)
        theme.changed.connect(self.update)
        self._tell_emptiness()

    # -- data in --------------------------------------------------------------------------------

    def set_conversations(self, conversations: Sequence[Conversation]) -> None:
        """Show this list; selection and scroll position stay where they can."""
        if self.list.renaming:
            self._waiting = list(conversations)
            return
        self._keeping_place(lambda: self.model.set_conversations(conversations))
        self._prepare.start()

    def update_conversation(self, conversation: Conversation) -> None:
        """Show a conversation's new state; one that is not in the list yet is added."""
        self.model.update(conversation)
        if conversation.id == self._current and not self.list.selected_ids():
            self.list.set_opened(conversation.id)  # it was opened before it was listed
        self._tell_emptiness()

    def remove(self, ids: Iterable[str]) -> None:
        """Take conversations out of the list."""
        self.model.remove(ids)
        self._tell_emptiness()

    def set_current(self, conversation_id: str | None) -> None:
        """Mark the conversation that the window shows; None: one that is not saved yet."""
        new = conversation_id or ""
        if new != self._current or self.list.rows.opened != new:
            self._current = new
            self.list.set_opened(new)

    def set_streaming(self, ids: Iterable[str]) -> None:
        """Mark the conversations in which a reply is being written."""
        self.list.set_streaming(ids)

    def set_trash(self, shown: bool) -> None:
        """Show the list as that of the trash or not, without telling anybody."""
        self.trash_button.blockSignals(True)
        self.trash_button.setChecked(shown)
        self.trash_button.blockSignals(False)
        self._show_trash(shown)

    def set_status(self, text: str, icon_name: str = "lock", tip: str = "") -> None:
        """The short word at the bottom ("offline") with its mark; tip explains it."""
        self.status.tell(text, icon_name, tip)

    def begin_rename(self, conversation_id: str) -> bool:
        """Let the person change a title in its row; returns whether it is shown and could begin."""
        row = self.model.row_of(conversation_id)
        if row < 0 or self._trash:
            return False
        index = self.model.index(row)
        self.list.scrollTo(index)
        self.list.edit(index)
        return True

    def focus_search(self) -> None:
        """Put the focus into the search field with its text selected."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def neighbour(self, conversation_id: str | None, by: int, without: Container[str] = ()) -> str:
        """The next (1) or previous (-1) conversation of the list; "" where there is none.

        The first for one that is not listed. without: those that do not count.
        """
        row = self.model.row_of(conversation_id or "")
        found = self.model.next_id(row + by if row >= 0 else 0, by if row >= 0 else 1)
        while found in without and found:
            found = self.model.next_id(self.model.row_of(found) + by, by)
        return found

    @property
    def trash_shown(self) -> bool:
        return self._trash

    def selected_ids(self) -> list[str]:
        """The selected conversations, in the list's order."""
        return self.list.selected_ids()

    # -- inner ----------------------------------------------------------------------------------

    def _opened(self, conversation_id: str) -> None:
        if conversation_id != self._current:
            self.selected.emit(conversation_id)

    def _entered(self, conversation_id: str) -> None:
        self._opened(conversation_id)
        self.entered.emit(conversation_id)

    def _filter(self, text: str) -> None:
        self._keeping_place(lambda: self.model.set_filter(text))
        if text:
            self.list.scrollToTop()

    def _go_to_results(self) -> None:
        if first := self.model.next_id(0, 1):
            self.list.setFocus(Qt.FocusReason.TabFocusReason)
            if not self.list.current_id():
                self.list.setCurrentIndex(self.model.index(self.model.row_of(first)))

    def _open_first(self) -> None:
        if (first := self.model.next_id(0, 1)) and not self._trash:
            self._entered(first)

    def _keeping_place(self, change: Callable[[], bool]) -> None:
        """Do what may reset the list, then select again what was selected."""
        selected, current = self.list.selected_ids(), self.list.current_id()
        position = self.list.verticalScrollBar().value()
        if change():
            self.list.select(selected or [self._current], current or self._current)
            self.list.verticalScrollBar().setValue(position)
        self._tell_emptiness()

    def _trash_pressed(self, shown: bool) -> None:
        self._show_trash(shown)
        self.trash_toggled.emit(shown)

    def _leave_trash(self) -> None:
        self.trash_button.setChecked(False)

    def _show_trash(self, shown: bool) -> None:
        if shown == self._trash:
            return
        self._trash = shown
        self.list.rows.trash = shown
        self._trash_bar.setVisible(shown)
        self.list.setAccessibleName("Conversations in the trash" if shown else "Conversations")
        self.trash_button.set_hint("Back to the conversations" if shown else "Show the trash")
        self.search.setPlaceholderText("Search the trash" if shown else "Search")
        # What is listed belongs to the other view; the new list follows at once.
        self.model.set_conversations(())
        self.list.clearSelection()
        self._tell_emptiness()

    def _tell_emptiness(self) -> None:
        empty = self.model.rowCount() == 0
        if empty:
            if self.model.filtered:
                query = self.search.text().strip()
                self._empty.tell("search", "Nothing found", f"No title contains “{query}”.")
            elif self._trash:
                self._empty.tell(
                    "trash", "The trash is empty", "What you delete can be restored here."
                )
            else:
                self._empty.tell(
                    "chat", "No conversations yet", "What you write is kept on this computer."
                )
        wanted: QWidget = self._empty if empty else self.list
        if self._stack.currentWidget() is not wanted:
            had_focus = self.list.hasFocus()
            self._stack.setCurrentWidget(wanted)
            if had_focus and empty:
                self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _editor_closed(
        self,
        editor: QWidget,
        _hint: QAbstractItemDelegate.EndEditHint = QAbstractItemDelegate.EndEditHint.NoHint,
    ) -> None:
        # By Enter or Escape the keyboard goes back to the list; a click elsewhere moved it already.
        if QApplication.focusWidget() in (editor, self.list, None):
            self.list.setFocus(Qt.FocusReason.TabFocusReason)
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            QTimer.singleShot(0, self, lambda: self.set_conversations(waiting))

    def _open_menu(self, position: QPoint) -> None:
        ids = self.list.selected_ids()
        if not ids:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        many = f"{len(ids):,} conversations" if len(ids) > 1 else ""
        if self._trash:
            restore = menu.addAction(icon("restore", self._theme), f"Restore {many}".strip())
            restore.triggered.connect(lambda: self.restore_requested.emit(ids))
        else:
            if not many:
                rename = menu.addAction(icon("edit", self._theme), "Rename")
                rename.setShortcut(QKeySequence("F2"))
                rename.triggered.connect(lambda: self.begin_rename(ids[0]))
            self.context_menu.emit(menu, ids)
            text = f"Move {many} to the trash" if many else "Move to the trash"
            delete = menu.addAction(icon("trash", self._theme), text)
            delete.setShortcut(QKeySequence("Del"))
            delete.triggered.connect(lambda: self.delete_requested.emit(ids))
        self._menu = menu
        menu.popup(position)

    def _prepare_search(self) -> None:
        if not self.model.prepare_search(TITLES_AT_ONCE):
            self._prepare.stop()

    def _refresh_dates(self) -> None:
        if not self.list.renaming:
            self._keeping_place(self.model.refresh_dates)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh_dates()
        self._dates.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._dates.stop()
        self._prepare.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.tokens.sidebar)


class _TrashBar(QWidget):
    """Says that the list is the trash, and leads back."""

    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        label = QLabel("Trash", self)
        label.setProperty("tone", "heading")
        back = IconButton("close", "Back to the conversations", theme, self)
        back.setObjectName("leaveTrashButton")
        back.clicked.connect(self.left)
        row = QHBoxLayout(self)
        row.setContentsMargins(S4, S1, S2, 0)
        row.addWidget(label, 1)
        row.addWidget(back)
