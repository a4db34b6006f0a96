"""One option on a page: its label and help, its editor, a way back to the default, its error."""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from chatdesk.errors import ChatdeskError, SettingsError
from chatdesk.settings import Option, SettingsFile, option, validate
from chatdesk.ui.dialog import label, tool_button, wrapped
from chatdesk.ui.icons import icon
from chatdesk.ui.settings.editor import Editor
from chatdesk.ui.settings.editors import make_editor
from chatdesk.ui.theme import S1, S2, S3, S4, S5, TARGET, Theme


class Values(Protocol):
    """Where the values of options are: the settings, or what one conversation has of its own.

    back: the words for going back, as in "Back to the default". own, inherited: the marks of a
    value of its own and of one that is not; "" where none is shown.
    """

    back: str
    own: str
    inherited: str

    def get(self, key: str) -> Any:
        """The value in force."""

    def set(self, key: str, value: Any) -> None:
        """Change a value. Raises ChatdeskError."""

    def reset(self, key: str) -> None:
        """Go back to the base value. Raises ChatdeskError."""

    def base(self, key: str) -> Any:
        """What reset() leads to."""

    def differs(self, key: str) -> bool:
        """Whether there is anything to reset."""


class SettingsValues:
    """The settings themselves; the base of a value is its default."""

    back = "Back to the default"
    own = ""
    inherited = ""

    def __init__(self, settings: SettingsFile) -> None:
        self._settings = settings

    def get(self, key: str) -> Any:
        return self._settings.get(key)

    def set(self, key: str, value: Any) -> None:
        self._settings.set(key, value)

    def reset(self, key: str) -> None:
        self._settings.reset(key)

    def base(self, key: str) -> Any:
        return option(key).default

    def differs(self, key: str) -> bool:
        return bool(self.get(key) != self.base(key))


SAVE_MS = 250  # at least this long between two saves of one option

# Widths in line heights of the interface font: of the editor's column, and the least that the
# words need beside it.
_EDITOR_LINES = 13
_WORDS_LINES = 16


class OptionRow(QWidget):
    """Shows and changes one option. Changes are made at once; changed comes after each."""

    changed = Signal()

    def __init__(
        self, entry: Option, values: Values, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.option = entry
        self._values = values
        self._theme = theme
        self._ruled = False
        self._next: tuple[Any] | None = None

        self.editor: Editor = make_editor(entry, theme, self)
        self._title = label(entry.label, parent=self)
        self._title.setBuddy(self.editor.field)
        self._title.setToolTip(f"{entry.key} in the settings file and on the command line")
        self._tag = label("", "small", self)
        self._tag.setObjectName(f"{entry.key}.tag")
        self._help = wrapped(entry.help, self, "small")
        self.reset_button = tool_button(theme, "undo", "", self)
        self.reset_button.setObjectName(f"{entry.key}.reset")
        self.reset_button.clicked.connect(self.reset)
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset_button.setSizePolicy(policy)
        self.error = wrapped("", self, "danger")
        self.error.setObjectName(f"{entry.key}.error")
        self.error.hide()
        self._lay_out()

        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(SAVE_MS)
        self._saving.timeout.connect(self._save_next)
        self.editor.edited.connect(self._edited)
        self.editor.refused.connect(self._refused)
        self.editor.accepted.connect(self._accepted)
        self.editor.kept.connect(self._kept)
        theme.changed.connect(self._refresh_theme)
        self.refresh()

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(S4, S3, S4, S3)
        outer.setSpacing(S2)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._line.setSpacing(S2)
        words = QVBoxLayout()
        words.setSpacing(S1 // 2)
        heading = QHBoxLayout()
        heading.setSpacing(S2)
        heading.addWidget(self._title)
        heading.addWidget(self._tag)
        heading.addStretch(1)
        words.addLayout(heading)
        words.addWidget(self._help)
        words.addStretch(1)
        side = QHBoxLayout()
        side.setSpacing(S1)
        if self.editor.wide:
            self._line.addLayout(words, 1)
            self._line.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignTop)
            outer.addLayout(self._line)
            outer.addWidget(self.editor)
        else:
            self._line.addLayout(words, 1)
            side.addWidget(self.editor, 1)
            side.addWidget(self.reset_button)
            side.setAlignment(self.reset_button, Qt.AlignmentFlag.AlignVCenter)
            holder = QVBoxLayout()
            holder.addLayout(side)
            holder.addStretch(1)
            self._line.addLayout(holder)
            outer.addLayout(self._line)
        outer.addWidget(self.error)

    # -- values -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the value that is in force."""
        value = self._values.get(self.option.key)
        self.editor.show_value(value)
        self._mark()

    def reset(self) -> None:
        """Go back to the default."""
        self._next = None
        self.editor.field.setFocus()
        try:
            self._values.reset(self.option.key)
        except ChatdeskError as error:
            self._show_error(error.told)
            return
        self._show_error("")
        self.refresh()
        self.changed.emit()

    def commit(self) -> None:
        """Save what was typed and is not saved yet."""
        self.editor.commit()
        self._saving.stop()
        self._save_next()

    def matches(self, words: list[str]) -> bool:
        """Whether label, help, key or a choice has all these (case-folded) words."""
        entry = self.option
        text = " ".join((entry.label, entry.help, entry.key, *entry.choice_labels)).casefold()
        return all(word in text for word in words)

    # -- inner --------------------------------------------------------------------------------

    def _edited(self, value: Any) -> None:
        # The first change is saved at once, a series of them (a held arrow key) in steps.
        self._next = (value,)
        if self.option.kind not in ("int", "float") or not self._saving.isActive():
            self._save_next()

    def _save_next(self) -> None:
        if self._next is None:
            return
        (value,), self._next = self._next, None
        self._saving.start()
        try:
            validate(self.option.key, value)
        except SettingsError:
            self._show_error(f"{self.wanted()} {self._still()}")
            self.editor.set_invalid(True)
            return
        try:
            self._values.set(self.option.key, value)
        except ChatdeskError as error:
            self._show_error(error.told)
            return
        self._show_error("")
        self._mark()
        self.changed.emit()

    def wanted(self) -> str:
        """What the option takes, as an error says it."""
        return f"{self.option.label} takes {self.option.accepts}."

    def _still(self) -> str:
        return "The value before stays."

    def _refused(self) -> None:
        self.editor.set_invalid(True)
        self._show_error(self.wanted())

    def _accepted(self) -> None:
        self._show_error("")

    def _kept(self) -> None:
        self._show_error(f"{self.wanted()} {self._still()}")
        self.editor.set_invalid(False)

    def _show_error(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))
        if not text:
            self.editor.set_invalid(False)
        description = f"{text} {self.option.help}".strip()
        self.editor.field.setAccessibleDescription(description)

    def _mark(self) -> None:
        key = self.option.key
        differs = self._values.differs(key)
        base = _words(self.option, self._values.base(key))
        self.reset_button.setToolTip(f"{self._values.back}: {base}")
        self.reset_button.setAccessibleName(f"{self.option.label}. {self._values.back}: {base}")
        self.reset_button.setVisible(differs)
        mark = self._values.own if differs else self._values.inherited
        self._tag.setText(mark)
        self._tag.setVisible(bool(mark))
        tone = "accent" if differs else "small"
        if self._tag.property("tone") != tone:
            self._tag.setProperty("tone", tone)
            self._tag.style().unpolish(self._tag)
            self._tag.style().polish(self._tag)

    def _refresh_theme(self) -> None:
        self.reset_button.setIcon(icon("undo", self._theme))
        self._arrange()
        self.update()

    # -- shape --------------------------------------------------------------------------------

    def set_ruled(self, ruled: bool) -> None:
        """Whether a line parts this row from the one above."""
        self._ruled = ruled
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Put the editor beside the words, or below them where there is no room."""
        if self.editor.wide:
            return
        line = self.fontMetrics().height()
        narrow = self.width() < line * (_EDITOR_LINES + _WORDS_LINES)
        wanted = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._line.direction() != wanted:
            self._line.setDirection(wanted)
        self._line.setSpacing(S2 if narrow else S5)
        if narrow:
            self.editor.setMinimumWidth(0)
            self.editor.setMaximumWidth(16_777_215)
        else:
            self.editor.setFixedWidth(line * _EDITOR_LINES)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), TARGET * 6), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._ruled:
            painter = QPainter(self)
            tokens = self._theme.tokens
            painter.fillRect(S4, 0, self.width() - S4 * 2, 1, tokens.border)


def _words(entry: Option, value: Any) -> str:
    """A value as the person reads it."""
    if entry.kind == "choice":
        return entry.choice_labels[entry.choices.index(value)]
    if entry.kind == "bool":
        return "on" if value else "off"
    if entry.special and value in (None, entry.minimum, ""):
        return entry.special.lower()
    if value in ("", (), None):
        return "empty"
    text = entry.text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
