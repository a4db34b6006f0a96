"""The key of a provider: where it is, giving one, replacing it, removing it. It is never shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.dialog import Notice, announce, label, wrapped
from chatdesk.ui.icons import pixmap
from chatdesk.ui.providers.fields import ButtonRow, Field
from chatdesk.ui.providers.key_entry import KeyEntry
from chatdesk.ui.theme import ICON, S1, S2, S3, Theme

PATIENCE_MS = 400  # a keyring that takes longer is probably waiting for the person
WAITING = "Waiting for the keyring. Unlock it in its own window."
MEMORY = "Keep the key until Chatdesk is closed"

# unknown: it is being found out. unreachable: in the keyring, which cannot be asked now.
KeyPlace = Literal["unknown", "keyring", "unreachable", "memory", "environment", "none"]


@dataclass(frozen=True, slots=True)
class KeyState:
    """Where a provider's key is. keyring: what the system's keyring is called, "" if not known."""

    place: KeyPlace = "unknown"
    keyring: str = ""
    variable: str = ""

    @property
    def words(self) -> str:
        """The state in a line."""
        match self.place:
            case "keyring":
                name = f" ({self.keyring})" if self.keyring else ""
                return f"Saved in the keyring{name}"
            case "unreachable":
                return "In the keyring, which cannot be asked now"
            case "memory":
                return "Kept until Chatdesk is closed"
            case "environment":
                return f"From the environment ({self.variable})"
            case "none":
                return "No key"
            case "unknown":
                return "Looking for the key"

    @property
    def kept(self) -> bool:
        """Whether Chatdesk keeps a key: one that can be replaced and removed."""
        return self.place in ("keyring", "unreachable", "memory")


class KeyField(QWidget):
    """edited: a key was typed or taken back. remove_requested: delete the one that is kept.

    memory_requested, again_requested: answers to a keyring that does not work. cancel_requested: do
    not wait for the keyring any longer. return_pressed: in the entry. revealed(widget): something
    came up that must be seen.
    """

    edited = Signal()
    remove_requested = Signal()
    memory_requested = Signal()
    again_requested = Signal()
    cancel_requested = Signal()
    return_pressed = Signal()
    revealed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state = KeyState()
        self._replacing = False
        self._busy = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S2)
        column.addWidget(self._make_kept())
        self.entry = KeyEntry()
        self.entry.setPlaceholderText("Paste the key here")
        self.keep_button = self._button("Keep the old key", "keepKeyButton", "Give no other key")
        self.keep_button.clicked.connect(self._keep)
        self.field = Field("Key", "providerKey", self.entry, self, after=self.keep_button)
        self.entry.textEdited.connect(self._edited)
        self.entry.returnPressed.connect(self.return_pressed)
        column.addWidget(self.field)
        column.addWidget(self._make_waiting())
        column.addWidget(self._make_trouble())
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._show_waiting)
        theme.changed.connect(self._refresh)
        self._refresh()

    def _make_kept(self) -> QWidget:
        self._kept = QWidget(self)
        column = QVBoxLayout(self._kept)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S1)
        column.addWidget(label("Key", parent=self._kept))
        row = QHBoxLayout()
        row.setSpacing(S2)
        self._mark = QLabel(self._kept)
        self._mark.setFixedWidth(ICON)
        row.addWidget(self._mark)
        self.words = wrapped("", self._kept)
        self.words.setObjectName("keyState")
        row.addWidget(self.words, 1)
        self.replace_button = self._button("Replace", "replaceKeyButton", "Give another key")
        self.replace_button.clicked.connect(self._replace)
        row.addWidget(self.replace_button)
        self.remove_button = self._button("Remove", "removeKeyButton", "Delete the key")
        self.remove_button.clicked.connect(self.remove_requested)
        row.addWidget(self.remove_button)
        column.addLayout(row)
        return self._kept

    def _make_waiting(self) -> QWidget:
        self.waiting = QWidget(self)
        self.waiting.setObjectName("keyringWaiting")
        row = QHBoxLayout(self.waiting)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S3)
        words = QVBoxLayout()
        words.setSpacing(S2)
        words.addWidget(wrapped(WAITING, self.waiting, "secondary"))
        bar = QProgressBar(self.waiting)
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName("Waiting for the keyring")
        words.addWidget(bar)
        row.addLayout(words, 1)
        self.cancel_button = self._button("Cancel", "cancelKeyringButton", "Do not wait any longer")
        self.cancel_button.clicked.connect(self.cancel_requested)
        row.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.waiting.hide()
        return self.waiting

    def _make_trouble(self) -> QWidget:
        holder = self._trouble = QWidget(self)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S2)
        self.trouble = Notice(self._theme, "warning", holder)
        self.trouble.setObjectName("keyringTrouble")
        column.addWidget(self.trouble)
        self.memory_button = self._button(
            MEMORY, "keepInMemoryButton", "The key is in this program's memory only and then gone"
        )
        self.memory_button.clicked.connect(self.memory_requested)
        self.again_button = self._button("Try again", "keyringAgainButton", "Ask the keyring again")
        self.again_button.clicked.connect(self.again_requested)
        column.addWidget(ButtonRow((self.memory_button, self.again_button), holder))
        holder.hide()
        return holder

    def _button(self, text: str, name: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        return button

    # -- what is shown ------------------------------------------------------------------------

    @property
    def state(self) -> KeyState:
        return self._state

    def set_state(self, state: KeyState) -> None:
        """Say where the key is. What is being typed stays."""
        self._state = state
        if state.place == "none":
            self._replacing = False
        self._refresh()

    def set_hint(self, text: str) -> None:
        """One line that says where keys come from."""
        self.field.set_help(text)

    def begin(self) -> None:
        """Start with an empty entry: another provider is shown."""
        self._replacing = False
        self.entry.wipe()
        self.field.set_error("")
        self.set_trouble("")
        self._refresh()

    def set_saved(self) -> None:
        """The key that was given is kept: nothing of it stays here."""
        focused = self.entry.hasFocus() or self.cancel_button.hasFocus()
        self.begin()
        if focused and self.replace_button.isVisibleTo(self):
            self.replace_button.setFocus()

    def take_focus(self) -> bool:
        """Go to where a key is given or replaced; False while it is not known which it is."""
        if self._state.place == "unknown" and not self.field.isVisibleTo(self):
            return False
        (self.entry if self.field.isVisibleTo(self) else self.replace_button).setFocus()
        return True

    def set_waiting(self, waiting: bool) -> None:
        """The keyring is being asked; it is said when it takes longer than a moment."""
        if waiting == self._busy:
            return
        self._busy = waiting
        self.entry.setReadOnly(waiting)
        self.keep_button.setEnabled(not waiting)
        if waiting:
            self.set_trouble("")
            self._patience.start()
            return
        self._patience.stop()
        if self.cancel_button.hasFocus():
            (self.entry if self.field.isVisibleTo(self) else self.replace_button).setFocus()
        self.waiting.hide()

    def set_trouble(self, text: str, *, again: bool = True, memory: bool = False) -> None:
        """Say what is wrong with the keyring, and offer what can be done about it.

        again: to ask it again. memory: to keep the key that was given without it.
        """
        self.trouble.set_text(text)
        self.memory_button.setVisible(memory)
        self.again_button.setVisible(again)
        self._trouble.setVisible(bool(text))
        if text:
            announce(self, text, urgent=True)
            self.revealed.emit(self._trouble)

    # -- the key ------------------------------------------------------------------------------

    @property
    def has_entry(self) -> bool:
        """Whether a key was typed that is not saved."""
        return bool(self.entry.entered().strip())

    def entered(self) -> str:
        """What was typed."""
        return self.entry.entered()

    # -- inner --------------------------------------------------------------------------------

    def _edited(self) -> None:
        self.field.set_error("")
        self.edited.emit()

    def _replace(self) -> None:
        self._replacing = True
        self._refresh()
        self.entry.setFocus()

    def _keep(self) -> None:
        self._replacing = False
        self.entry.wipe()
        self.field.set_error("")
        self._refresh()
        self.replace_button.setFocus()
        self.edited.emit()

    def _show_waiting(self) -> None:
        self.waiting.show()
        self.cancel_button.setFocus()
        self.revealed.emit(self.waiting)
        announce(self, WAITING)

    def _refresh(self) -> None:
        state = self._state
        given = state.kept or state.place == "environment"
        known = given or state.place == "unknown"
        show_kept = known and not (self._replacing or self.has_entry)
        self._kept.setVisible(show_kept)
        self.words.setText(state.words)
        self.words.setAccessibleName(f"Key: {state.words}")
        tokens = self._theme.tokens
        ink = tokens.accent if given else tokens.secondary
        self._mark.setPixmap(pixmap("key", ink, ICON, self.devicePixelRatioF()))
        self.replace_button.setVisible(given)
        self.replace_button.setText("Replace" if state.kept else "Give a key")
        self.remove_button.setVisible(state.kept)
        self.field.setVisible(not show_kept)
        self.keep_button.setVisible(given and not show_kept)
        self.keep_button.setText("Keep the old key" if state.kept else "Use the environment's")
