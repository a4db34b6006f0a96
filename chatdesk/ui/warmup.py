"""What costs time at its first use is used once before a person needs it, while nothing happens.

A Pygments lexer takes 5 to 35 ms the first time [measured], more than a frame; the first code block
of a reply would make the text stutter. One language is warmed at a time, with pauses, and never
while a reply streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from importlib import import_module

from PySide6.QtCore import QObject, QTimer

from chatdesk.ui.markdown import highlight

# What models answer most often in, likeliest first.
LANGUAGES = ("python", "bash", "javascript", "json", "html", "sql", "c", "java")
FIRST_MS, NEXT_MS = 1_500, 250


class WarmUp(QObject):
    """Works in the GUI thread, a language a tick, from start() until done or stop()."""

    def __init__(self, busy: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy = busy
        self._left = deque(LANGUAGES)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next)

    def start(self) -> None:
        self._timer.start(FIRST_MS)

    def stop(self) -> None:
        self._timer.stop()

    def _next(self) -> None:
        if not self._left:
            return
        # The parser's own first use takes 30 ms; it is imported where no reply did it before.
        import_module("chatdesk.ui.markdown.stream")
        if not self._busy():
            highlight.warm_up([self._left.popleft()])
        self._timer.start(NEXT_MS)
