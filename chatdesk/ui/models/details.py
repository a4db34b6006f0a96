"""What there is to know about the selected model, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from chatdesk.library import BrokenModel, ModelInfo, context_for, size_text
from chatdesk.ui.dialog import Notice, label, wrapped
from chatdesk.ui.models.rows import Row
from chatdesk.ui.theme import S2, S3, S4, Theme

# Label and tooltip of each fact, in plain words.
_FACTS = (
    ("size", "File size", "How large the model's file is."),
    ("memory", "Memory needed", "An estimate: the model, its context and room to work."),
    ("parameters", "Parameters", "How many numbers the model is made of. More usually know more."),
    (
        "quantisation",
        "Quantisation",
        "How the numbers are stored: fewer bits are smaller and faster, and a little less exact.",
    ),
    (
        "context",
        "Context",
        "How many tokens of conversation the model was made for. A token is "
        "about three quarters of a word.",
    ),
    ("template", "Chat template", "Whether the file says how a conversation is written for it."),
    ("licence", "Licence", "Under which terms the model may be used, as the file says."),
    ("path", "File", "Where the model's file is."),
)


class Details(QFrame):
    """use_requested, cancel_requested (of loading) and remove_requested are about the row shown."""

    use_requested = Signal()
    cancel_requested = Signal()
    remove_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loading = False
        self.setProperty("card", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(area, 1)
        content = QWidget()
        area.setWidget(content)
        inner = QVBoxLayout(content)
        inner.setContentsMargins(S4, S4, S4, S4)
        inner.setSpacing(S3)
        self._name = wrapped("", content, "heading")
        inner.addWidget(self._name)
        self._trouble = Notice(theme, "warning", content)
        self._trouble.setObjectName("modelTrouble")
        inner.addWidget(self._trouble)
        form = QFormLayout()
        form.setHorizontalSpacing(S3)
        form.setVerticalSpacing(S2)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
        self._facts: dict[str, tuple[QLabel, QLabel]] = {}
        for key, text, tip in _FACTS:
            title = label(text, "secondary", content)
            title.setToolTip(tip)
            value = wrapped("", content)
            value.setObjectName(f"model_{key}")
            value.setToolTip(tip)
            value.setMinimumWidth(S4 * 6)
            value.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            value.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            form.addRow(title, value)
            self._facts[key] = (title, value)
        self._form = form
        inner.addLayout(form)
        inner.addStretch(1)

        buttons = QHBoxLayout()
        buttons.setContentsMargins(S4, S3, S4, S4)
        buttons.setSpacing(S2)
        self.use_button = QPushButton("Use this model", self)
        self.use_button.setObjectName("useModelButton")
        self.use_button.setProperty("kind", "primary")
        self.use_button.setAutoDefault(False)
        self.use_button.clicked.connect(self._use_or_cancel)
        self.remove_button = QPushButton("Remove", self)
        self.remove_button.setObjectName("removeModelButton")
        self.remove_button.setProperty("kind", "quiet")
        self.remove_button.setAutoDefault(False)
        self.remove_button.clicked.connect(self.remove_requested)
        buttons.addWidget(self.use_button)
        buttons.addWidget(self.remove_button)
        buttons.addStretch(1)
        column.addLayout(buttons)

    def show_row(self, row: Row, context_size: int) -> None:
        """Show a model. context_size: tokens, as in the settings."""
        entry = row.entry
        self._name.setText(entry.name)
        values = dict.fromkeys(self._facts, "")
        values["path"] = _breakable(str(entry.path))
        trouble = ""
        if isinstance(entry, BrokenModel):
            trouble = f"{entry.what} {entry.advice}".strip()
        else:
            values |= _values(entry)
            if row.fit is not None:
                tokens = context_for(entry, context_size)
                values["memory"] = size_text(row.fit.needed_bytes)
                self._facts["memory"][1].setToolTip(
                    f"An estimate: the model, a context of {tokens:,} tokens and room to work."
                )
            if entry.problem:
                trouble = (
                    f"{entry.problem} Choose its “instruct” or “chat” version, or set a chat "
                    "format in the settings."
                )
            elif row.fit is not None and not row.fit.ok and not row.in_use:
                trouble = (
                    "The model does not fit in memory: it needs "
                    f"{size_text(row.fit.needed_bytes)} and "
                    f"{size_text(row.fit.free_bytes)} are free."
                )
        for key, (_title, value) in self._facts.items():
            value.setText(values[key])
            self._form.setRowVisible(value, bool(values[key]))
        self._trouble.set_text(trouble)
        self._set_buttons(row)

    def _use_or_cancel(self) -> None:
        if self._loading:
            self.cancel_requested.emit()
        else:
            self.use_requested.emit()

    def _set_buttons(self, row: Row) -> None:
        self._loading = row.loading is not None
        busy = row.in_use or self._loading
        text, tip = "Use this model", "Load this model and answer with it (Enter)"
        if self._loading:
            text, tip = "Cancel loading", "Go back to the model before it"
        elif row.in_use:
            text, tip = "In use", "This model answers now"
        self.use_button.setEnabled(self._loading or not (row.broken or row.in_use))
        self.use_button.setText(text)
        self.use_button.setToolTip(tip)
        source = row.entry.source
        reasons = {
            "bundled": "This model belongs to Chatdesk and cannot be removed",
            "development": "This model lies in the source tree; delete its file there",
        }
        reason = reasons.get(source, "")
        if busy and not reason:
            reason = "This model is in use; choose another one first"
        self.remove_button.setEnabled(not reason)
        stays = "the file stays where it is" if source == "added" else "the file goes to the trash"
        self.remove_button.setToolTip(reason or f"Take it off the list; {stays} (Delete)")


def _values(info: ModelInfo) -> dict[str, str]:
    return {
        "size": size_text(info.size_bytes),
        "parameters": _count(info.parameters),
        "quantisation": info.quantisation,
        "context": f"{info.context_length:,} tokens" if info.context_length else "Not said",
        "template": "Yes" if info.has_chat_template else "No",
        "licence": info.licence or "Not said",
    }


def _count(number: int | None) -> str:
    """135 million, 7.2 billion; "Not said" where it is not known."""
    if not number:
        return "Not said"
    if number < 999_500_000:
        return f"{number / 1e6:.0f} million"
    return f"{number / 1e9:.1f} billion"


def _breakable(path: str) -> str:
    """A path that may be broken at its separators."""
    return path.replace("/", "/\u200b").replace("\\", "\\\u200b")
