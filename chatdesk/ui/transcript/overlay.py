"""The action row: real buttons over the painted message they belong to.

One row follows the hovered or focused entry, another stays with the last one. They are ordinary
buttons, so the keyboard and a screen reader reach them as they reach any button.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from chatdesk.ui.icons import icon
from chatdesk.ui.theme import ICON, TARGET, Theme
from chatdesk.ui.transcript.entries import Action, Entry, actions

# What a button or menu entry says, and its icon.
WORDS: dict[str, tuple[str, str]] = {
    "copy": ("Copy message", "copy"),
    "edit": ("Edit message", "edit"),
    "regenerate": ("New reply", "regenerate"),
    "continue": ("Continue", "continue"),
    "retry": ("Try again", "regenerate"),
    "key": ("Enter a key", "key"),
    "provider": ("Manage provider", "gear"),
    "previous": ("Previous variant", "previous"),
    "next": ("Next variant", "next"),
    "delete": ("Delete message", "trash"),
    "info": ("Details", "info"),
    "more": ("More", "more"),
}
# The row's order; "variant" is the text between the two arrows.
ROW = (
    "copy",
    "edit",
    "regenerate",
    "retry",
    "key",
    "provider",
    "continue",
    "previous",
    "variant",
    "next",
    "delete",
    "more",
)
COPIED_MS = 1_600
# An icon's ink begins this far inside its button: the row is moved so that ink meets the column.
INSET = (TARGET - ICON) // 2


class ActionRow(QWidget):
    """The buttons for one entry. triggered(entry id, action); more_requested(entry id, place)."""

    triggered = Signal(str, str)
    more_requested = Signal(str, QPoint)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.entry: Entry | None = None
        self._theme = theme
        self._buttons: dict[str, QToolButton] = {}
        self._variant = QLabel(self)
        self._variant.setProperty("tone", "small")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        for name in ROW:
            if name == "variant":
                line.addWidget(self._variant)
                continue
            button = QToolButton(self)
            button.setObjectName(f"{name}Action")
            button.setAutoRaise(True)
            button.setFixedSize(TARGET, TARGET)
            button.setIconSize(QSize(ICON, ICON))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setCursor(Qt.CursorShape.ArrowCursor)
            button.setToolTip(WORDS[name][0])
            button.setAccessibleName(WORDS[name][0])
            button.clicked.connect(self._clicked)
            button.installEventFilter(self)
            line.addWidget(button)
            self._buttons[name] = button
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(COPIED_MS)
        self._copied.timeout.connect(self._show_copy)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.restyle(theme)
        self.hide()

    def restyle(self, theme: Theme) -> None:
        """Fetch the icons in the theme's colours."""
        self._theme = theme
        for name, button in self._buttons.items():
            button.setIcon(icon(WORDS[name][1], theme))

    def show_for(self, entry: Entry) -> None:
        """Show what can be done with an entry."""
        if entry is self.entry:
            return
        if self.entry is None or entry.id != self.entry.id:
            self._show_copy()
        self.entry = entry
        possible = set(actions(entry))
        index, count = entry.variant
        for name, button in self._buttons.items():
            if name in ("previous", "next"):
                button.setVisible(count > 1)
                button.setEnabled(name in possible)
            elif name == "more":
                button.setVisible(not entry.streaming)
            elif name == "regenerate" and "retry" in possible:
                button.setVisible(False)
            else:
                button.setVisible(name in possible)
        self._variant.setVisible(count > 1)
        self._variant.setText(f"{index}/{count}")
        self._variant.setAccessibleName(f"Variant {index} of {count}")
        self.adjustSize()

    def show_copied(self) -> None:
        """Say for a moment that the message was copied."""
        button = self._buttons["copy"]
        button.setIcon(icon("check", self._theme, self._theme.tokens.accent))
        button.setToolTip("Copied")
        self._copied.start()

    def focus_first(self) -> None:
        """Give the keyboard to the first button."""
        for button in self._buttons.values():
            if button.isVisible() and button.isEnabled():
                button.setFocus(Qt.FocusReason.TabFocusReason)
                return

    def has_focus(self) -> bool:
        return any(button.hasFocus() for button in self._buttons.values())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Left and Right go from button to button; Escape gives the keyboard back."""
        if event.type() == QEvent.Type.KeyPress and isinstance(watched, QToolButton):
            key = event.key()  # type: ignore[attr-defined]
            if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
                shown = [b for b in self._buttons.values() if b.isVisible() and b.isEnabled()]
                step = 1 if key == Qt.Key.Key_Right else -1
                place = shown.index(watched) + step if watched in shown else 0
                if 0 <= place < len(shown):
                    shown[place].setFocus(Qt.FocusReason.TabFocusReason)
                return True
            if key == Qt.Key.Key_Escape:
                viewport = self.parentWidget()
                view = viewport.parentWidget() if viewport is not None else None
                if view is not None:
                    view.setFocus(Qt.FocusReason.OtherFocusReason)
                    return True
        return super().eventFilter(watched, event)

    def _clicked(self) -> None:
        button = self.sender()
        if self.entry is None or not isinstance(button, QToolButton):
            return
        name = button.objectName().removesuffix("Action")
        if name == "more":
            place = button.mapToGlobal(QPoint(0, button.height()))
            self.more_requested.emit(self.entry.id, place)
        else:
            self.triggered.emit(self.entry.id, name)

    def _show_copy(self) -> None:
        self._copied.stop()
        button = self._buttons["copy"]
        button.setIcon(icon("copy", self._theme))
        button.setToolTip(WORDS["copy"][0])


def fill_menu(menu: QMenu, entry: Entry, theme: Theme) -> None:
    """Add an entry's actions to a menu; each QAction's data is (entry id, action)."""
    for name in actions(entry):
        action = QAction(icon(WORDS[name][1], theme), WORDS[name][0], menu)
        action.setData((entry.id, name))
        if name == "delete":
            menu.addSeparator()
        menu.addAction(action)


__all__ = ["INSET", "WORDS", "Action", "ActionRow", "fill_menu"]
