"""The header: the title that can be renamed, the model, how full the context is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from chatdesk.ui.header import Header
from chatdesk.ui.theme import HEADER, Theme

# Qt's offscreen platform says what it cannot do; a real one can.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def header(qtbot: QtBot, theme: Theme) -> Header:
    header = Header(theme)
    qtbot.addWidget(header)
    header.resize(700, HEADER)
    header.set_title("Lighthouse story")
    header.show()
    qtbot.waitExposed(header)
    return header


def test_parts_have_the_names_that_tests_and_readers_use(header: Header) -> None:
    header.set_context(10, 100)
    for name in ("modelButton", "contextMeter", "menuButton", "sidebarButton", "titleButton"):
        button = header.findChild(QPushButton, name)
        assert button.accessibleName() and button.toolTip(), name
        assert button.height() >= 32


def test_a_click_on_the_title_renames(qtbot: QtBot, header: Header) -> None:
    qtbot.mouseClick(header.title.label, Qt.MouseButton.LeftButton)
    field = header.title.field
    assert field.isVisible() and field.selectedText() == "Lighthouse story"
    field.setText(" Sea  story ")
    with qtbot.waitSignal(header.renamed) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["Sea story"]
    assert header.title.label.text() == "Sea story"
    assert not field.isVisible()


@pytest.mark.parametrize("text", ["", "  ", "Lighthouse story"])
def test_no_title_and_the_same_title_change_nothing(
    qtbot: QtBot, header: Header, text: str
) -> None:
    header.begin_rename()
    header.title.field.setText(text)
    with qtbot.assertNotEmitted(header.renamed):
        qtbot.keyClick(header.title.field, Qt.Key.Key_Return)
    assert header.title.label.text() == "Lighthouse story"


def test_escape_leaves_the_title(qtbot: QtBot, header: Header) -> None:
    header.begin_rename()
    header.title.field.setText("Other")
    with qtbot.assertNotEmitted(header.renamed):
        qtbot.keyClick(header.title.field, Qt.Key.Key_Escape)
    assert not header.title.field.isVisible()


def test_what_has_no_conversation_cannot_be_renamed(qtbot: QtBot, header: Header) -> None:
    header.set_renamable(False)
    header.begin_rename()
    assert not header.title.field.isVisible()


def test_the_model_button_says_model_and_state(qtbot: QtBot, header: Header) -> None:
    button = header.model_button
    assert button.accessibleName() == "Choose a model"
    header.set_model("SmolLM2 135M", "ready")
    assert button.text() == "SmolLM2 135M"
    assert "on this computer" in button.toolTip()
    header.set_model("SmolLM2 135M", "loading")
    header.set_loading(0.42)
    assert "42%" in button.accessibleName()
    header.set_loading(None)
    header.set_model("SmolLM2 135M", "failed")
    assert "could not be loaded" in button.toolTip()
    header.set_model("mistral:large", "remote")
    assert "leaves this computer" in button.toolTip()
    with qtbot.waitSignal(header.model_requested):
        button.click()


def test_the_loading_line_grows(qtbot: QtBot, header: Header, theme: Theme) -> None:
    def accent_pixels() -> int:
        image = header.grab().toImage()
        y = image.height() - 1
        return sum(
            image.pixelColor(x, y) == theme.tokens.accent for x in range(0, image.width(), 5)
        )

    header.set_loading(None)
    assert accent_pixels() == 0
    header.set_loading(0.25)
    quarter = accent_pixels()
    header.set_loading(0.75)
    assert 0 < quarter < accent_pixels()


def test_the_meter_tells_how_full_the_context_is(header: Header) -> None:
    meter = header.meter
    assert not meter.isVisible()
    header.set_context(1_010, 8_192)
    assert meter.isVisible() and meter.text() == "12%"
    assert "1,010 of 8,192 tokens" in meter.toolTip()
    assert meter.accessibleName() == "Context 12% full"
    assert not meter.warns
    header.set_context(None, None)
    assert not meter.isVisible()


def test_the_meter_warns_when_the_context_is_nearly_full(header: Header) -> None:
    header.set_context(6_600, 8_192)
    assert header.meter.warns
    header.set_context(99_999, 8_192)
    assert header.meter.text() == "100%"


def test_the_meter_tells_what_the_model_does_not_see(header: Header) -> None:
    header.set_context(4_000, 8_192, 3, "Counted at the last reply.")
    assert header.meter.warns
    tip = header.meter.toolTip()
    assert "oldest 3 messages do not fit" in tip and "Counted at the last reply." in tip
    header.set_context(4_000, 8_192, 1)
    assert "oldest message does not fit" in header.meter.toolTip()


def test_the_way_to_a_new_chat_is_here_without_the_sidebar(qtbot: QtBot, header: Header) -> None:
    header.set_sidebar_shown(True)
    assert not header.new_button.isVisible()
    header.set_sidebar_shown(False)
    assert header.new_button.isVisible()
    assert "Show" in header.sidebar_button.accessibleName()
    with qtbot.waitSignal(header.new_requested):
        header.new_button.click()


def test_enter_presses_a_button(qtbot: QtBot, header: Header) -> None:
    with qtbot.waitSignal(header.menu_requested):
        qtbot.keyClick(header.menu_button, Qt.Key.Key_Return)


def test_the_focus_ring_is_for_the_keyboard(qtbot: QtBot, header: Header) -> None:
    button = header.menu_button
    button.setFocus(Qt.FocusReason.TabFocusReason)
    assert button.ringed
    button.clearFocus()
    button.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not button.ringed


def test_long_titles_leave_room_for_the_rest(qtbot: QtBot, header: Header) -> None:
    header.set_title("A title that goes on " * 20)
    header.set_model("A-model-with-a-name-that-goes-on-and-on-Q4_K_M", "ready")
    header.set_context(1, 2)
    header.resize(370, HEADER)
    QApplication.processEvents()
    parts = (header.title, header.model_button, header.meter, header.menu_button)
    for left, right in pairwise(parts):
        assert left.geometry().right() < right.geometry().left()
    assert header.menu_button.geometry().right() < header.width()
    assert "goes on" in header.title.label.toolTip()
