"""The settings of one conversation: its system prompt and how its replies are sampled.

Each value is the one of the settings until it is changed here; going back makes it follow the
settings again. Every change is told at once, as the whole of what the conversation has of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from chatdesk.errors import SettingsError
from chatdesk.settings import OPTIONS, Settings, option, validate_parameter
from chatdesk.ui.dialog import Dialog, Notice, label
from chatdesk.ui.settings.row import OptionRow
from chatdesk.ui.settings.section import Section
from chatdesk.ui.theme import S4, S5, Theme

_PROMPT = "chat.system_prompt"
_GROUP = "sampling"


class OwnValues:
    """What one conversation has of its own, over the settings.

    system_prompt None: as in the settings; "" is an empty one of its own. parameters: by bare name.
    Names that are no parameters are kept as they are: a newer Chatdesk may have written them.
    """

    back = "As in the settings"
    own = "Only here"
    inherited = "As in the settings"

    def __init__(
        self, system_prompt: str | None, parameters: Mapping[str, Any], settings: Settings
    ) -> None:
        self._settings = settings
        self.system_prompt = system_prompt
        self.parameters = dict(parameters)

    def get(self, key: str) -> Any:
        if not self.differs(key):
            return self.base(key)
        if key == _PROMPT:
            return self.system_prompt
        name = option(key).name
        return validate_parameter(name, self.parameters[name])

    def set(self, key: str, value: Any) -> None:
        if key == _PROMPT:
            self.system_prompt = str(value)
        else:
            name = option(key).name
            self.parameters[name] = validate_parameter(name, value)

    def reset(self, key: str) -> None:
        if key == _PROMPT:
            self.system_prompt = None
        else:
            self.parameters.pop(option(key).name, None)

    def base(self, key: str) -> Any:
        entry = option(key)
        return getattr(getattr(self._settings, entry.group), entry.name)

    def differs(self, key: str) -> bool:
        if key == _PROMPT:
            return self.system_prompt is not None
        name = option(key).name
        if name not in self.parameters:
            return False
        try:
            validate_parameter(name, self.parameters[name])
        except SettingsError:
            return False  # nothing that can be shown: it will be sent as in the settings
        return True


class ConversationSettings(Dialog):
    """changed(system_prompt: str | None, parameters: dict) after each change. GUI thread only."""

    changed = Signal(object, object)

    def __init__(
        self,
        system_prompt: str | None,
        parameters: Mapping[str, Any],
        settings: Settings,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Settings of this conversation", theme, parent, QSize(680, 640))
        self.setObjectName("conversationSettings")
        self._values = OwnValues(system_prompt, parameters, settings)
        self._before: tuple[str | None, dict[str, Any]] | None = None
        self.rows: dict[str, OptionRow] = {}

        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        area.setWidget(content)
        column = QVBoxLayout(content)
        column.setContentsMargins(S5, S4, S5, S5)
        column.setSpacing(S5)
        self.undo_notice = Notice(theme, "info", content, closable=True, action="Undo")
        self.undo_notice.setObjectName("resetUndo")
        self.undo_notice.acted.connect(self._undo)
        column.addWidget(self.undo_notice)
        prompt = Section(
            "This conversation", "What is changed here counts only for this conversation.", self
        )
        self._add(prompt, _PROMPT)
        column.addWidget(prompt)
        sampling = Section("Replies", "How the model chooses its words here.", self)
        for entry in OPTIONS:
            if entry.group == _GROUP:
                self._add(sampling, entry.key)
        column.addWidget(sampling)
        column.addStretch(1)
        self.body.addWidget(area)

        self.reset_all = QPushButton("Reset all", self)
        self.reset_all.setObjectName("resetAllButton")
        self.reset_all.setProperty("kind", "quiet")
        self.reset_all.setAutoDefault(False)
        self.reset_all.setToolTip("Make everything here as it is in the settings")
        self.reset_all.clicked.connect(self._reset_all)
        self.buttons.addWidget(self.reset_all)
        self.buttons.addWidget(label("Changes apply to the next reply.", "small", self))
        self.buttons.addStretch(1)
        self.add_close()
        self._refresh_reset()

    @property
    def system_prompt(self) -> str | None:
        return self._values.system_prompt

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self._values.parameters)

    def _add(self, section: Section, key: str) -> None:
        row = OptionRow(option(key), self._values, self.theme, section)
        row.editor.field.setToolTip(f"<p>{option(key).help}</p>")
        row.changed.connect(self._tell)
        self.rows[key] = row
        section.add(row)
        row.set_ruled(row is not self.rows.get(_PROMPT) and section.count > 1)

    def _tell(self) -> None:
        self._refresh_reset()
        self.changed.emit(self._values.system_prompt, dict(self._values.parameters))

    def _refresh_reset(self) -> None:
        self.reset_all.setEnabled(any(self._values.differs(key) for key in self.rows))

    def _reset_all(self) -> None:
        self._before = (self._values.system_prompt, dict(self._values.parameters))
        for key, row in self.rows.items():
            self._values.reset(key)
            row.refresh()
        self.undo_notice.set_text("Everything here is as in the settings.")
        self._tell()

    def _undo(self) -> None:
        if self._before is not None:
            self._values.system_prompt, self._values.parameters = self._before
            self._before = None
            for row in self.rows.values():
                row.refresh()
            self.undo_notice.set_text("")
            self._tell()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        prompt = self.rows[_PROMPT].editor.field
        QTimer.singleShot(0, prompt, prompt.setFocus)

    def hideEvent(self, event: QHideEvent) -> None:
        for row in self.rows.values():
            row.commit()
        super().hideEvent(event)
