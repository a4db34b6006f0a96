"""The default model of a provider: typed, or chosen from the list that its server gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QVBoxLayout, QWidget

from chatdesk.ui.dialog import announce, tool_button
from chatdesk.ui.icons import icon
from chatdesk.ui.providers.fields import Field
from chatdesk.ui.settings.choices import Combo
from chatdesk.ui.theme import Theme
from chatdesk.ui.tooltips import plain

if TYPE_CHECKING:
    from chatdesk.providers.remote import RemoteModel

_HELP = "Answers where only the provider is chosen. Empty: the first one that the server lists."
_REFRESH = "Ask the server for its models"


class ModelField(QWidget):
    """edited: by the person. list_requested: ask the server for its models."""

    edited = Signal()
    list_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._models: tuple[RemoteModel, ...] = ()
        self._by_hand: tuple[str, ...] = ()
        self.combo = Combo()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.combo.lineEdit()
        assert line is not None
        self.line = line
        line.setPlaceholderText("The first one that the server lists")
        self.combo.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        completer = QCompleter(self.combo.model(), self.combo)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.combo.setCompleter(completer)
        self.refresh_button = tool_button(theme, "regenerate", _REFRESH, self)
        self.refresh_button.setObjectName("refreshModelsButton")
        self.refresh_button.clicked.connect(self.list_requested)
        self.field = Field(
            "Default model",
            "providerModel",
            self.combo,
            self,
            help=_HELP,
            after=self.refresh_button,
        )
        self.setFocusProxy(self.field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.field)
        self.combo.editTextChanged.connect(self._edited)
        theme.changed.connect(self._refresh_theme)

    def load(self, model: str, by_hand: Sequence[str]) -> None:
        """Show a model; by_hand: names that the person entered, for servers without a list."""
        self._models = ()
        self._by_hand = tuple(by_hand)
        self.field.set_error("")
        self.field.set_help(_HELP)
        self.set_busy(False)
        self._fill(model)

    def text(self) -> str:
        return self.combo.currentText().strip()

    def set_models(self, models: Sequence[RemoteModel]) -> None:
        """Offer what the server lists; what stands in the field stays."""
        self._models = tuple(models)
        self._fill(self.text())
        self._tell_context()

    def set_by_hand(self, names: Sequence[str]) -> None:
        if tuple(names) != self._by_hand:
            self._by_hand = tuple(names)
            self._fill(self.text())

    def set_busy(self, busy: bool, place: str = "") -> None:
        """Whether the server is being asked; place: its host."""
        self.refresh_button.setEnabled(not busy)
        if busy:
            self.field.set_error("")
            self.field.set_help(f"Asking {place}")
        else:
            self._tell_context()

    def show_found(self, count: int) -> None:
        """Say how many models the server listed."""
        text = "1 model found." if count == 1 else f"{count:,} models found."
        self.field.set_help(text)
        announce(self, text)

    def context_size(self) -> int | None:
        """The context of the model in the field, where the server said one; tokens."""
        return next((m.context_size for m in self._models if m.id == self.text()), None)

    # -- inner --------------------------------------------------------------------------------

    def _fill(self, text: str) -> None:
        with QSignalBlocker(self.combo):
            self.combo.clear()
            listed = {model.id for model in self._models}
            for model in self._models:
                self.combo.addItem(model.id)
                if model.name and model.name != model.id:
                    at = self.combo.count() - 1
                    self.combo.setItemData(at, plain(model.name), Qt.ItemDataRole.ToolTipRole)
            for name in self._by_hand:
                if name not in listed:
                    self.combo.addItem(name)
            self.combo.setCurrentIndex(self.combo.findText(text, Qt.MatchFlag.MatchExactly))
            self.combo.setEditText(text)
        self.line.setCursorPosition(0)

    def _edited(self) -> None:
        self.field.set_error("")
        self._tell_context()
        self.edited.emit()

    def _tell_context(self) -> None:
        size = self.context_size()
        told = f"The server says that its context is {size:,} tokens." if size else _HELP
        self.field.set_help(told)

    def _refresh_theme(self) -> None:
        self.refresh_button.setIcon(icon("regenerate", self._theme))
