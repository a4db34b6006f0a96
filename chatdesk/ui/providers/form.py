"""The form of one provider: everything that can be set, read as a profile, judged in place.

It knows no files, keyring or server: what needs them is asked for by signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from chatdesk.credentials import Secret
from chatdesk.errors import UsageError
from chatdesk.providers.profiles import Profile, key_of
from chatdesk.providers.profiles.profile import LONGEST_NAME
from chatdesk.ui.dialog import Notice, announce, centred, wrapped
from chatdesk.ui.icons import pixmap
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.providers.address import AddressField
from chatdesk.ui.providers.cards import ModelsCard, SpecialCard
from chatdesk.ui.providers.draft import problems_of
from chatdesk.ui.providers.fields import Card, Field, SwitchField, line_edit
from chatdesk.ui.providers.key_field import KeyField, KeyState
from chatdesk.ui.providers.strip import TestStrip
from chatdesk.ui.theme import ICON, S2, S4, S5, Theme

_WIDEST = 640  # pixels
_NEEDS_KEY = "The server asks for a key"
_NEEDS_KEY_HELP = "Most programs on your own computer ask for none."
_FORGETS_KEY = "The saved key is deleted when you save."


class ProviderForm(QScrollArea):
    """edited: by the person. submitted: Enter in a field of one line. GUI thread only."""

    edited = Signal()
    submitted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._profile: Profile | None = None
        self._new = False
        self._saved: tuple[object, ...] = ()
        self._sent: tuple[object, ...] = ()
        self._kept = KeyState()
        self._in_environment = False
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        self.setWidget(content)
        page = QWidget(content)
        centred(page, _WIDEST, content).setContentsMargins(S5, S4, S5, S5)
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(S4)
        self._make_head(page)
        self._column.addWidget(self._make_connection(page))
        self.models = ModelsCard(theme, page)
        self.models.edited.connect(self._edited)
        self.models.submitted.connect(self.submitted)
        self._column.addWidget(self.models)
        self.special = SpecialCard(theme, page)
        self.special.edited.connect(self._edited)
        self._column.addWidget(self.special)
        self._column.addStretch(1)
        theme.changed.connect(self._refresh_mark)

    # -- building -----------------------------------------------------------------------------

    def _make_head(self, page: QWidget) -> None:
        self.heading = wrapped("", page, "heading")
        self.heading.setObjectName("providerHeading")
        self._column.addWidget(self.heading)
        self._goes = QWidget(page)
        row = QHBoxLayout(self._goes)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S2)
        self._mark = QLabel(self._goes)
        self._mark.setFixedWidth(ICON)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        self.goes = wrapped("", self._goes, "remote")
        self.goes.setObjectName("providerGoes")
        row.addWidget(self.goes, 1)
        self._column.addWidget(self._goes)
        self.error = Notice(self._theme, "danger", page, closable=True)
        self.error.setObjectName("providerError")
        self._column.addWidget(self.error)

    def _make_connection(self, page: QWidget) -> Card:
        card = Card("", page)
        self.name_line = line_edit()
        self.name_line.setMaxLength(LONGEST_NAME)
        self.name = Field("Name", "providerName", self.name_line, card)
        self.address = AddressField(self._theme, card)
        self.needs_key = SwitchField(
            _NEEDS_KEY, "needsKey", self._theme, card, help=_NEEDS_KEY_HELP
        )
        self.key = KeyField(self._theme, card)
        self.environment = SwitchField("", "useEnvironment", self._theme, card)
        self.strip = TestStrip(self._theme, card)
        for widget in (self.name, self.address, self.needs_key, self.key, self.environment):
            card.add(widget)
        card.add(self.strip)
        self.name_line.textEdited.connect(self._name_edited)
        self.name_line.returnPressed.connect(self.submitted)
        self.address.edited.connect(self._connection_edited)
        self.address.line.returnPressed.connect(self.submitted)
        self.address.moved.connect(self._moved)
        self.needs_key.toggled.connect(self._connection_edited)
        self.key.edited.connect(self._connection_edited)
        self.key.return_pressed.connect(self.submitted)
        self.environment.toggled.connect(self._connection_edited)
        self.key.revealed.connect(self._reveal)
        self.strip.revealed.connect(self._reveal)
        return card

    # -- the profile --------------------------------------------------------------------------

    @property
    def profile(self) -> Profile | None:
        """The profile that is shown, as it was saved (or made from a preset)."""
        return self._profile

    @property
    def new(self) -> bool:
        """Whether it is one that was never saved."""
        return self._new

    def forget(self) -> None:
        """Show nothing any more; what was written here is lost."""
        self._profile = None
        self.key.begin()
        self.strip.clear()

    def load(self, profile: Profile, *, new: bool, in_environment: bool) -> None:
        """Show a profile. in_environment: whether the environment variable of its kind is set."""
        self.key.begin()
        self._show(profile, new=new, in_environment=in_environment)
        self.strip.clear()
        self.verticalScrollBar().setValue(0)

    def begin_saving(self) -> None:
        """What stands in the form now is being saved; it may be changed further meanwhile."""
        self._sent = self._values()

    def end_saving(self, profile: Profile, *, in_environment: bool) -> None:
        """It is saved as this profile; what was changed since stays, and is not saved."""
        if self._values() == self._sent:
            self._show(profile, new=False, in_environment=in_environment)
            return
        self._profile, self._new, self._saved = profile, False, self._sent
        self.address.set_saved(profile)
        self._refresh()

    def _show(self, profile: Profile, *, new: bool, in_environment: bool) -> None:
        same = self._profile is not None and self._profile.id == profile.id and not new
        self._profile, self._new = profile, new
        self._in_environment = in_environment
        self.name_line.setText(profile.name)
        self.name_line.setCursorPosition(0)
        self.address.load(profile, new=new)
        self.needs_key.set_on(profile.needs_key)
        self.environment.set_on(profile.use_environment)
        self.models.load(profile)
        self.special.load(profile)
        for field in self._fields().values():
            field.set_error("")
        self.error.set_text("")
        if not same:
            self._kept = KeyState("none") if new else KeyState()
        self._saved = self._sent = self._values()
        self._refresh()

    def _read(self, headers: tuple[tuple[str, str], ...]) -> Profile:
        assert self._profile is not None
        connected = replace(
            self._profile,
            name=self.name_line.text().strip(),
            base_url=self.address.text(),
            needs_key=self.needs_key.is_on(),
            use_environment=bool(self._profile.preset.variable) and self.environment.is_on(),
            allow_http=self.address.allowed(),
        )
        return self.special.filled(self.models.filled(connected), headers)

    @property
    def dirty(self) -> bool:
        """Whether something would be lost if another provider were shown."""
        if self._profile is None:
            return False
        return self.key.has_entry or self._values() != self._saved

    def check(self, others: Sequence[Profile]) -> Profile | None:
        """The profile, where all is well; else None, and each field says what is wrong with it."""
        unreadable: dict[str, str] = {}
        headers: tuple[tuple[str, str], ...] = ()
        try:
            headers = self.special.headers_given()
        except UsageError as error:
            unreadable["headers"] = error.told
        profile = self._read(headers)
        problems = problems_of(profile, others) | unreadable
        try:
            self.entered()
        except UsageError as error:
            problems["key"] = error.told
        self.show_problems(problems)
        return None if problems else profile

    def show_error(self, text: str) -> None:
        """Say what is wrong with the whole; it stays until dismissed or until the next try."""
        self.error.set_text(text)
        self.verticalScrollBar().setValue(0)
        announce(self, text, urgent=True)

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Say at each field what is wrong with it, and go to the first."""
        first: Field | None = None
        for name, field in self._fields().items():
            text = problems.get(name, "")
            field.set_error(text)
            if text and first is None:
                first = field
        if first is not None:
            first.setFocus()
            self.ensureWidgetVisible(first, 0, S4)
            announce(self, problems[next(n for n in self._fields() if n in problems)], urgent=True)

    # -- the key ------------------------------------------------------------------------------

    def set_kept(self, state: KeyState) -> None:
        """Say where the saved provider's key is (the environment apart)."""
        self._kept = state
        self._refresh()

    @property
    def key_state(self) -> KeyState:
        """Where the key for what stands in the form is."""
        kept = KeyState("none") if self.address.is_moved or self._new else self._kept
        assert self._profile is not None
        variable = self._profile.preset.variable
        if kept.place == "none" and self.environment.is_on() and self._in_environment:
            return KeyState("environment", variable=variable)
        return kept

    @property
    def takes_key(self) -> bool:
        """Whether there is a key to be looked after: one is needed, or was given all the same."""
        assert self._profile is not None
        return self.needs_key.is_on() or (self._kept.kept and not self._profile.needs_key)

    def entered(self) -> Secret | None:
        """The key that was typed; None where there is none. Raises UsageError (without the key)."""
        if self._profile is None or not (self.takes_key and self.key.has_entry):
            return None
        return key_of(self._profile, self.key.entered())

    # -- inner --------------------------------------------------------------------------------

    def _fields(self) -> dict[str, Field]:
        return {
            "name": self.name,
            "base_url": self.address.field,
            "key": self.key.field,
            "default_model": self.models.model.field,
            "models": self.models.by_hand,
            "context_size": self.models.context,
            "template": self.special.template,
            "headers": self.special.headers,
        }

    def _values(self) -> tuple[object, ...]:
        return (
            self.name_line.text().strip(),
            self.address.text(),
            self.address.allowed(),
            self.needs_key.is_on(),
            self.environment.is_on(),
            *self.models.values(),
            *self.special.values(),
        )

    def _edited(self, editor: QWidget | None = None) -> None:
        """editor: what was edited, whose error is told no more."""
        for field in self._fields().values():
            if field.editor is editor:
                field.set_error("")
        self._refresh()
        self.edited.emit()

    def _name_edited(self) -> None:
        self._edited(self.name_line)

    def _connection_edited(self) -> None:
        self.strip.clear()  # what was tested is something else now
        self._edited()

    def _moved(self, moved: bool) -> None:
        # What was allowed for the address before is not allowed for this one.
        assert self._profile is not None
        self.environment.set_on(self._profile.use_environment and not moved)
        self.key.begin()

    def _refresh(self) -> None:
        """Everything that follows from what stands in the fields."""
        profile = self._profile
        if profile is None:
            return
        preset = profile.preset
        self.heading.setText(f"New provider: {preset.name}" if self._new else profile.name)
        shown = self._shown(profile)
        words = f"What you write {shown.remote_words}." if shown is not None else ""
        self.goes.setText(words)
        self._goes.setVisible(bool(words))
        usual = preset.needs_key and preset.kind != "custom"
        self.needs_key.setVisible(not (usual and profile.needs_key))
        asks = self.needs_key.is_on()
        forgets = self._kept.kept and not asks and profile.needs_key
        self.needs_key.set_words(_NEEDS_KEY, _FORGETS_KEY if forgets else _NEEDS_KEY_HELP)
        takes = self.takes_key
        self.key.setVisible(takes)
        self.key.set_hint(preset.key_page)
        self.key.set_state(self.key_state)
        self.address.set_has_key(self._kept.kept)
        self.environment.setVisible(takes and bool(preset.variable))
        is_set = "It is set." if self._in_environment else "It is not set in this session."
        self.environment.set_words(
            f"Use the environment variable {preset.variable}",
            f"{is_set} A key that is saved here goes first.",
        )
        self._refresh_mark()

    def _reveal(self, widget: QWidget) -> None:
        # What it stands in grows first.
        QTimer.singleShot(0, widget, lambda: self.ensureWidgetVisible(widget, 0, S4))

    def _shown(self, profile: Profile) -> Profile | None:
        """The profile at the address that stands in the form; None while there is none."""
        origin = self.address.origin
        name = self.name_line.text().strip() or profile.preset.name
        return None if origin is None else replace(profile, name=name, base_url=str(origin))

    def _refresh_mark(self) -> None:
        shown = None if self._profile is None else self._shown(self._profile)
        drawing = provider_mark(shown is not None and shown.on_this_computer)
        ink = self._theme.tokens.remote
        self._mark.setPixmap(pixmap(drawing, ink, ICON, self.devicePixelRatioF()))
