"""The model picker at the keyboard and under the mouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from chatdesk.errors import ProviderError
from chatdesk.ui.model_picker.offers import Offer, Shelf
from chatdesk.ui.model_picker.picker import USUAL_POINTS, ModelPicker
from chatdesk.ui.theme import Theme

# Qt's offscreen platform says what it cannot do; a real one can.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

HERE = Shelf(
    "On this computer", "nothing leaves it", (Offer("", "SmolLM2"), Offer("qwen", "Qwen3 4B"))
)
MISTRAL = Shelf(
    "Mistral",
    "leaves this computer and goes to api.mistral.ai",
    (Offer("m:open-mixtral", "open-mixtral"), Offer("m:large", "large")),
    "m",
)
MANY = Shelf("Router", "leaves", tuple(Offer(f"r:x{i}", f"x{i}") for i in range(300)), "r")
LONG = Shelf("R" * 60, "leaves " * 40, (Offer("l:x", "name-" * 60, "note " * 30),), "l")


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.configure(mode="light", reduced_motion=True)
    theme.apply(qapp)
    yield theme
    qapp.styleHints().unsetColorScheme()


@pytest.fixture
def picker(qtbot: QtBot, theme: Theme) -> Iterator[ModelPicker]:
    window = QWidget()
    window.resize(900, 600)
    button = QPushButton("Model", window)
    button.setGeometry(700, 8, 120, 32)
    QVBoxLayout(window)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    picker = ModelPicker(theme, window, below=button)
    picker.set_offers((HERE, MISTRAL), "", "qwen")
    picker.open()
    yield picker  # not returned: the window goes with its last reference


def press(qtbot: QtBot, picker: ModelPicker, key: Qt.Key, control: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ControlModifier if control else Qt.KeyboardModifier.NoModifier
    qtbot.keyClick(picker.search, key, modifier)


def current(picker: ModelPicker) -> str:
    return str(picker.list.currentIndex().data() or "")


def test_it_opens_below_its_button_with_the_model_in_use_selected(picker: ModelPicker) -> None:
    assert picker.search.hasFocus()
    assert current(picker) == "SmolLM2"
    assert picker.geometry().right() == 700 + 120 - 1
    assert picker.y() >= 40


def test_buttons_are_called_what_stands_on_them(picker: ModelPicker) -> None:
    for button in (picker.for_new_button, picker.models_button, picker.providers_button):
        assert button.accessibleName() == button.text()


def test_typing_filters_and_enter_chooses(qtbot: QtBot, picker: ModelPicker) -> None:
    qtbot.keyClicks(picker.search, "mixt")
    with qtbot.waitSignal(picker.chosen) as told:
        press(qtbot, picker, Qt.Key.Key_Return)
    assert told.args == ["m:open-mixtral", True]
    assert not picker.isVisible()


def test_arrows_step_over_headings_and_around_the_ends(qtbot: QtBot, picker: ModelPicker) -> None:
    seen = []
    for _ in range(5):
        seen.append(current(picker))
        press(qtbot, picker, Qt.Key.Key_Down)
    assert seen == ["SmolLM2", "Qwen3 4B", "open-mixtral", "large", "SmolLM2"]
    press(qtbot, picker, Qt.Key.Key_PageDown)
    assert current(picker) == "large"
    press(qtbot, picker, Qt.Key.Key_PageUp)
    assert current(picker) == "SmolLM2"


def test_escape_chooses_nothing(qtbot: QtBot, picker: ModelPicker) -> None:
    with qtbot.assertNotEmitted(picker.chosen):
        press(qtbot, picker, Qt.Key.Key_Escape)
    assert not picker.isVisible()


def test_a_typed_name_is_used_as_it_is(qtbot: QtBot, picker: ModelPicker) -> None:
    qtbot.keyClicks(picker.search, "mistral:brand-new")
    with qtbot.waitSignal(picker.chosen) as told:
        press(qtbot, picker, Qt.Key.Key_Return)
    assert told.args == ["m:brand-new", True]


def test_a_model_is_for_new_chats_by_key_and_by_button(qtbot: QtBot, picker: ModelPicker) -> None:
    with qtbot.waitSignal(picker.for_new_chosen) as told:
        press(qtbot, picker, Qt.Key.Key_Return, control=True)
    assert told.args == ["", False]
    assert picker.isVisible()
    press(qtbot, picker, Qt.Key.Key_Down)
    assert not picker.for_new_button.isEnabled()  # it is that already
    press(qtbot, picker, Qt.Key.Key_Down)
    with qtbot.waitSignal(picker.for_new_chosen) as told:
        qtbot.mouseClick(picker.for_new_button, Qt.MouseButton.LeftButton)
    assert told.args == ["m:open-mixtral", True]


def test_a_list_that_comes_in_changes_neither_selection_nor_search(
    qtbot: QtBot, picker: ModelPicker
) -> None:
    press(qtbot, picker, Qt.Key.Key_Up)
    assert current(picker) == "large"
    more = Shelf("Alpha", "leaves", (Offer("a:one", "one"),), "a")
    picker.set_offers((HERE, more, MISTRAL), "", "qwen")
    assert current(picker) == "large"
    qtbot.keyClicks(picker.search, "one")
    picker.set_offers((HERE, more, MISTRAL), "", "qwen")
    assert picker.search.text() == "one"
    assert current(picker) == "one"


def test_a_model_that_comes_in_late_is_preferred_to_a_name_as_it_was_typed(
    qtbot: QtBot, picker: ModelPicker
) -> None:
    lab = Shelf("Lab", "leaves", (), "lab")
    picker.set_offers((HERE, lab), "", "qwen")
    qtbot.keyClicks(picker.search, "lab")
    assert current(picker) == "Use “lab” at Lab"
    listed = Shelf("Lab", "leaves", (Offer("lab:big", "big"),), "lab")
    picker.set_offers((HERE, listed), "", "qwen")
    assert current(picker) == "big"
    press(qtbot, picker, Qt.Key.Key_Down)  # now the person wants the name
    assert current(picker) == "Use “lab” at Lab"
    picker.set_offers((HERE, listed), "", "qwen")
    assert current(picker) == "Use “lab” at Lab"


def test_the_model_in_use_is_selected_once_it_is_known_unless_the_person_moved(
    qtbot: QtBot, picker: ModelPicker
) -> None:
    picker.set_offers((MISTRAL,), "", "")
    assert current(picker) == "open-mixtral"
    picker.set_offers((HERE, MISTRAL), "qwen", "")
    assert current(picker) == "Qwen3 4B"
    press(qtbot, picker, Qt.Key.Key_Down)
    picker.set_offers((HERE, MISTRAL), "", "")
    assert current(picker) == "open-mixtral"


def test_a_list_that_failed_is_asked_for_again_in_its_place(
    qtbot: QtBot, picker: ModelPicker
) -> None:
    error = ProviderError("Nothing answers.", "Start it.", retryable=True)
    picker.set_offers((HERE, Shelf("Ollama", "", (), "o", error=error)), "", "")
    press(qtbot, picker, Qt.Key.Key_Up)
    with qtbot.waitSignal(picker.retry_requested) as told:
        press(qtbot, picker, Qt.Key.Key_Return)
    assert told.args == ["o"]
    assert picker.isVisible()


def test_what_the_providers_settings_mend_leads_there(qtbot: QtBot, picker: ModelPicker) -> None:
    error = ProviderError("There is no key for Groq.", "Add it.")
    picker.set_offers((HERE, Shelf("Groq", "", (), "g", error=error)), "", "")
    press(qtbot, picker, Qt.Key.Key_Up)
    with qtbot.waitSignal(picker.providers_requested) as told:
        press(qtbot, picker, Qt.Key.Key_Return)
    assert told.args == ["g"]


def test_the_rest_of_a_long_list_is_one_enter_away(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_offers((MANY,), None, None)
    press(qtbot, picker, Qt.Key.Key_Up)
    assert current(picker) == "All 300 models of Router"
    at = picker.selected()
    press(qtbot, picker, Qt.Key.Key_Return)
    assert picker.isVisible()
    assert len(picker.rows.rows) == 301
    assert picker.selected() == at


def test_a_click_on_a_heading_does_nothing(qtbot: QtBot, picker: ModelPicker) -> None:
    heading = picker.list.visualRect(picker.rows.index(0)).center()
    model = picker.list.visualRect(picker.rows.index(2)).center()
    with qtbot.assertNotEmitted(picker.chosen):
        qtbot.mouseClick(picker.list.viewport(), Qt.MouseButton.LeftButton, pos=heading)
    with qtbot.waitSignal(picker.chosen) as told:
        qtbot.mouseClick(picker.list.viewport(), Qt.MouseButton.LeftButton, pos=model)
    assert told.args == ["qwen", False]


@pytest.mark.parametrize("name", ["manageModelsButton", "manageProvidersButton"])
def test_the_managers_are_reached_by_tab_and_enter(
    qtbot: QtBot, picker: ModelPicker, name: str
) -> None:
    button = picker.findChild(QPushButton, name)
    assert isinstance(button, QPushButton)
    for _ in range(4):
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused is button:
            break
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert button.hasFocus()
    wanted = picker.models_requested if "Models" in name else picker.providers_requested
    with qtbot.waitSignal(wanted):
        qtbot.keyClick(button, Qt.Key.Key_Return)
    assert not picker.isVisible()


def test_nothing_found_is_explained(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_offers((HERE,), "", "")
    qtbot.keyClicks(picker.search, "zebra")
    assert not picker.list.isVisible()
    assert "No model has this name" in picker._nothing.text()
    press(qtbot, picker, Qt.Key.Key_Return)
    assert picker.isVisible()


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    "direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft]
)
def test_long_names_and_narrow_windows_are_painted(
    picker: ModelPicker, theme: Theme, mode: str, direction: Qt.LayoutDirection
) -> None:
    theme.configure(mode=mode)  # type: ignore[arg-type]
    window = picker.parentWidget()
    assert window is not None
    window.setLayoutDirection(direction)
    error = ProviderError("Nothing answers there. " * 8, "Start it.", retryable=True)
    picker.set_offers((HERE, LONG, Shelf("Ollama", "", (), "o", error=error), MANY), "l:x", "l:x")
    for width in (900, 420):
        window.resize(width, 500)
        QApplication.processEvents()
        assert window.rect().contains(picker.geometry())
        assert not window.grab().isNull()


def test_it_is_wider_with_a_larger_font(picker: ModelPicker, qapp: QApplication) -> None:
    before, font = picker.width(), qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(USUAL_POINTS * 1.5)
    qapp.setFont(larger)
    try:
        picker.arrange()
        assert picker.width() == round(before * 1.5)
    finally:
        qapp.setFont(font)
