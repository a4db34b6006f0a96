"""The editors of a choice: one of a few words, or one of the models there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from chatdesk.settings import Option
from chatdesk.ui.settings.editor import Editor
from chatdesk.ui.theme import S1


class Combo(QComboBox):
    """A combo box that elides its text, keeps its width and is not changed by scrolling past."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        elide = Qt.TextElideMode.ElideRight
        option.currentText = self.fontMetrics().elidedText(
            self.currentText(), elide, room.width() - S1
        )
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class ChoiceEditor(Editor):
    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._combo = Combo()
        super().__init__(option, self._combo, parent)
        for value, text in zip(option.choices, option.choice_labels, strict=True):
            self._combo.addItem(text, value)
        self.row.addWidget(self._combo, 1)
        self._combo.currentIndexChanged.connect(self._changed)

    def show_value(self, value: Any) -> None:
        with QSignalBlocker(self._combo):
            self._combo.setCurrentIndex(self._combo.findData(value))

    def _changed(self) -> None:
        self.edited.emit(self._combo.currentData())


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be chosen: its value in the settings, its text, the path of its file."""

    value: str
    text: str
    path: str


class ModelEditor(Editor):
    """The models there are, and a button for any other file."""

    wide = True
    browse = Signal()

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._combo = Combo()
        super().__init__(option, self._combo, parent)
        self._models: list[Offer] = []
        self._value = ""
        self.button = QPushButton("Choose a file", self)
        self.button.setObjectName(f"{option.key}.browse")
        self.button.setToolTip("Choose a GGUF model file on this computer")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.browse)
        self.row.addWidget(self._combo, 1)
        self.row.addWidget(self.button)
        self._fill()
        self._combo.activated.connect(self._chosen)

    def set_models(self, models: list[Offer]) -> None:
        """The models to offer; the one with the empty value is that of no choice."""
        self._models = list(models)
        self._fill()

    def show_value(self, value: Any) -> None:
        self._value = str(value)
        self._fill()

    def choose(self, value: str) -> None:
        """Take a value as if the person had chosen it in the list."""
        self.show_value(value)
        self.accepted.emit()
        self.edited.emit(value)

    def _fill(self) -> None:
        with QSignalBlocker(self._combo):
            self._combo.clear()
            if not any(offer.value == "" for offer in self._models):
                self._combo.addItem(self.option.special or "The one that comes with Chatdesk", "")
            for offer in self._models:
                self._combo.addItem(offer.text, offer.value)
                at = self._combo.count() - 1
                self._combo.setItemData(at, offer.path, Qt.ItemDataRole.ToolTipRole)
            # A model may be named by its path, too.
            named = (offer.value for offer in self._models if self._value == offer.path)
            at = self._combo.findData(next(named, self._value))
            if at < 0:
                self._combo.addItem(Path(self._value).name or self._value, self._value)
                at = self._combo.count() - 1
                self._combo.setItemData(at, self._value, Qt.ItemDataRole.ToolTipRole)
            self._combo.setCurrentIndex(at)

    def _chosen(self) -> None:
        value = str(self._combo.currentData())
        if value != self._value:
            self._value = value
            self.edited.emit(value)
