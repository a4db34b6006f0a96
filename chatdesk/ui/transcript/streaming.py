"""Collects streamed text and hands it on at most once per frame of 1/30 s.

Tokens may come faster than the eye and the layout need them. The first piece after a pause is
handed on at once, so a reply's first word is not late; the timer runs only while text comes.
GUI thread only.
"""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from chatdesk.ui.transcript.entries import Part

FRAME_MS = 33
Piece = tuple[str, Part, str]


class Coalescer(QObject):
    """ready carries a list of (entry id, part, text): all there is since the last time."""

    ready = Signal(list)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pending: dict[tuple[str, Part], list[str]] = {}
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)

    def add(self, entry_id: str, part: Part, text: str) -> None:
        """More text of an entry; handed on within a frame."""
        self._pending.setdefault((entry_id, part), []).append(text)
        if not self._timer.isActive():
            passed = self._since.elapsed() if self._since.isValid() else FRAME_MS
            self._timer.start(max(0, FRAME_MS - passed))

    def flush(self) -> None:
        """Hand on what there is now."""
        self._timer.stop()
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        self._since.start()
        self.ready.emit([(key[0], key[1], "".join(texts)) for key, texts in pending.items()])

    @property
    def idle(self) -> bool:
        return not self._pending and not self._timer.isActive()
