"""May this conversation be sent to a server? Says exactly what would be."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from chatdesk.providers.profiles import Profile
from chatdesk.ui.dialog import Dialog, wrapped
from chatdesk.ui.icons import pixmap
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.theme import ICON, S2, S3, S5, Theme

LONGEST_NAME = 24  # characters of a provider's name on a button


class ConsentDialog(Dialog):
    """accepted: it may be sent. Anything else, closing too, changes nothing. Open with open().

    told: what is sent. before: the address to which it went until now, "" for none. stay: what the
    button says that changes nothing; it has the focus.
    """

    def __init__(
        self,
        profile: Profile,
        told: str,
        before: str,
        stay: str,
        theme: Theme,
        parent: QWidget,
    ) -> None:
        super().__init__(f"Send this conversation to {profile.name}", theme, parent, QSize(500, 10))
        self.setObjectName("consentDialog")
        title = f"Send this conversation to {profile.name}?"
        if before:
            moved = (
                f"{profile.name} has another address now: {profile.origin}. Until now this "
                f"conversation went to {before}."
            )
        else:
            moved = ""
        words = profile.remote_words
        where = f"From then on what you write here {words}."
        self._mark = QLabel(self)
        self._drawing = provider_mark(profile.on_this_computer)
        column = QVBoxLayout()
        column.setSpacing(S3)
        column.addWidget(wrapped(title, self, "heading"))
        texts = [text for text in (moved, told, where) if text]
        for text in texts:
            column.addWidget(wrapped(text, self))
        column.addStretch(1)
        row = QHBoxLayout()
        row.setContentsMargins(S5, S5, S5, S5)
        row.setSpacing(S3)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        self.body.addLayout(row)
        self.setAccessibleName(title)
        self.setAccessibleDescription(" ".join(texts))
        short = len(profile.name) <= LONGEST_NAME
        self.send_button = QPushButton(f"Send to {profile.name}" if short else "Send it", self)
        self.send_button.setObjectName("sendToProviderButton")
        self.send_button.setAutoDefault(True)  # Enter presses the one that has the focus
        self.send_button.clicked.connect(self.accept)
        self.stay_button = QPushButton(stay, self)
        self.stay_button.setObjectName("stayButton")
        self.stay_button.setProperty("kind", "primary")
        self.stay_button.clicked.connect(self.reject)
        self.buttons.setSpacing(S2)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.send_button)
        self.buttons.addWidget(self.stay_button)
        self.stay_button.setDefault(True)
        self.stay_button.setFocus()
        self.refresh_theme()
        self.resize(self.width(), self._needed(self.width()))

    def refresh_theme(self) -> None:
        super().refresh_theme()
        ink = self.theme.tokens.remote
        self._mark.setPixmap(pixmap(self._drawing, ink, ICON + S2, self.devicePixelRatioF()))

    def _needed(self, width: int) -> int:
        layout = self.layout()
        assert layout is not None
        layout.activate()
        return layout.totalHeightForWidth(width)
