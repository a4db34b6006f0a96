"""The form's cards of what is not the connection: a provider's models, and its special cases.

A card shows its part of a profile and reads it back; judging it is the form's.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QWidget

from chatdesk.providers.profiles import TEMPLATES, Profile
from chatdesk.providers.profiles.profile import LARGEST_CONTEXT
from chatdesk.ui.providers.draft import parse_headers, parse_models, written_headers
from chatdesk.ui.providers.fields import Card, Field, SwitchField
from chatdesk.ui.providers.model_field import ModelField
from chatdesk.ui.settings.choices import Combo
from chatdesk.ui.settings.numbers import WholeSpin
from chatdesk.ui.settings.texts import Lines
from chatdesk.ui.theme import S2, Theme

_TEMPLATE_NAMES = {
    "plain": "User and Assistant",
    "chatml": "ChatML",
    "llama-2": "Llama 2",
    "llama-3": "Llama 3",
    "mistral": "Mistral",
    "falcon": "Falcon",
}


class ModelsCard(Card):
    """The default model, those entered by hand, and how much they read.

    edited(the editor): by the person. submitted: Enter in a field of one line.
    """

    edited = Signal(QWidget)
    submitted = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__("Models", parent)
        self.model = ModelField(theme, self)
        self.by_hand_lines = Lines(3)
        self.by_hand_lines.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.by_hand = Field(
            "Models entered by hand",
            "providerModels",
            self.by_hand_lines,
            self,
            help="One on each line, for servers that list none, or not all.",
        )
        self.context_spin = WholeSpin()
        self.context_spin.setRange(0, LARGEST_CONTEXT)
        self.context_spin.setSingleStep(1024)
        self.context_spin.setGroupSeparatorShown(True)
        self.context_spin.setSpecialValueText("As the server says")
        self.context_spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.context_spin.setAlignment(Qt.AlignmentFlag.AlignLeading)
        self.context_spin.lineEdit().setTextMargins(S2, 0, 0, 0)
        self.context = Field(
            "Context size",
            "providerContext",
            self.context_spin,
            self,
            help="How many tokens of conversation its models take, where the server does not "
            "say. A token is about three quarters of a word.",
        )
        for widget in (self.model, self.by_hand, self.context):
            self.add(widget)
        self.model.edited.connect(lambda: self.edited.emit(self.model.field.editor))
        self.model.line.returnPressed.connect(self.submitted)
        self.by_hand_lines.textChanged.connect(lambda: self.edited.emit(self.by_hand_lines))
        self.by_hand_lines.left.connect(self._offer_by_hand)
        self.context_spin.valueChanged.connect(lambda: self.edited.emit(self.context_spin))

    def load(self, profile: Profile) -> None:
        """Show a profile's models. Nothing is emitted."""
        self.model.load(profile.default_model, profile.models)
        with QSignalBlocker(self.by_hand_lines):
            self.by_hand_lines.setPlainText("\n".join(profile.models))
        with QSignalBlocker(self.context_spin):
            self.context_spin.setValue(profile.context_size)
        # Workers over NATS always say what they have, and how much it reads.
        told = profile.preset.api == "nats"
        self.by_hand.setVisible(not told)
        self.context.setVisible(not told)

    def filled(self, profile: Profile) -> Profile:
        """The profile with what stands here."""
        self.context_spin.interpretText()
        return replace(
            profile,
            default_model=self.model.text(),
            models=parse_models(self.by_hand_lines.toPlainText()),
            context_size=self.context_spin.value(),
        )

    def values(self) -> tuple[object, ...]:
        """What stands here, as it was written."""
        return self.model.text(), self.by_hand_lines.toPlainText(), self.context_spin.value()

    def _offer_by_hand(self) -> None:
        self.model.set_by_hand(parse_models(self.by_hand_lines.toPlainText()))


class SpecialCard(Card):
    """What few providers need. edited(the editor): by the person."""

    edited = Signal(QWidget)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__("Special cases", parent)
        self.keep = SwitchField(
            "Keep requests while no worker is there",
            "keepRequests",
            theme,
            self,
            help="The NATS server holds what you send for up to a day, until a worker comes. "
            "Otherwise Chatdesk asks again for some minutes.",
        )
        self.template_combo = Combo()
        for name in TEMPLATES:
            self.template_combo.addItem(_TEMPLATE_NAMES.get(name, name), name)
        self.template = Field(
            "Prompt template",
            "providerTemplate",
            self.template_combo,
            self,
            help="How a conversation is written for the model. The model's page says which.",
        )
        self.headers_lines = Lines(2)
        self.headers_lines.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.headers_lines.setPlaceholderText("X-Title: Chatdesk")
        self.headers = Field(
            "Extra headers",
            "providerHeaders",
            self.headers_lines,
            self,
            help="Name: value, one on each line. They are sent with every request. A key does not "
            "belong here.",
        )
        for widget in (self.keep, self.template, self.headers):
            self.add(widget)
        self.keep.toggled.connect(lambda: self.edited.emit(self.keep))
        combo, lines = self.template_combo, self.headers_lines
        combo.currentIndexChanged.connect(lambda: self.edited.emit(combo))
        lines.textChanged.connect(lambda: self.edited.emit(lines))

    def load(self, profile: Profile) -> None:
        """Show what a profile has of this. Nothing is emitted."""
        with QSignalBlocker(self.template_combo):
            at = self.template_combo.findData(profile.template or TEMPLATES[0])
            self.template_combo.setCurrentIndex(max(0, at))
        with QSignalBlocker(self.headers_lines):
            self.headers_lines.setPlainText(written_headers(profile.headers))
        self.keep.set_on(profile.keep_requests)
        nats = profile.preset.api == "nats"
        self.keep.setVisible(nats)
        self.headers.setVisible(not nats)
        self.template.setVisible(profile.preset.api == "tgi")

    def headers_given(self) -> tuple[tuple[str, str], ...]:
        """The headers that stand here. Raises UsageError where a line is none."""
        return parse_headers(self.headers_lines.toPlainText())

    def filled(self, profile: Profile, headers: tuple[tuple[str, str], ...]) -> Profile:
        """The profile with what stands here for its kind, and with these headers."""
        api = profile.preset.api
        template = self.template_combo.currentData() if api == "tgi" else ""
        keep = api == "nats" and self.keep.is_on()
        return replace(profile, template=template, headers=headers, keep_requests=keep)

    def values(self) -> tuple[object, ...]:
        """What stands here, as it was written."""
        return (
            self.template_combo.currentData(),
            self.headers_lines.toPlainText(),
            self.keep.is_on(),
        )
