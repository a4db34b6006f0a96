"""The settings dialog: a row for every option, changes saved at once, errors told in place."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from chatdesk.settings import GROUPS, OPTIONS, SettingsFile
from chatdesk.ui.settings import SettingsDialog
from chatdesk.ui.settings.choices import ModelEditor, Offer
from chatdesk.ui.settings.texts import escape, unescape
from chatdesk.ui.theme import Theme

# The offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

Open = Callable[..., SettingsDialog]


@pytest.fixture
def opened(qtbot: QtBot, settings: SettingsFile, theme: Theme) -> Open:
    kept = []  # tests hold fields of the dialog, which do not keep it alive

    def make(page: str = "") -> SettingsDialog:
        dialog = SettingsDialog(settings, theme)
        kept.append(dialog)
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        if page:
            dialog.show_group(page)
        return dialog

    return make


def field(dialog: SettingsDialog, key: str) -> Any:
    found = dialog.findChild(QWidget, key)
    assert found is not None
    return found


def type_into(qtbot: QtBot, widget: Any, text: str) -> None:
    widget.setFocus()
    widget.selectAll()
    for at, line in enumerate(text.split("\n")):
        if at:
            qtbot.keyClick(widget, Qt.Key.Key_Return)
        qtbot.keyClicks(widget, line)


def saved(settings: SettingsFile, key: str) -> Any:
    """What a new process would read."""
    return SettingsFile(settings.path).get(key)


def test_every_option_has_a_row(opened: Open) -> None:
    dialog = opened()
    assert set(dialog.rows) == {option.key for option in OPTIONS}
    for option in OPTIONS:
        widget = field(dialog, option.key)
        assert widget.accessibleName() == option.label
        assert option.help in widget.accessibleDescription()


def test_every_option_is_on_the_page_of_its_group(opened: Open) -> None:
    dialog = opened()
    for group in GROUPS:
        dialog.show_group(group.name)
        shown = {key for key, row in dialog.rows.items() if row.isVisible()}
        assert shown == {option.key for option in OPTIONS if option.group == group.name}


def test_a_switch_is_saved(opened: Open, settings: SettingsFile, qtbot: QtBot) -> None:
    switch: QCheckBox = field(opened("composer"), "composer.enter_sends")
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    assert saved(settings, "composer.enter_sends") is False
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    assert saved(settings, "composer.enter_sends") is True


def test_a_whole_number_is_saved(opened: Open, settings: SettingsFile, qtbot: QtBot) -> None:
    spin: QSpinBox = field(opened("sampling"), "sampling.top_k")
    type_into(qtbot, spin, "12")
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert saved(settings, "sampling.top_k") == 12


def test_a_number_is_saved(opened: Open, settings: SettingsFile, qtbot: QtBot) -> None:
    spin: QDoubleSpinBox = field(opened("sampling"), "sampling.temperature")
    spin.setValue(1.25)
    assert saved(settings, "sampling.temperature") == 1.25


def test_an_arrow_key_steps_without_rounding_noise(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    spin: QDoubleSpinBox = field(opened("sampling"), "sampling.top_p")
    qtbot.keyClick(spin, Qt.Key.Key_Down)
    assert saved(settings, "sampling.top_p") == 0.94


def test_a_choice_is_saved(opened: Open, settings: SettingsFile) -> None:
    combo: QComboBox = field(opened(), "appearance.theme")
    combo.setCurrentIndex(combo.findText("Dark"))
    assert saved(settings, "appearance.theme") == "dark"


def test_a_line_is_saved_when_it_is_finished(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    line: QLineEdit = field(opened("model"), "model.chat_format")
    type_into(qtbot, line, "chatml")
    assert saved(settings, "model.chat_format") == ""
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert saved(settings, "model.chat_format") == "chatml"


def test_a_long_text_is_saved_after_a_pause(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    text: QPlainTextEdit = field(opened("chat"), "chat.system_prompt")
    type_into(qtbot, text, "Be short.\nAlways.")
    qtbot.waitUntil(lambda: saved(settings, "chat.system_prompt") == "Be short.\nAlways.")


def test_a_list_is_saved_one_text_a_line(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    dialog = opened("sampling")
    text: QPlainTextEdit = field(dialog, "sampling.stop")
    type_into(qtbot, text, "User:\n\\n\\n\n\n C:\\\\new")
    dialog.close()
    assert saved(settings, "sampling.stop") == ("User:", "\n\n", " C:\\new")


def test_a_list_shows_line_breaks_as_escapes(opened: Open, settings: SettingsFile) -> None:
    settings.set("sampling.stop", ("\n\n", "User:"))
    assert field(opened("sampling"), "sampling.stop").toPlainText() == "\\n\\n\nUser:"


def test_a_model_is_chosen_from_the_list_or_from_a_file(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    dialog = opened("model")
    editor = dialog.rows["model.default"].editor
    assert isinstance(editor, ModelEditor)
    editor.set_models(
        [
            Offer("", "SmolLM2 135M", "/bundled/smollm2.gguf"),
            Offer("other", "Other", "/models/other.gguf"),
        ]
    )
    combo: QComboBox = field(dialog, "model.default")
    assert combo.currentText() == "SmolLM2 135M"
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    assert saved(settings, "model.default") == "other"
    editor.choose("/models/my model.gguf")
    assert saved(settings, "model.default") == "/models/my model.gguf"
    assert combo.currentText() == "my model.gguf"
    editor.choose("/models/other.gguf")
    assert combo.currentText() == "Other"


def test_no_seed_is_a_value_with_words(opened: Open, settings: SettingsFile, qtbot: QtBot) -> None:
    spin: QSpinBox = field(opened("sampling"), "sampling.seed")
    assert spin.text() == "New each time"
    type_into(qtbot, spin, "0")
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert saved(settings, "sampling.seed") == 0
    qtbot.keyClick(spin, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: saved(settings, "sampling.seed") is None)


def test_what_was_typed_is_saved_when_the_dialog_closes(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    dialog = opened("sampling")
    type_into(qtbot, field(dialog, "sampling.max_tokens"), "256")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert saved(settings, "sampling.max_tokens") == 256


@pytest.mark.parametrize(
    ("key", "typed", "stays"),
    [("sampling.temperature", "5", 0.7), ("sampling.top_k", "5000", 40)],
)
def test_a_number_out_of_bounds_shows_an_error_and_keeps_the_old_one(
    opened: Open, settings: SettingsFile, qtbot: QtBot, key: str, typed: str, stays: float
) -> None:
    dialog = opened("sampling")
    spin = field(dialog, key)
    error = dialog.rows[key].error
    type_into(qtbot, spin, typed)
    assert error.isVisible() and "from 0 to" in error.text()
    assert spin.property("invalid") is True
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert spin.value() == stays and error.isVisible()
    assert saved(settings, key) == stays
    spin.setValue(1)
    assert not error.isVisible()


def test_a_list_that_is_too_long_shows_an_error_and_keeps_the_old_one(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    settings.set("sampling.stop", ("END",))
    dialog = opened("sampling")
    text: QPlainTextEdit = field(dialog, "sampling.stop")
    type_into(qtbot, text, "\n".join("abcdefghijklmnopqrstuvwxyz"))
    row = dialog.rows["sampling.stop"]
    row.commit()
    assert "up to 16" in row.error.text()
    assert saved(settings, "sampling.stop") == ("END",)


def test_a_file_that_cannot_be_saved_is_told_in_the_row(
    opened: Open, settings: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatdesk.errors import SettingsError

    def fail(key: str, value: Any) -> None:
        raise SettingsError("The settings could not be saved.", "Free some space.")

    dialog = opened("sampling")
    monkeypatch.setattr(settings, "set", fail)
    field(dialog, "sampling.top_k").setValue(3)
    assert dialog.rows["sampling.top_k"].error.text() == (
        "The settings could not be saved. Free some space."
    )


def test_a_reset_button_shows_only_where_a_value_differs(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    dialog = opened("sampling")
    row = dialog.rows["sampling.top_k"]
    assert not row.reset_button.isVisible()
    field(dialog, "sampling.top_k").setValue(7)
    assert row.reset_button.isVisible()
    qtbot.mouseClick(row.reset_button, Qt.MouseButton.LeftButton)
    assert not row.reset_button.isVisible()
    assert field(dialog, "sampling.top_k").value() == 40
    assert saved(settings, "sampling.top_k") == 40


def test_a_change_made_elsewhere_shows_up(
    opened: Open, settings: SettingsFile, qtbot: QtBot
) -> None:
    dialog = opened("sampling")
    thread = threading.Thread(target=lambda: settings.set("sampling.top_k", 9))
    thread.start()
    qtbot.waitUntil(lambda: field(dialog, "sampling.top_k").value() == 9)
    thread.join()


def test_a_hidden_dialog_watches_nothing(opened: Open, settings: SettingsFile) -> None:
    dialog = opened("sampling")
    dialog.hide()
    settings.set("sampling.top_k", 9)
    dialog.show()
    assert field(dialog, "sampling.top_k").value() == 9


def test_the_search_shows_matching_options_of_all_pages(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    qtbot.keyClick(dialog, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert dialog.search.hasFocus()
    qtbot.keyClicks(dialog.search, "TEMP repeat")
    shown = {key for key, row in dialog.rows.items() if row.isVisible()}
    assert "sampling.temperature" in shown and "appearance.theme" not in shown
    qtbot.keyClick(dialog.search, Qt.Key.Key_Escape)
    assert dialog.isVisible() and dialog.search.text() == ""
    assert dialog.rows["appearance.theme"].isVisible()


def test_a_search_without_result_says_so(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    dialog.search.setText("qqqq")
    assert not any(row.isVisible() for row in dialog.rows.values())
    assert dialog.nothing.isVisible() and "qqqq" in dialog.nothing.text()
    qtbot.mouseClick(dialog.nothing.button, Qt.MouseButton.LeftButton)
    assert dialog.rows["appearance.theme"].isVisible()


def test_problems_of_the_file_are_told(tmp_path: Path, theme: Theme, qtbot: QtBot) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"appearance": {"theme": "blue"}}))
    dialog = SettingsDialog(SettingsFile(path), theme)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.problems.isVisible() and "blue" in dialog.problems.text()


def test_every_editor_is_reached_by_tab(opened: Open, qtbot: QtBot) -> None:
    dialog = opened("sampling")
    dialog.search.setFocus()
    reached = set()
    for _ in range(40):
        focus = dialog.focusWidget()
        assert focus is not None
        reached.add(focus.objectName())
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert {key for key in dialog.rows if key.startswith("sampling.")} <= reached
    assert "closeButton" in reached


def test_the_wheel_over_a_field_changes_nothing(opened: Open, qtbot: QtBot) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    spin: QSpinBox = field(opened("sampling"), "sampling.top_k")
    spin.setFocus()
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(spin.mapToGlobal(QPoint(5, 5))),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(spin, event)
    assert spin.value() == 40


@given(st.text())
def test_an_escaped_text_is_one_line_and_comes_back(text: str) -> None:
    assert "\n" not in escape(text)
    assert unescape(escape(text)) == text


def test_the_settings_lead_to_the_providers(opened: Open, qtbot: QtBot) -> None:
    dialog = opened("providers")
    button = field(dialog, "manageProvidersButton")
    assert button.isVisible()
    with qtbot.waitSignal(dialog.providers_requested):
        button.click()


@pytest.mark.parametrize("words", ["provider", "api key", "ollama"])
def test_the_search_finds_the_providers(opened: Open, qtbot: QtBot, words: str) -> None:
    dialog = opened()
    qtbot.keyClicks(dialog.search, words)
    assert field(dialog, "manageProvidersButton").isVisible()
    dialog.search.clear()
    assert not field(dialog, "manageProvidersButton").isVisible()
