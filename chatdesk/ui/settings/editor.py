"""What all editors of options share.

An editor knows values, not where values are kept. It emits edited(value) after a change by the
person, refused() while what was typed cannot be a value, accepted() when it can again, and kept()
when it went back to the value before. The widget that is edited bears the option's key as its
objectName.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QWidget,
)

from chatdesk.settings import Option
from chatdesk.ui.abstract import AbstractQt
from chatdesk.ui.theme import S2


class Editor(QWidget, metaclass=AbstractQt):
    """Base of the editors. wide: it needs the whole width of its row, below the label."""

    edited = Signal(object)
    refused = Signal()
    accepted = Signal()
    kept = Signal()
    wide = False

    def __init__(self, option: Option, field: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.option = option
        self.field = field
        field.setObjectName(option.key)
        field.setAccessibleName(option.label)
        field.setAccessibleDescription(option.help)
        self.setFocusProxy(field)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(S2)

    @abstractmethod
    def show_value(self, value: Any) -> None:
        """Show a value of the option. Nothing is emitted."""

    def commit(self) -> None:
        """Emit what was typed and not told yet; called when the dialog goes away."""

    def set_invalid(self, invalid: bool) -> None:
        """Mark the field as holding something that is no value."""
        if bool(self.field.property("invalid")) != invalid:
            self.field.setProperty("invalid", invalid)
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)
