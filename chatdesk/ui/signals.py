"""SIGINT and SIGTERM end the window as its close button does, so that nothing is lost.

Python runs signal handlers only when its interpreter runs, which it may not for hours while Qt
waits for events. The operating system's handler therefore writes to a socket that Qt watches.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, QTimer

# What was typed before the request may still be on its way through the window system's queue and
# Qt's thread that reads it; it belongs to the draft that is saved.
GRACE_MS = 200


class QuitSignals(QObject):
    """Calls quit in the GUI thread soon after the process is asked to end. Main thread only."""

    def __init__(self, quit_window: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._grace = QTimer(self)
        self._grace.setSingleShot(True)
        self._grace.setInterval(GRACE_MS)
        self._grace.timeout.connect(quit_window)
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)
        self._before = {
            number: signal.signal(number, self._ignore)
            for number in (signal.SIGINT, signal.SIGTERM)
        }

    def close(self) -> None:
        """Put the handlers of before back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._notifier.setEnabled(False)
        self._grace.stop()
        self._read.close()
        self._write.close()

    @staticmethod
    def _ignore(_number: int, _frame: object) -> None:
        """The socket tells; Python's own handler must only exist."""

    def _woken(self) -> None:
        try:
            numbers = self._read.recv(64)
        except BlockingIOError:  # Qt may wake up for nothing
            return
        asked = signal.SIGINT in numbers or signal.SIGTERM in numbers
        if asked and not self._grace.isActive():
            self._grace.start()
