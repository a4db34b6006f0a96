"""The editors of texts: a line, several lines, a list of texts with one on each line."""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QWidget,
)

from chatdesk.settings import Option
from chatdesk.ui.settings.editor import Editor
from chatdesk.ui.theme import S2

LINE_MARGIN = 2  # pixels inside a QLineEdit's padding (QLineEditPrivate::horizontalMargin)
PAUSE_MS = 500  # without typing, before a longer text is taken over


class TextEditor(Editor):
    """One line, told when it is finished: half a name is no value worth applying."""

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._line = QLineEdit()
        super().__init__(option, self._line, parent)
        self._shown = ""
        self._line.setPlaceholderText(option.special or "Not set")
        self.row.addWidget(self._line, 1)
        self._line.editingFinished.connect(self.commit)
        self._line.textEdited.connect(self._typed)

    def show_value(self, value: Any) -> None:
        self._shown = str(value)
        if self._line.text() != self._shown:
            self._line.setText(self._shown)

    def _typed(self) -> None:
        self.accepted.emit()

    def commit(self) -> None:
        if self._line.text() != self._shown:
            self._shown = self._line.text()
            self.edited.emit(self._shown)


class Lines(QPlainTextEdit):
    """A text field of some lines that Tab leaves and that tells when it is left."""

    left = Signal()

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(LINE_MARGIN)  # texts of all fields begin at one edge
        self._lines = lines
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        margins = self.contentsMargins()
        extra = margins.top() + margins.bottom() + round(self.document().documentMargin() * 2) + 8
        return QSize(S2 * 24, self.fontMetrics().lineSpacing() * self._lines + extra)

    def minimumSizeHint(self) -> QSize:
        return QSize(S2 * 12, self.sizeHint().height())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()


class MultilineEditor(Editor):
    """A longer text, told when the person pauses or leaves the field."""

    wide = True
    lines = 5

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._text = Lines(self.lines)
        super().__init__(option, self._text, parent)
        self._shown: Any = None
        self._dirty = False  # Qt may give a text back with other blanks: only typing changes it
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.commit)
        self._text.setPlaceholderText(self.placeholder())
        self.row.addWidget(self._text, 1)
        self._text.textChanged.connect(self._typed)
        self._text.left.connect(self.commit)

    def placeholder(self) -> str:
        return self.option.special or "Empty"

    def read(self) -> Any:
        """The value that the text stands for."""
        return self._text.toPlainText()

    def write(self, value: Any) -> str:
        """The text that stands for a value."""
        return str(value)

    def show_value(self, value: Any) -> None:
        self._pause.stop()
        self._dirty = False
        if self._shown is not None and value == self.read():
            self._shown = value  # the cursor stays where it is
            return
        self._shown = value
        with QSignalBlocker(self._text):
            self._text.setPlainText(self.write(value))

    def commit(self) -> None:
        self._pause.stop()
        value = self.read()
        if self._dirty and value != self._shown:
            self._dirty = False
            self._shown = value
            self.edited.emit(value)

    def _typed(self) -> None:
        self._dirty = True
        self.accepted.emit()
        self._pause.start()


class ListEditor(MultilineEditor):
    """Texts, one on each line; a line break within one is written as \\n."""

    lines = 3

    def placeholder(self) -> str:
        return "One on each line. Write \\n for a line break."

    def read(self) -> tuple[str, ...]:
        return tuple(unescape(line) for line in self._text.toPlainText().split("\n") if line)

    def write(self, value: Any) -> str:
        return "\n".join(escape(text) for text in value)


def escape(text: str) -> str:
    """A text on one line: line breaks, tabs and backslashes as \\n, \\r, \\t and \\\\."""
    for character, written in _ESCAPES.items():
        text = text.replace(character, written)
    return text


def unescape(line: str) -> str:
    """The text that escape() wrote; a backslash before anything else is just a backslash."""
    return re.sub(r"\\[nrt\\]", lambda match: _UNESCAPES[match[0]], line)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPES = {written: character for character, written in _ESCAPES.items()}
