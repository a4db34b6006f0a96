"""The about dialog: version, privacy, where data lives, and whose work Chatdesk stands on.

Chatdesk asks nobody whether there is a newer version: "Check for updates" leads the person's
browser to the page that tells.
"""

from __future__ import annotations

import platform
from importlib import metadata

from PySide6.QtCore import QSize, Qt, QUrl, qVersion
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from chatdesk import __version__, colophon
from chatdesk.paths import DataDir
from chatdesk.ui.dialog import Dialog, label, wrapped
from chatdesk.ui.icons import application_icon, pixmap
from chatdesk.ui.theme import ICON, S1, S2, S3, S4, S5, Theme

PRIVACY = (
    "Your conversations stay on this computer. Nothing leaves it unless you turn a remote "
    "provider on."
)
LICENCES = (
    f"Chatdesk is free software under the MIT licence. {colophon.LGPL} Replies are computed by "
    "llama.cpp (MIT). Conversations are kept by SQLite (public domain)."
)
_PACKAGES = ("PySide6-Essentials", "llama-cpp-python", "apsw-sqlite3mc")


class AboutDialog(Dialog):
    """GUI thread only; open with open()."""

    def __init__(self, theme: Theme, data: DataDir, parent: QWidget | None = None) -> None:
        super().__init__("About Chatdesk", theme, parent, QSize(540, 384))
        self.setObjectName("aboutDialog")
        self._data = data
        # Large text on a small screen is more than fits.
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setAccessibleName("About Chatdesk")
        content = QWidget()
        area.setWidget(content)
        column = QVBoxLayout(content)
        column.setContentsMargins(S5, S5, S5, S4)
        column.setSpacing(S4)
        self.body.addWidget(area, 1)

        head = QHBoxLayout()
        head.setSpacing(S4)
        mark = QLabel(self)
        mark.setPixmap(application_icon().pixmap(QSize(56, 56), self.devicePixelRatioF()))
        mark.setFixedSize(56, 56)
        head.addWidget(mark)
        names = QVBoxLayout()
        names.setSpacing(S1)
        names.addStretch(1)
        names.addWidget(label("Chatdesk", "title", self))
        if summary := colophon.summary():
            names.addWidget(wrapped(summary, self))
        version = label(f"Version {__version__}", "secondary", self)
        version.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        names.addWidget(version)
        names.addStretch(1)
        head.addLayout(names, 1)
        column.addLayout(head)

        card = QFrame(self)
        card.setProperty("card", True)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(S4, S3, S4, S3)
        inside.setSpacing(S3)
        self._marks = {name: QLabel(card) for name in ("lock", "folder")}
        inside.addLayout(self._line("lock", wrapped(PRIVACY, card)))
        where = wrapped(str(data.root), card)
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        where.setToolTip("Where conversations, settings and added models are kept")
        where.setAccessibleName(f"Your data is in {data.root}")
        line = self._line("folder", where)
        self.open_button = QPushButton("Open", card)
        self.open_button.setObjectName("openDataButton")
        self.open_button.setAutoDefault(False)
        self.open_button.setToolTip("Open the data folder")
        self.open_button.clicked.connect(self._open_data)
        line.addWidget(self.open_button)
        inside.addLayout(line)
        column.addWidget(card)
        column.addWidget(wrapped(LICENCES, self, "small"))
        column.addStretch(1)

        self.copy_button = self._button(
            "copyVersionsButton", "Copy versions", "Copy what a report of a problem should say"
        )
        self.copy_button.clicked.connect(self._copy)
        self.licences_button = self._button(
            "licencesButton", "Licences", "Whose work Chatdesk is made with"
        )
        self.licences_button.clicked.connect(self._show_licences)
        self.buttons.addStretch(1)
        self._releases = colophon.page("Releases")
        if self._releases is not None:
            self.updates_button = self._button(
                "updatesButton", "Check for updates", f"Open {self._releases} in the browser"
            )
            self.updates_button.clicked.connect(self._open_releases)
        self.add_close().setFocus()
        self.refresh_theme()

    def _button(self, name: str, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setProperty("kind", "quiet")
        button.setAutoDefault(False)
        button.setToolTip(tip)
        self.buttons.addWidget(button)
        return button

    def _line(self, icon_name: str, text: QWidget) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(S2 + S1)
        line.addWidget(self._marks[icon_name])
        line.addWidget(text, 1)
        return line

    def refresh_theme(self) -> None:
        for name, mark in self._marks.items():
            color = self.theme.tokens.accent
            mark.setPixmap(pixmap(name, color, ICON, self.devicePixelRatioF()))
        super().refresh_theme()

    def _open_data(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data.root)))

    def _open_releases(self) -> None:
        QDesktopServices.openUrl(QUrl(self._releases or ""))

    def _show_licences(self) -> None:
        from chatdesk.ui.licences import LicencesDialog

        dialog = LicencesDialog(self.theme, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(versions())
        self.copy_button.setText("Copied")


def versions() -> str:
    """What runs here, a line each: nothing about the person."""
    lines = [
        f"Chatdesk {__version__}",
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"Qt {qVersion()} ({QGuiApplication.platformName()})",
    ]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue  # a packaged application need not carry metadata
    return "\n".join(lines)
