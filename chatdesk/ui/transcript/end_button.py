"""The round button that brings the reader back to the end of the conversation."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton, QWidget

from chatdesk.ui.icons import icon
from chatdesk.ui.theme import ICON, S4, Theme

DIAMETER = 36


class EndButton(QToolButton):
    """Shown over the bottom of the transcript while its end is out of view."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toEndButton")
        self.setToolTip("To the end (End)")
        self.setAccessibleName("To the end")
        self.setFixedSize(DIAMETER, DIAMETER)
        self.setIconSize(QSize(ICON, ICON))
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.restyle(theme)
        self.hide()

    def restyle(self, theme: Theme) -> None:
        tokens = theme.tokens
        self.setIcon(icon("down", theme))
        self.setStyleSheet(
            f"QToolButton {{ background: {tokens.raised.name()};"
            f" border: 1px solid {tokens.control_border.name()};"
            f" border-radius: {DIAMETER // 2}px; padding: 0; min-width: 0; min-height: 0; }}"
            f"QToolButton:hover {{ background: {tokens.code.name()}; }}"
            f"QToolButton:focus {{ border: 2px solid {tokens.accent.name()}; }}"
        )

    def place(self, wanted: bool) -> None:
        """Show it above the middle of the parent's bottom, or hide it."""
        parent = self.parentWidget()
        if wanted and parent is not None:
            self.move((parent.width() - DIAMETER) // 2, parent.height() - DIAMETER - S4)
            self.raise_()
        self.setVisible(wanted)
