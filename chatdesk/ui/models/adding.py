"""Adding model files to the library: the work, and the strip that shows when it takes long.

Files are looked at before they are added, so that what is no model never enters the list. Giving up
takes effect between two files; a file that was added already stays.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from chatdesk.errors import ChatdeskError, LoadCancelled
from chatdesk.library import Library, ModelInfo, inspect
from chatdesk.ui.dialog import label
from chatdesk.ui.models.background import Background, Job
from chatdesk.ui.theme import S3, Theme

PATIENCE_MS = 1_000  # work that takes longer shows that it goes on, and can be given up


class Adding(QWidget):
    """added(ModelInfo), the last one, or failed(ChatdeskError); then ended. Hidden while quick.

    Giving up is told by ended alone. GUI thread only.
    """

    added = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, library: Library, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("modelBusy")
        self._library = library
        self._background = Background(self)
        self._job: Job | None = None
        self._stop = threading.Event()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S3)
        self._text = label("", "secondary", self)
        row.addWidget(self._text)
        bar = QProgressBar(self)
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName("Reading")
        row.addWidget(bar, 1)
        cancel = QPushButton("Cancel", self)
        cancel.setObjectName("cancelAddButton")
        cancel.setProperty("kind", "quiet")
        cancel.setAutoDefault(False)
        cancel.setToolTip("Stop reading; the list stays as it is")
        cancel.clicked.connect(self.cancel)
        row.addWidget(cancel)
        self.patience = QTimer(self)
        self.patience.setSingleShot(True)
        self.patience.setInterval(PATIENCE_MS)
        self.patience.timeout.connect(self.show)
        self.hide()

    def start(self, paths: Sequence[Path]) -> bool:
        """Add files where they lie; False where there are none or others are being added."""
        if not paths or self._job is not None:
            return False
        self._stop = threading.Event()
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        self._text.setText(f"Reading {paths[0].name}{more}")
        self.patience.start()
        self._job = self._background.run(partial(_add, self._library, paths, self._stop))
        self._job.done.connect(self._done)
        self._job.failed.connect(self._failed)
        return True

    def cancel(self) -> None:
        """Give up."""
        self._stop.set()
        if self._job is not None:
            self._job.cancel()
            self._end()

    def _done(self, last: ModelInfo) -> None:
        self.added.emit(last)
        self._end()

    def _failed(self, error: ChatdeskError) -> None:
        if not isinstance(error, LoadCancelled):
            self.failed.emit(error)
        self._end()

    def _end(self) -> None:
        self._job = None
        self.patience.stop()
        self.hide()
        self.ended.emit()


def _add(library: Library, paths: Sequence[Path], stop: threading.Event) -> ModelInfo:
    """Look at each file, then add it; returns the last one. For a pool thread."""
    added: ModelInfo | None = None
    for path in paths:
        inspect(path)
        if stop.is_set():
            break
        added = library.add(path)
    if added is None:
        raise LoadCancelled("Adding the model was cancelled.")
    return added
