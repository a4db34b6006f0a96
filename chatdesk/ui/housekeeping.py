"""When Python collects garbage in the window: while nobody waits for a frame.

A collection of the oldest generation walks all objects and pauses the GUI thread for 10 to 23 ms
[measured with 10,000 messages], more than a frame. What exists once the window is shown stays for
good and is taken out of the walk; the rest is collected when nothing streams and no key or mouse
button was used for a while.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QWindow

IDLE_MS = 3_000
# So rarely that the oldest generation is in practice collected only here. The young ones are
# cheap and keep their usual thresholds.
RARELY = 10_000

_INPUT = {
    QEvent.Type.KeyPress,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.Wheel,
}


class Housekeeping(QObject):
    """Collects when idle from start() to stop(). GUI thread only.

    It watches the native window, which sees each input event once, and not the application, where
    a filter in Python would cost something for every event of every widget.
    """

    def __init__(self, busy: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy = busy
        self._window: QWindow | None = None
        self._thresholds = gc.get_threshold()
        self._timer = QTimer(self)
        self._timer.setInterval(IDLE_MS)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._collect)

    def start(self, window: QWindow) -> None:
        """Take all that exists now out of later collections and begin to watch."""
        gc.collect()
        gc.freeze()
        young, middle, _ = self._thresholds
        gc.set_threshold(young, middle, RARELY)
        gc.enable()  # the command that opened the window turned it off
        self._window = window
        window.installEventFilter(self)
        self._timer.start()

    def stop(self) -> None:
        """Give Python its own policy back."""
        self._timer.stop()
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _INPUT:
            self._timer.start()
        return False

    def _collect(self) -> None:
        if self._busy():
            self._timer.start()
        else:
            gc.collect()
