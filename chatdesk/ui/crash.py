"""What a person sees of a bug: one dialog, plain words, and a way to go on.

Reports come from diagnostics.install_hooks, in whatever thread the bug was. The dialog never shows
words of a conversation: of an exception only its type and the places in the program are told.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from chatdesk.diagnostics import redact
from chatdesk.errors import ChatdeskError
from chatdesk.paths import DataDir
from chatdesk.ui.dialog import Dialog, label, wrapped
from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import S2, S3, S4, S5, S6, Theme

_TYPE = re.compile(r"^([A-Za-z_][\w.]*)(?::.*)?$")
_JOINTS = ("Traceback", "During handling", "The above exception", "Exception Group Traceback")
MOST_KINDS = 50  # of bugs remembered, so that one that comes again and again is told once


def without_words(report: str) -> str:
    """A traceback without the exceptions' messages, in which a person's words could stand."""
    kept: list[str] = []
    in_message = False
    for raw in report.splitlines():
        line = re.sub(r"^\s*[|+][-+| ]*", "", raw) if raw.lstrip().startswith(("|", "+")) else raw
        if line.startswith(_JOINTS):
            in_message = False
            kept.append(line)
        elif in_message:
            continue
        elif line.startswith(" "):
            kept.append(line)
        elif match := _TYPE.match(line):
            in_message = True
            kept.append(match[1])
    return "\n".join(kept)


class CrashReporter(QObject):
    """Shows one dialog at a time; the same bug is told once. Made on the GUI thread.

    report() may be called by any thread. Reports that come before attach() wait for it.
    """

    _reported = Signal(str)

    def __init__(self, data: DataDir, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._data = data
        self._window: QWidget | None = None
        self._theme: Theme | None = None
        self._quit: Callable[[], object] | None = None
        self._waiting: str | None = None
        self._told: set[str] = set()
        self._dialog: CrashDialog | None = None
        self._reported.connect(self._show)

    @property
    def dialog(self) -> CrashDialog | None:
        """The dialog that is open now."""
        return self._dialog

    def attach(self, window: QWidget, theme: Theme, quit: Callable[[], object]) -> None:
        """Say over which window dialogs open and what ends the program in good order."""
        self._window, self._theme, self._quit = window, theme, quit
        window.destroyed.connect(self._detach)
        if self._waiting is not None:
            report, self._waiting = self._waiting, None
            self._reported.emit(report)

    def report(self, report: str) -> None:
        """A bug happened; report is its redacted traceback. Any thread; never raises."""
        self._reported.emit(report)

    def tell_and_end(self, error: ChatdeskError) -> None:
        """Say why the window cannot open, and return when that was read.

        Only before the event loop is there: it runs one of its own.
        """
        print(f"chatdesk: {error}", file=sys.stderr)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        theme = self._theme or Theme(application)
        theme.apply(application)
        dialog = CannotStart(error, theme, self._data)
        dialog.exec()
        dialog.deleteLater()

    def _show(self, report: str) -> None:
        if self._window is None or self._theme is None:
            self._waiting = self._waiting or report
            return
        details = without_words(report)
        if self._dialog is not None:
            if details not in self._told:
                self._dialog.add(details)
                self._remember(details)
            return
        if details in self._told:
            return  # it is in the log each time; nobody wants to close the same dialog for ever
        # Remembered first: should the dialog itself be what fails, it is not tried again.
        self._remember(details)
        dialog = CrashDialog(details, self._theme, self._data, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(self._closed)
        dialog.quit_requested.connect(self._end)
        self._dialog = dialog
        dialog.open()

    def _remember(self, details: str) -> None:
        if len(self._told) < MOST_KINDS:
            self._told.add(details)

    def _closed(self) -> None:
        self._dialog = None

    def _end(self) -> None:
        if self._quit is not None:
            self._quit()

    def _detach(self) -> None:
        self._window = None
        self._dialog = None


class CrashDialog(Dialog):
    """quit_requested: the person wants to end the program. GUI thread only."""

    quit_requested = Signal()

    def __init__(
        self, details: str, theme: Theme, data: DataDir, parent: QWidget | None = None
    ) -> None:
        """details: a traceback without words of the person (see without_words)."""
        super().__init__("Chatdesk has a problem", theme, parent, QSize(560, 400))
        self.setObjectName("crashDialog")
        self._data = data
        self._details = [details]
        self.body.addLayout(
            _head(
                self,
                "Something in Chatdesk went wrong",
                "This is a mistake in the program, not in what you did. Your conversations are "
                "saved. You can continue; if Chatdesk behaves oddly, quit and start it again.",
            )
        )
        self._text = QPlainTextEdit(self)
        self._text.setObjectName("crashDetails")
        self._text.setAccessibleName("Technical details")
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        details_row = QVBoxLayout()
        details_row.setContentsMargins(S5, 0, S5, S4)
        details_row.setSpacing(S2)
        details_row.addWidget(label("Technical details, without your words", "small", self))
        details_row.addWidget(self._text, 1)
        self.body.addLayout(details_row, 1)
        self._fill()

        self.copy_button = self._button("Copy details", "Copy what a report should say", "quiet")
        self.copy_button.clicked.connect(self._copy)
        self.log_button = self._button("Open log folder", "Open the folder of the log", "quiet")
        self.log_button.clicked.connect(self._open_logs)
        self.buttons.addStretch(1)
        self.quit_button = self._button("Quit", "Save everything and quit Chatdesk")
        self.quit_button.clicked.connect(self._quit)
        self.continue_button = self._button("Continue", "Go on (Esc)", "primary")
        self.continue_button.setDefault(True)
        self.continue_button.clicked.connect(self.accept)
        self.continue_button.setFocus()

    def add(self, details: str) -> None:
        """Another bug happened while the dialog is open."""
        self._details.append(details)
        self._fill()

    def report(self) -> str:
        """What "Copy details" copies."""
        from chatdesk.ui.about import versions

        return "\n\n".join((versions(), *self._details))

    def _button(self, text: str, tip: str, kind: str = "") -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        if kind:
            button.setProperty("kind", kind)
        self.buttons.addWidget(button)
        return button

    def _fill(self) -> None:
        self._text.setPlainText("\n\n".join(self._details))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report())
        self.copy_button.setText("Copied")

    def _open_logs(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data.logs)))

    def _quit(self) -> None:
        self.accept()
        self.quit_requested.emit()


class CannotStart(Dialog):
    """Why the window cannot open: what happened, what to do."""

    def __init__(self, error: ChatdeskError, theme: Theme, data: DataDir) -> None:
        super().__init__("Chatdesk cannot start", theme, None, QSize(480, 200))
        self.setObjectName("cannotStart")
        self._data = data
        self.body.addLayout(_head(self, error.what, error.window_advice))
        if error.detail:
            detail = wrapped(redact(error.detail)[:500], self, "small")
            detail.setContentsMargins(S5 + S6 + S3, 0, S5, S4)
            detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.body.addWidget(detail)
        self.body.addStretch(1)
        folder = QPushButton("Open data folder", self)
        folder.setProperty("kind", "quiet")
        folder.setAutoDefault(False)
        folder.setToolTip("Open the folder with conversations and settings")
        folder.clicked.connect(self._open_folder)
        self.buttons.addWidget(folder)
        self.buttons.addStretch(1)
        quit_button = self.add_close("Quit")
        quit_button.setToolTip("Quit Chatdesk (Esc)")
        quit_button.setFocus()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data.root)))


def _head(dialog: Dialog, what: str, advice: str) -> QHBoxLayout:
    """A mark beside what happened and what to do."""
    head = QHBoxLayout()
    head.setContentsMargins(S5, S5, S5, S4)
    head.setSpacing(S3)
    mark = QLabel(dialog)
    ratio = dialog.devicePixelRatioF()
    mark.setPixmap(pixmap("warning", dialog.theme.tokens.warning, S6, ratio))
    head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    words = QVBoxLayout()
    words.setSpacing(S2)
    words.addWidget(wrapped(what, dialog, "heading"))
    if advice:
        words.addWidget(wrapped(advice, dialog))
    head.addLayout(words, 1)
    return head
