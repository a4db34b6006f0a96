"""Which editor is for which kind of option."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from chatdesk.settings import Option
from chatdesk.ui.settings.choices import ChoiceEditor, ModelEditor
from chatdesk.ui.settings.editor import Editor
from chatdesk.ui.settings.numbers import NumberEditor
from chatdesk.ui.settings.switch import BoolEditor
from chatdesk.ui.settings.texts import ListEditor, MultilineEditor, TextEditor
from chatdesk.ui.theme import Theme


def make_editor(option: Option, theme: Theme, parent: QWidget | None = None) -> Editor:
    """The editor for an option's kind."""
    match option.kind:
        case "bool":
            return BoolEditor(option, theme, parent)
        case "int" | "float":
            return NumberEditor(option, parent)
        case "choice":
            return ChoiceEditor(option, parent)
        case "multiline":
            return MultilineEditor(option, parent)
        case "list":
            return ListEditor(option, parent)
        case "model":
            return ModelEditor(option, parent)
        case "text":
            return TextEditor(option, parent)
