"""What the fields of the form share: a title above, what it is for below, an error in place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.dialog import label, wrapped
from chatdesk.ui.settings.switch import Switch
from chatdesk.ui.theme import S1, S2, S4, Theme


class Field(QWidget):
    """A titled editor. The editor bears `name` as its objectName, the title as accessible name.

    after: what stands beside the editor.
    """

    def __init__(
        self,
        title: str,
        name: str,
        editor: QWidget,
        parent: QWidget | None = None,
        *,
        help: str = "",
        after: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.editor = editor
        self._help = help
        editor.setObjectName(name)
        # What has the focus in a combo box or a spin box is the line within it.
        self._spoken = (editor, *editor.findChildren(QLineEdit))
        for widget in self._spoken:
            widget.setAccessibleName(title)
        self.setFocusProxy(editor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S1)
        self.title = label(title, parent=self)
        self.title.setBuddy(editor)
        column.addWidget(self.title)
        row = QHBoxLayout()
        row.setSpacing(S2)
        row.addWidget(editor, 1)
        if after is not None:
            row.addWidget(after, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(row)
        if after is not None:
            QWidget.setTabOrder(editor, after)
        self.error = wrapped("", self, "danger")
        self.error.setObjectName(f"{name}.error")
        column.addWidget(self.error)
        self.help = wrapped("", self, "small")
        self.help.setObjectName(f"{name}.help")
        column.addWidget(self.help)
        self.set_help(help)
        self.set_error("")

    def set_help(self, text: str) -> None:
        """Change the line about what the field is for; an empty one goes."""
        self._help = text
        self.help.setText(text)
        self.help.setVisible(bool(text))
        self._describe()

    def set_error(self, text: str) -> None:
        """Say what is wrong with what stands in the field; an empty text: nothing is."""
        self.error.setText(text)
        self.error.setVisible(bool(text))
        if bool(self.editor.property("invalid")) != bool(text):
            self.editor.setProperty("invalid", bool(text))
            self.editor.style().unpolish(self.editor)
            self.editor.style().polish(self.editor)
        self._describe()

    def _describe(self) -> None:
        for widget in self._spoken:
            widget.setAccessibleDescription(f"{self.error.text()} {self._help}".strip())


class SwitchField(QWidget):
    """A switch with its title and what it does beside it. toggled(on): by the person."""

    toggled = Signal(bool)

    def __init__(
        self, title: str, name: str, theme: Theme, parent: QWidget | None = None, *, help: str = ""
    ) -> None:
        super().__init__(parent)
        self.switch = Switch(theme, self)
        self.switch.setObjectName(name)
        self.switch.clicked.connect(self.toggled)
        self.setFocusProxy(self.switch)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S4)
        words = QVBoxLayout()
        words.setSpacing(S1 // 2)
        self.title = wrapped("", self)
        self.title.setBuddy(self.switch)
        self.help = wrapped("", self, "small")
        words.addWidget(self.title)
        words.addWidget(self.help)
        row.addLayout(words, 1)
        row.addWidget(self.switch, 0, Qt.AlignmentFlag.AlignTop)
        self.set_words(title, help)

    def set_words(self, title: str, help: str) -> None:
        self.title.setText(title)
        self.switch.setAccessibleName(title)
        self.switch.setAccessibleDescription(help)
        self.help.setText(help)
        self.help.setVisible(bool(help))

    def is_on(self) -> bool:
        return self.switch.isChecked()

    def set_on(self, on: bool) -> None:
        """Show a state; toggled is not emitted."""
        self.switch.setChecked(on)


class Card(QFrame):
    """Fields that belong together, with a heading where it needs one."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(S4, S4, S4, S4)
        column.setSpacing(S4)
        self.column: QBoxLayout = column
        if title:
            column.addWidget(label(title, "heading", self))

    def add(self, widget: QWidget) -> None:
        self.column.addWidget(widget)


class ButtonRow(QWidget):
    """Buttons beside each other, or below each other where there is no room for that."""

    def __init__(self, buttons: Sequence[QPushButton], parent: QWidget) -> None:
        super().__init__(parent)
        self._buttons = tuple(buttons)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(S2)
        for button in self._buttons:
            self._row.addWidget(button)
        self._row.addStretch(1)

    def minimumSizeHint(self) -> QSize:
        height = super().minimumSizeHint().height()
        return QSize(max(button.sizeHint().width() for button in self._buttons), height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        shown = [button for button in self._buttons if not button.isHidden()]
        needed = sum(button.sizeHint().width() + S2 for button in shown)
        narrow = needed > self.width()
        direction = QBoxLayout.Direction
        self._row.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def line_edit(placeholder: str = "", *, code: bool = False) -> QLineEdit:
    """A field of one line. code: addresses and names of models, which run from left to right."""
    line = QLineEdit()
    line.setPlaceholderText(placeholder)
    if code:
        line.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        line.setInputMethodHints(
            Qt.InputMethodHint.ImhNoAutoUppercase | Qt.InputMethodHint.ImhNoPredictiveText
        )
    return line
