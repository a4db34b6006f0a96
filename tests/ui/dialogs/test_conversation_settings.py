"""The settings of one conversation: as in the settings until changed, and back again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from chatdesk.chat.messages import SamplingParameters
from chatdesk.settings import OPTIONS, Settings
from chatdesk.ui.conversation_settings import ConversationSettings
from chatdesk.ui.theme import Theme

# The offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

Open = Callable[..., ConversationSettings]


@pytest.fixture
def opened(qtbot: QtBot, theme: Theme) -> Open:
    kept = []

    def make(
        system_prompt: str | None = None, parameters: dict[str, Any] | None = None
    ) -> ConversationSettings:
        dialog = ConversationSettings(system_prompt, parameters or {}, Settings(), theme)
        kept.append(dialog)
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        return dialog

    return make


def field(dialog: ConversationSettings, key: str) -> Any:
    return dialog.findChild(QWidget, key)


def tag(dialog: ConversationSettings, key: str) -> str:
    return str(field(dialog, f"{key}.tag").text())


def test_every_sampling_parameter_has_a_row_that_explains_it(opened: Open) -> None:
    dialog = opened()
    wanted = {f"sampling.{name}" for name in SamplingParameters.__dataclass_fields__}
    assert set(dialog.rows) == wanted | {"chat.system_prompt"}
    helps = {option.key: option.help for option in OPTIONS}
    for key in dialog.rows:
        assert helps[key] in field(dialog, key).toolTip()


def test_without_values_of_its_own_everything_is_as_in_the_settings(opened: Open) -> None:
    dialog = opened()
    assert field(dialog, "sampling.temperature").value() == Settings().sampling.temperature
    assert {tag(dialog, key) for key in dialog.rows} == {"As in the settings"}
    assert not dialog.reset_all.isEnabled()


def test_values_of_its_own_are_shown_and_marked(opened: Open) -> None:
    dialog = opened("Be brief.", {"temperature": 0.2, "stop": ["END"]})
    assert field(dialog, "chat.system_prompt").toPlainText() == "Be brief."
    assert field(dialog, "sampling.temperature").value() == 0.2
    assert field(dialog, "sampling.stop").toPlainText() == "END"
    assert tag(dialog, "sampling.temperature") == "Only here"
    assert tag(dialog, "sampling.top_p") == "As in the settings"


def test_a_change_tells_all_that_is_its_own(opened: Open, qtbot: QtBot) -> None:
    dialog = opened(None, {"top_k": 5})
    with qtbot.waitSignal(dialog.changed) as signal:
        field(dialog, "sampling.temperature").setValue(1.5)
    assert signal.args == [None, {"top_k": 5, "temperature": 1.5}]


def test_a_value_equal_to_the_setting_may_be_its_own(opened: Open, qtbot: QtBot) -> None:
    dialog = opened(None, {"temperature": 0.7})
    assert tag(dialog, "sampling.temperature") == "Only here"


def test_a_system_prompt_is_told_after_a_pause(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    prompt = field(dialog, "chat.system_prompt")
    with qtbot.waitSignal(dialog.changed) as signal:
        qtbot.keyClicks(prompt, "Be brief.")
    assert signal.args == ["Be brief.", {}]


def test_what_was_typed_is_told_when_the_dialog_closes(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    qtbot.keyClicks(field(dialog, "chat.system_prompt"), "Be kind.")
    with qtbot.waitSignal(dialog.changed) as signal:
        dialog.close()
    assert signal.args == ["Be kind.", {}]


def test_going_back_follows_the_settings_again(opened: Open, qtbot: QtBot) -> None:
    dialog = opened("Be brief.", {"temperature": 0.2})
    with qtbot.waitSignal(dialog.changed) as signal:
        dialog.rows["sampling.temperature"].reset_button.click()
    assert signal.args == ["Be brief.", {}]
    with qtbot.waitSignal(dialog.changed) as signal:
        dialog.rows["chat.system_prompt"].reset_button.click()
    assert signal.args == [None, {}]
    assert field(dialog, "sampling.temperature").value() == 0.7


def test_reset_all_can_be_undone(opened: Open, qtbot: QtBot) -> None:
    dialog = opened("Be brief.", {"temperature": 0.2})
    qtbot.mouseClick(dialog.reset_all, Qt.MouseButton.LeftButton)
    assert (dialog.system_prompt, dialog.parameters) == (None, {})
    assert dialog.undo_notice.isVisible() and not dialog.reset_all.isEnabled()
    with qtbot.waitSignal(dialog.changed) as signal:
        qtbot.mouseClick(dialog.undo_notice.button, Qt.MouseButton.LeftButton)
    assert signal.args == ["Be brief.", {"temperature": 0.2}]
    assert field(dialog, "sampling.temperature").value() == 0.2


def test_a_value_that_cannot_be_is_not_told(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    spin = field(dialog, "sampling.temperature")
    spin.setFocus()
    spin.selectAll()
    with qtbot.assertNotEmitted(dialog.changed):
        qtbot.keyClicks(spin, "9")
        qtbot.keyClick(spin, Qt.Key.Key_Tab)
    assert dialog.rows["sampling.temperature"].error.isVisible()


def test_unknown_and_impossible_parameters_do_no_harm(opened: Open, qtbot: QtBot) -> None:
    dialog = opened(None, {"future": 1, "top_p": "often"})
    assert tag(dialog, "sampling.top_p") == "As in the settings"
    with qtbot.waitSignal(dialog.changed) as signal:
        field(dialog, "sampling.top_k").setValue(3)
    assert signal.args is not None and signal.args[1]["future"] == 1
