"""Testing the connection: a button, the progress with a way out, the result in exact words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from chatdesk.errors import ChatdeskError
from chatdesk.ui.dialog import Notice, announce, wrapped
from chatdesk.ui.theme import S2, S3, Theme

if TYPE_CHECKING:
    from chatdesk.providers.remote import Check


class TestStrip(QWidget):
    """test_requested and cancel_requested are about what stands in the form. GUI thread only.

    revealed(widget): something came up that must be seen.
    """

    __test__ = False  # for pytest: it is no test

    test_requested = Signal()
    cancel_requested = Signal()
    revealed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S2)
        row = QHBoxLayout()
        row.setSpacing(S3)
        self.button = _button("Test connection", "testConnectionButton", self)
        self.button.setToolTip(
            "Ask the server for its models, perhaps one of them for a word (Ctrl+T)"
        )
        self.button.clicked.connect(self.test_requested)
        row.addWidget(self.button)
        self._doing = wrapped("", self, "secondary")
        row.addWidget(self._doing, 1)
        self.cancel_button = _button("Cancel", "cancelTestButton", self)
        self.cancel_button.setToolTip("Stop the test")
        self.cancel_button.clicked.connect(self.cancel_requested)
        row.addWidget(self.cancel_button)
        row.addStretch(0)
        column.addLayout(row)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Testing the connection")
        column.addWidget(self._bar)
        self.result = Notice(theme, "done", self)
        self.result.setObjectName("testResult")
        column.addWidget(self.result)
        self.details_button = _button("Details", "testDetailsButton", self)
        self.details_button.setProperty("kind", "link")
        self.details_button.setCheckable(True)
        self.details_button.toggled.connect(self._fold)
        column.addWidget(self.details_button, 0, Qt.AlignmentFlag.AlignLeading)
        self.details = wrapped("", self, "small")
        self.details.setObjectName("testDetails")
        self.details.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        column.addWidget(self.details)
        self.clear()

    @property
    def running(self) -> bool:
        return not self.cancel_button.isHidden()

    def clear(self) -> None:
        """Nothing was tested, or what was tested is no longer what stands in the form."""
        self._show_running("")
        self.result.set_text("")
        self._show_details("")

    def start(self, place: str) -> None:
        """A test has begun; place: the host that is asked."""
        self.clear()
        self._show_running(f"Asking {place}")
        self.cancel_button.setFocus()

    def show_check(self, check: Check) -> None:
        """Tell what came out."""
        detail = check.error.detail if check.error is not None else ""
        self._tell(check.told, detail, ok=check.ok)

    def show_error(self, error: ChatdeskError) -> None:
        """The test could not be made."""
        self._tell(error.told, error.detail, ok=False)

    # -- inner --------------------------------------------------------------------------------

    def _tell(self, text: str, detail: str, *, ok: bool) -> None:
        had_focus = self.cancel_button.hasFocus()
        self._show_running("")
        self.result.set_tone("done" if ok else "danger")
        self.result.set_text(text)
        self._show_details(detail)
        if had_focus:
            self.button.setFocus()
        self.revealed.emit(self)
        announce(self, text, urgent=not ok)

    def _show_running(self, text: str) -> None:
        running = bool(text)
        self._doing.setText(text)
        self._doing.setVisible(running)
        self._bar.setVisible(running)
        self.cancel_button.setVisible(running)
        self.button.setEnabled(not running)

    def _show_details(self, detail: str) -> None:
        self.details.setText(detail)
        self.details_button.setChecked(False)
        self.details_button.setVisible(bool(detail))
        self.details.hide()

    def _fold(self, unfolded: bool) -> None:
        self.details_button.setText("Hide details" if unfolded else "Details")
        self.details.setVisible(unfolded)
        if unfolded:
            self.revealed.emit(self)


def _button(text: str, name: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button
