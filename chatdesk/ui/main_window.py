"""The window: puts the parts in their places. It decides nothing about conversations or models."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from chatdesk.ui.composer import Composer
from chatdesk.ui.drop_hint import DropHint
from chatdesk.ui.header import Header
from chatdesk.ui.icons import application_icon
from chatdesk.ui.shell import Shell
from chatdesk.ui.sidebar import Sidebar
from chatdesk.ui.theme import S2, Theme
from chatdesk.ui.toast import Toasts
from chatdesk.ui.welcome import Welcome

SMALLEST = (640, 420)
FIRST_SIZE = (1080, 760)

# Keys that are held to write other letters, not to give commands.
_IN_LETTERS = (
    Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.KeypadModifier
    | Qt.KeyboardModifier.GroupSwitchModifier
)


class MainWindow(QMainWindow):
    """Its parts are attributes: sidebar, header, transcript, welcome, composer, toasts.

    files_dropped(paths): files were dropped onto the window. closing: the window is
    about to close; the draft has been told.
    """

    files_dropped = Signal(list)
    closing = Signal()
    sidebar_toggled = Signal(bool)

    def __init__(self, theme: Theme, transcript: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("mainWindow")
        self.setWindowTitle("Chatdesk")
        self.setWindowIcon(application_icon())
        self.setMinimumSize(*SMALLEST)
        self.resize(*FIRST_SIZE)
        self._keep_on_screen()
        self.setAcceptDrops(True)

        # Tab goes from part to part in the order in which they are made (setTabOrder does nothing
        # for a widget that takes no focus itself): the reading order.
        self.sidebar = Sidebar(theme)
        self.content = _Content(theme)
        self.header = Header(theme, self.content)
        self._pages = QStackedWidget(self.content)
        self.transcript = transcript
        self._pages.addWidget(transcript)
        self.welcome = Welcome(theme, self.content)
        self._pages.addWidget(self.welcome)
        self.composer = Composer(theme, self.content)
        column = QVBoxLayout(self.content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._pages, 1)
        column.addWidget(self.composer)
        self.shell = Shell(theme, self.sidebar, self.content, self)
        self.setCentralWidget(self.shell)
        self.toasts = Toasts(theme, self.content)
        self._drop_hint = DropHint(theme, self.shell)

        self.header.sidebar_requested.connect(self.toggle_sidebar)
        self.header.new_requested.connect(self.sidebar.new_requested)
        self.shell.sidebar_toggled.connect(self._sidebar_toggled)
        self.sidebar.undo_requested.connect(self.toasts.act)
        self.sidebar.search_left.connect(self._leave_sidebar)
        self.sidebar.entered.connect(self._leave_sidebar)
        self.sidebar.selected.connect(self.shell.chosen)
        self.sidebar.new_requested.connect(self._leave_sidebar)
        self.composer.installEventFilter(self)
        theme.changed.connect(self.content.update)
        self.composer.focus()

    # -- what the rest asks ---------------------------------------------------------------------

    def show_welcome(self, shown: bool) -> None:
        """Show the welcome in the transcript's place."""
        self._pages.setCurrentWidget(self.welcome if shown else self.transcript)

    @property
    def welcome_shown(self) -> bool:
        return self._pages.currentWidget() is self.welcome

    def toggle_sidebar(self) -> None:
        """Show or hide the sidebar."""
        self.set_sidebar_shown(not self.shell.sidebar_shown)

    def set_sidebar_shown(self, shown: bool) -> None:
        self.shell.set_sidebar_shown(shown)
        if not shown and self.sidebar.isAncestorOf(self.focusWidget() or self):
            self.composer.focus()

    @property
    def sidebar_shown(self) -> bool:
        return self.shell.sidebar_shown

    def focus_search(self) -> None:
        """Show the sidebar and put the focus into its search field."""
        self.shell.set_sidebar_shown(True, at_once=True)
        self.sidebar.focus_search()

    def rename_in_sidebar(self, conversation_id: str) -> None:
        """Change a title in the list, or in the header where the list does not show it."""
        if not (self.shell.sidebar_shown and self.sidebar.begin_rename(conversation_id)):
            self.header.begin_rename()

    def save_layout(self) -> bytes:
        """Where the window is and how its sidebar stands, as ASCII text for restore_layout()."""
        geometry = b64encode(self.saveGeometry().data()).decode("ascii")
        layout = {
            "geometry": geometry,
            "sidebar_width": self.shell.sidebar_width,
            "sidebar_shown": self.shell.sidebar_wanted,
        }
        return json.dumps(layout).encode("ascii")

    def restore_layout(self, saved: bytes | str) -> bool:
        """Take what save_layout() gave; returns False, and changes nothing, if it is not that."""
        try:
            layout = json.loads(saved)
            geometry = b64decode(layout["geometry"], validate=True)
            width, shown = int(layout["sidebar_width"]), bool(layout["sidebar_shown"])
        except (ValueError, TypeError, KeyError, Base64Error):
            return False
        if not self.restoreGeometry(QByteArray(geometry)):
            return False
        self._keep_on_screen()
        self.shell.set_sidebar_width(width)
        self.shell.set_sidebar_shown(shown, at_once=True)
        return True

    # -- inner ----------------------------------------------------------------------------------

    def _keep_on_screen(self) -> None:
        """Shrink and move a window that reaches over the screen: it was saved on a larger one."""
        if self.isMaximized() or self.isFullScreen():
            return
        room = self.screen().availableGeometry()
        size = self.size().boundedTo(room.size()).expandedTo(self.minimumSize())
        if size == self.size():
            return
        self.resize(size)
        self.move(
            max(room.left(), min(self.x(), room.right() + 1 - size.width())),
            max(room.top(), min(self.y(), room.bottom() + 1 - size.height())),
        )

    def _leave_sidebar(self) -> None:
        self.shell.chosen()
        self.composer.focus()

    def _sidebar_toggled(self, shown: bool) -> None:
        self.header.set_sidebar_shown(shown and not self.shell.overlaid)
        self.sidebar_toggled.emit(shown)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.composer:
            self.toasts.set_lift(self.composer.height() + S2)
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # What nothing else had a use for: who types while a message or a button has the focus
        # means the composer.
        typed = event.text().strip() and event.text().isprintable()
        # AltGr arrives as Ctrl+Alt on Windows.
        plain = event.modifiers() & ~_IN_LETTERS in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier,
        )
        if (
            (typed and plain) or event.matches(QKeySequence.StandardKey.Paste)
        ) and self.composer.isEnabled():
            self.composer.focus()
            QCoreApplication.sendEvent(self.composer.field, event)
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.composer.flush_draft()
        self.closing.emit()
        super().closeEvent(event)

    # -- files dropped onto the window ------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if files := _files(event.mimeData()):
            event.acceptProposedAction()
            self._drop_hint.tell(len(files))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if _files(event.mimeData()):
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_hint.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_hint.hide()
        if files := _files(event.mimeData()):
            event.acceptProposedAction()
            self.files_dropped.emit(files)


def _files(data: QMimeData) -> list[str]:
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


class _Content(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.tokens.window)
