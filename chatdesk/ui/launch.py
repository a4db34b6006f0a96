"""What ties the window to the desktop that starts it: its id, the start's token, opened files.

A desktop that starts a program shows it is busy until a window comes, and lets that window come
forward because the person's click is recent. It knows the program by an id, which joins window,
launcher and task bar. What Qt does of this by itself is not repeated here; what a second start must
hand to the window that is there, and what only some systems want, is.
"""

from __future__ import annotations

import logging
import os
import sys

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFileOpenEvent, QGuiApplication, QWindow
from PySide6.QtWidgets import QWidget

_log = logging.getLogger(__name__)

# Wayland's leave to come forward (xdg-activation): the starter sets it, Qt reads it.
TOKEN = "XDG_ACTIVATION_TOKEN"


def identify() -> None:
    """Tell Windows whose windows these are, as the Start menu's shortcut does. Before any window.

    Without it the task bar shows the window as another program beside a pinned Chatdesk. A source
    checkout without metadata has no id and no shortcut either.
    """
    if sys.platform == "win32":
        import ctypes

        from chatdesk import colophon

        name = colophon.application_id()
        if name:
            ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID(name)


def token() -> str:
    """This start's leave to bring a window forward, "" where there is none."""
    return os.environ.get(TOKEN, "")


def end_busy_pointer() -> None:
    """On X11, tell the desktop that this start is done, though it opens no window of its own.

    Qt says so when the first window appears. One without a place on the screen does, and the
    person's pointer is no hourglass until the desktop gives up waiting.
    """
    if QGuiApplication.platformName() != "xcb":
        return
    window = QWindow()
    window.setFlags(Qt.WindowType.ToolTip | Qt.WindowType.BypassWindowManagerHint)
    window.setGeometry(-9, -9, 1, 1)
    window.show()
    window.destroy()


def bring_forward(window: QWidget, token: str = "") -> None:
    """Show a window before all others; token: the leave that another start was given for it."""
    if token:
        os.environ[TOKEN] = token  # where Qt looks when a window asks to be activated
    try:
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
    finally:
        os.environ.pop(TOKEN, None)


class OpenedFiles(QObject):
    """Files that the system asks this program to open while it runs: a double-click on macOS.

    opened(files): absolute paths. GUI thread only.
    """

    opened = Signal(list)

    def __init__(self, application: QCoreApplication) -> None:
        super().__init__(application)
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QFileOpenEvent):
            return False
        file = event.file()
        if file:
            self.opened.emit([file])
        else:
            _log.info("Something that is no file was to be opened.")
        return True
