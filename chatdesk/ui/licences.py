"""The licences dialog: whose work is in Chatdesk, as a text to read, search and copy."""

from __future__ import annotations

from PySide6.QtCore import QSize, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from chatdesk import colophon
from chatdesk.ui.dialog import Dialog, wrapped
from chatdesk.ui.theme import S2, S4, S5, Theme


class LicencesDialog(Dialog):
    """GUI thread only; open with open()."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Licences", theme, parent, QSize(640, 520))
        self.setObjectName("licencesDialog")
        column = QVBoxLayout()
        column.setContentsMargins(S5, S4, S5, S4)
        column.setSpacing(S2)
        column.addWidget(wrapped("The works that Chatdesk is made with, and their licences", self))
        self.text = QPlainTextEdit(colophon.notice(), self)
        self.text.setObjectName("licencesText")
        self.text.setAccessibleName("Licences")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        column.addWidget(self.text, 1)
        self.body.addLayout(column, 1)

        self._folder = colophon.licence_folder()
        if self._folder is not None:
            folder = self._button("Open the folder", "Open the folder with the licences' texts")
            folder.setObjectName("openLicencesButton")
            folder.clicked.connect(self._open_folder)
        self.copy_button = self._button("Copy", "Copy the list")
        self.copy_button.clicked.connect(self._copy)
        self.buttons.addStretch(1)
        self.add_close()
        self.text.setFocus()

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setProperty("kind", "quiet")
        button.setAutoDefault(False)
        button.setToolTip(tip)
        self.buttons.addWidget(button)
        return button

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self.copy_button.setText("Copied")
