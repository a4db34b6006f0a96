"""The field in which a key is given: masked, without a way out for what stands in it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget


class KeyEntry(QLineEdit):
    """Paste or type a key. Nothing can be copied, cut or dragged out of it; wipe() empties it.

    The text is asked for by entered(), not text(), so that it is plain to see who reads it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhHiddenText
            | Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhNoAutoUppercase
        )
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setDragEnabled(False)

    def entered(self) -> str:
        """What stands in it."""
        return self.text()

    def wipe(self) -> None:
        """Empty it, its undo history included."""
        self.setText("")  # unlike clear(), this starts the history anew

    def menu(self) -> QMenu:
        """What can be done with the field: all of QLineEdit's own menu that leads in, not out."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        paste = menu.addAction("Paste", self.paste)
        paste.setEnabled(self.isEnabled() and not self.isReadOnly())
        clear = menu.addAction("Clear", self._clear)
        clear.setEnabled(bool(self.text()) and not self.isReadOnly())
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Cut):
            return  # Qt would delete what it does not let out
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu().popup(event.globalPos())

    def _clear(self) -> None:
        self.wipe()
        self.textEdited.emit("")
