"""Where a provider is: its base URL, and what must be said about it before it is used."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from chatdesk.credentials import Origin
from chatdesk.errors import UsageError
from chatdesk.providers.profiles import Profile
from chatdesk.ui.dialog import Notice
from chatdesk.ui.providers.draft import encrypted
from chatdesk.ui.providers.fields import Field, SwitchField, line_edit
from chatdesk.ui.theme import S2, Theme

UNENCRYPTED = "What you write and the key would travel unencrypted to {place}."
ALLOW = "Use it all the same"
ALLOW_HELP = "Only in a network that you trust. Better is an address with {better}."
SUBJECT = "The end, as in …/lab, is the subject of the workers; without one it is chatdesk."
MOVED = (
    "The key was given for {before}. It is forgotten when you save; give the key for {after} again."
)


class AddressField(QWidget):
    """The base URL, a warning about plain http with a switch that accepts it, a note on the key.

    edited: by the person. moved(bool): the address has, or has no more, another origin than the
    saved one.
    """

    edited = Signal()
    moved = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S2)
        self.line = line_edit("https://", code=True)
        self.field = Field("Base URL", "providerUrl", self.line, self)
        self.line.textEdited.connect(self._edited)
        column.addWidget(self.field)
        self.setFocusProxy(self.field)
        self.warning = Notice(theme, "warning", self)
        self.warning.setObjectName("unencryptedWarning")
        column.addWidget(self.warning)
        self.allow = SwitchField(
            ALLOW, "allowHttp", theme, self, help=ALLOW_HELP.format(better="https://")
        )
        self.allow.toggled.connect(self.edited)
        column.addWidget(self.allow)
        self.moving = Notice(theme, "info", self)
        self.moving.setObjectName("keyForgottenNotice")
        column.addWidget(self.moving)
        self._saved: Origin | None = None
        self._has_key = False
        self._moved = False

    def load(self, profile: Profile, *, new: bool) -> None:
        """Show a profile's address. new: it is not saved, so that nothing belongs to it yet."""
        better = encrypted(profile)
        self.line.setPlaceholderText(better)
        self.field.set_help(SUBJECT if profile.preset.api == "nats" else "")
        self.allow.set_words(ALLOW, ALLOW_HELP.format(better=better))
        self.line.setText(profile.base_url)
        self.line.setCursorPosition(0)
        self.allow.set_on(profile.allow_http)
        self._saved = None if new else self._origin(profile.base_url)
        self._has_key = False
        self._moved = False
        self.field.set_error("")
        self._refresh()

    def set_saved(self, profile: Profile) -> None:
        """Another address is the saved one now; what stands in the field stays."""
        self._saved = self._origin(profile.base_url)
        self._moved = self.origin is not None and self.origin != self._saved
        self._refresh()

    def set_has_key(self, has_key: bool) -> None:
        """Whether a key is kept for the saved address: it would have to be given again."""
        self._has_key = has_key
        self._refresh()

    def text(self) -> str:
        return self.line.text().strip()

    @property
    def origin(self) -> Origin | None:
        """The origin that stands in the field; None while there is none."""
        return self._origin(self.text())

    @property
    def is_moved(self) -> bool:
        """Whether it is another origin than the saved one."""
        return self._moved

    def allowed(self) -> bool:
        """Whether plain http to another computer was accepted."""
        return self.allow.is_on() and self._unencrypted()

    # -- inner --------------------------------------------------------------------------------

    def _edited(self) -> None:
        origin = self.origin
        moved = self._saved is not None and origin is not None and origin != self._saved
        if moved != self._moved:
            self._moved = moved
            self.moved.emit(moved)
        if self.allow.is_on():
            self.allow.set_on(False)  # it was accepted for the address before
        self.field.set_error("")
        self._refresh()
        self.edited.emit()

    def _unencrypted(self) -> bool:
        origin = self.origin
        return origin is not None and not origin.secure

    def _refresh(self) -> None:
        origin = self.origin
        unencrypted = self._unencrypted()
        place = str(origin).partition("//")[2]
        self.warning.set_text(UNENCRYPTED.format(place=place) if unencrypted else "")
        self.allow.setVisible(unencrypted)
        forgotten = self._moved and self._has_key
        self.moving.set_text(MOVED.format(before=self._saved, after=origin) if forgotten else "")

    @staticmethod
    def _origin(url: str) -> Origin | None:
        try:
            return Origin.of(url)
        except UsageError:
            return None
