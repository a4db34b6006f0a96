"""The composer's text field: plain text, one to ten lines high, with the keys of a chat.

Enter never sends while an input method composes, and a text of megabytes does not stop the window:
only as many lines are measured as can be shown, and text without spaces is broken anywhere.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from chatdesk.ui.theme import TARGET, Theme

MAX_LINES = 10
# Where no word ends for this many characters Qt's search for a place to break a line takes a time
# that grows with the square of the length: 39 s for 1 MB of base64, 0.1 s when broken anywhere
# [measured].
ENDLESS_WORD = re.compile(r"\S{2000}")
BLOCKS_TO_LOOK_AT = 100


class MessageField(QPlainTextEdit):
    """accepted: the key that sends was pressed."""

    accepted = Signal()
    escaped = Signal()
    up_in_empty = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.enter_sends = True
        self.setObjectName("composer")
        self.setAccessibleName("Message")
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._choose_wrapping("", keep=False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        theme.changed.connect(self._dress)
        self._dress()

    def set_text(self, text: str) -> None:
        """Replace everything, with a fresh undo history and the cursor at the end."""
        if text != self.toPlainText():
            self._choose_wrapping(text, keep=False)
            self.setPlainText(text)
        else:
            self.document().clearUndoRedoStacks()
        self.moveCursor(QTextCursor.MoveOperation.End)
        self._fit()

    def is_blank(self) -> bool:
        """Whether there is nothing but white space; usually the first line tells."""
        block = self.document().begin()
        for _ in range(BLOCKS_TO_LOOK_AT):
            if not block.isValid():
                return True
            if block.text().strip():
                return False
            block = block.next()
        return not self.toPlainText().strip()

    @property
    def composing(self) -> bool:
        """Whether an input method shows text that is not part of the message yet."""
        return bool(self.textCursor().block().layout().preeditAreaText())

    # -- keys -----------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.matches(QKeySequence.StandardKey.Undo)
            and not self.document().isUndoAvailable()
        ):
            event.ignore()  # nothing written to take back: the key is the window's
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.composing:
                event.ignore()
            elif modifiers == Qt.KeyboardModifier.ControlModifier or (
                not modifiers and self.enter_sends
            ):
                if not event.isAutoRepeat():
                    self.accepted.emit()
            else:
                self.textCursor().insertBlock()
                self.ensureCursorVisible()
        elif key == Qt.Key.Key_Escape and not self.composing:
            self.escaped.emit()
        elif key == Qt.Key.Key_Up and not modifiers and not self.composing and self._is_empty():
            self.up_in_empty.emit()
        else:
            super().keyPressEvent(event)

    def _is_empty(self) -> bool:
        return self.document().characterCount() <= 1

    # -- pasting --------------------------------------------------------------------------------

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        # Files dropped here are for the window; their addresses are no message.
        return source.hasText() and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        # Some file managers put file names beside copied text; text alone is taken.
        if source.hasText():
            text = source.text()
            self._choose_wrapping(text, keep=True)
            self.textCursor().insertText(text)
            self.ensureCursorVisible()

    def _choose_wrapping(self, text: str, *, keep: bool) -> None:
        """Break lines at words, or anywhere once the text has an endless one."""
        modes = QTextOption.WrapMode
        if ENDLESS_WORD.search(text):
            self.setWordWrapMode(modes.WrapAnywhere)
        elif not keep:
            self.setWordWrapMode(modes.WrapAtWordBoundaryOrAnywhere)

    # -- size -----------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._fit()

    def lines(self) -> int:
        """How many lines are shown, 1 to MAX_LINES, counted no further than that."""
        count = 0
        block = self.document().begin()
        while block.isValid() and count < MAX_LINES:
            self.blockBoundingRect(block)  # lays the block out
            count += max(1, block.layout().lineCount())
            block = block.next()
        return max(1, min(count, MAX_LINES))

    def _fit(self) -> None:
        line = QFontMetricsF(self.font()).lineSpacing()
        lines = self.lines()
        # One line stands in the middle of the send button's height.
        pad = max(0.0, (TARGET + 8 - line) / 2)
        self.setViewportMargins(0, round(pad), 0, round(pad) if lines < MAX_LINES else 0)
        height = round(line * lines + 2 * pad)
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)
            self.updateGeometry()
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if lines >= MAX_LINES:
            policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded
        if self.verticalScrollBarPolicy() != policy:
            self.setVerticalScrollBarPolicy(policy)

    def _dress(self) -> None:
        self.setFont(self._theme.message_font())
        self._fit()
