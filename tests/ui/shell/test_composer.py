"""The composer: its keys, its drafts, its size, editing, huge and foreign text."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from chatdesk.ui.composer import Composer
from chatdesk.ui.message_field import MAX_LINES
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import TranscriptView

# Qt's offscreen platform says what it cannot do; a real one can.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def composer(qtbot: QtBot, theme: Theme) -> Composer:
    composer = Composer(theme)
    qtbot.addWidget(composer)
    composer.resize(700, 80)
    composer.show()
    qtbot.waitExposed(composer)
    composer.focus()
    return composer


def press(
    qtbot: QtBot,
    composer: Composer,
    key: Qt.Key,
    modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    qtbot.keyClick(composer.field, key, modifier)


def test_parts_have_the_names_that_tests_and_readers_use(composer: Composer) -> None:
    field = composer.findChild(QPlainTextEdit, "composer")
    assert field.accessibleName() == "Message"
    for name in ("sendButton", "stopButton"):
        button = composer.findChild(QPushButton, name)
        assert button.accessibleName() and button.toolTip()
    composer.set_model_name("SmolLM2 135M")
    assert field.placeholderText() == "Message SmolLM2 135M"


def test_enter_sends_what_was_typed(qtbot: QtBot, composer: Composer) -> None:
    qtbot.keyClicks(composer.field, "Name the planets")
    with qtbot.waitSignal(composer.submitted) as told:
        press(qtbot, composer, Qt.Key.Key_Return)
    assert told.args == ["Name the planets"]


def test_shift_enter_makes_a_line(qtbot: QtBot, composer: Composer) -> None:
    qtbot.keyClicks(composer.field, "one")
    with qtbot.assertNotEmitted(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Return, SHIFT)
    qtbot.keyClicks(composer.field, "two")
    assert composer.text == "one\ntwo"


def test_with_the_setting_off_only_control_enter_sends(qtbot: QtBot, composer: Composer) -> None:
    composer.set_enter_sends(False)
    qtbot.keyClicks(composer.field, "one")
    with qtbot.assertNotEmitted(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Return)
    assert composer.text == "one\n"
    with qtbot.waitSignal(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Return, CONTROL)


def test_control_enter_always_sends(qtbot: QtBot, composer: Composer) -> None:
    composer.set_draft("hello")
    with qtbot.waitSignal(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Enter, CONTROL)


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t\n", "\n" * 500])
def test_nothing_is_not_sent(qtbot: QtBot, composer: Composer, text: str) -> None:
    composer.set_draft(text)
    assert not composer.send_button.isEnabled()
    with qtbot.assertNotEmitted(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Return)


def test_empty_lines_around_go_and_indentation_stays(qtbot: QtBot, composer: Composer) -> None:
    composer.set_draft("\n\n    code\n  more\n\n")
    with qtbot.waitSignal(composer.submitted) as told:
        composer.send_button.click()
    assert told.args == ["    code\n  more"]


def test_the_enter_that_ends_a_composition_does_not_send(qtbot: QtBot, composer: Composer) -> None:
    QApplication.sendEvent(composer.field, QInputMethodEvent("にほ", []))
    assert composer.field.composing
    with qtbot.assertNotEmitted(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Return)
    commit = QInputMethodEvent("", [])
    commit.setCommitString("日本")
    QApplication.sendEvent(composer.field, commit)
    assert composer.text == "日本"
    with qtbot.waitSignal(composer.submitted) as told:
        press(qtbot, composer, Qt.Key.Key_Return)
    assert told.args == ["日本"]


def test_stop_stands_in_the_place_of_send_while_a_reply_streams(
    qtbot: QtBot, composer: Composer
) -> None:
    composer.set_draft("next question")
    composer.set_streaming(True)
    assert composer.stop_button.isVisible() and not composer.send_button.isVisible()
    with qtbot.assertNotEmitted(composer.submitted):
        press(qtbot, composer, Qt.Key.Key_Return)
    with qtbot.waitSignal(composer.stop_requested):
        composer.stop_button.click()
    with qtbot.waitSignal(composer.stop_requested):
        press(qtbot, composer, Qt.Key.Key_Escape)
    composer.set_streaming(False)
    assert composer.send_button.isVisible() and not composer.stop_button.isVisible()
    with qtbot.assertNotEmitted(composer.stop_requested):
        press(qtbot, composer, Qt.Key.Key_Escape)


def test_up_in_the_empty_composer_edits_the_last_message(qtbot: QtBot, composer: Composer) -> None:
    with qtbot.waitSignal(composer.edit_last_requested):
        press(qtbot, composer, Qt.Key.Key_Up)
    composer.set_draft("words")
    with qtbot.assertNotEmitted(composer.edit_last_requested):
        press(qtbot, composer, Qt.Key.Key_Up)


def test_an_edit_takes_the_drafts_place_and_gives_it_back(qtbot: QtBot, composer: Composer) -> None:
    qtbot.keyClicks(composer.field, "half a thought")
    with qtbot.waitSignal(composer.draft_changed) as told:
        composer.begin_edit("Name the planets")
    assert told.args == ["half a thought"]
    assert composer.banner.isVisible() and composer.text == "Name the planets"
    with qtbot.assertNotEmitted(composer.draft_changed, wait=50):
        qtbot.keyClicks(composer.field, " again")
        composer.flush_draft()
    with qtbot.waitSignal(composer.submitted) as told:
        press(qtbot, composer, Qt.Key.Key_Return)
    assert told.args == ["Name the planets again"]
    composer.end_edit()
    composer.end_edit()
    assert composer.text == "half a thought" and not composer.banner.isVisible()


def test_escape_and_the_banner_cancel_an_edit(qtbot: QtBot, composer: Composer) -> None:
    composer.begin_edit("text")
    with qtbot.waitSignal(composer.edit_cancelled):
        press(qtbot, composer, Qt.Key.Key_Escape)
    cancel = composer.findChild(QPushButton, "cancelEditButton")
    with qtbot.waitSignal(composer.edit_cancelled):
        cancel.click()


def test_a_draft_is_told_a_moment_after_the_last_key(qtbot: QtBot, composer: Composer) -> None:
    told: list[str] = []
    composer.draft_changed.connect(told.append)
    with qtbot.waitSignal(composer.draft_changed):
        qtbot.keyClicks(composer.field, "abc")
    assert told == ["abc"]


def test_a_draft_is_told_when_the_focus_leaves_and_when_the_window_goes(
    qtbot: QtBot, composer: Composer
) -> None:
    qtbot.keyClicks(composer.field, "abc")
    with qtbot.waitSignal(composer.draft_changed, timeout=200) as told:
        composer.flush_draft()
    assert told.args == ["abc"]
    qtbot.keyClicks(composer.field, "d")
    with qtbot.waitSignal(composer.draft_changed) as told:
        composer.hide()
    assert told.args == ["abcd"]
    with qtbot.assertNotEmitted(composer.draft_changed):
        composer.flush_draft()


def test_a_draft_that_was_given_is_not_told_back(qtbot: QtBot, composer: Composer) -> None:
    with qtbot.assertNotEmitted(composer.draft_changed, wait=400):
        composer.set_draft("from the store")


def test_it_grows_from_one_to_ten_lines(qtbot: QtBot, composer: Composer) -> None:
    heights = []
    for lines in (1, 2, 3, MAX_LINES, MAX_LINES + 1, 200):
        composer.set_draft("\n".join("line" for _ in range(lines)))
        heights.append(composer.field.height())
    assert heights[0] < heights[1] < heights[2] < heights[3]
    assert heights[3] == heights[4] == heights[5]
    composer.set_draft("word " * 60)
    assert heights[0] < composer.field.height() < heights[3]
    composer.set_draft("")
    assert composer.field.height() == heights[0]


def test_undo_brings_back_what_was_deleted(qtbot: QtBot, composer: Composer) -> None:
    qtbot.keyClicks(composer.field, "precious")
    composer.field.selectAll()
    press(qtbot, composer, Qt.Key.Key_Delete)
    assert composer.text == ""
    press(qtbot, composer, Qt.Key.Key_Z, CONTROL)
    assert composer.text == "precious"


def test_only_plain_text_is_pasted(composer: Composer) -> None:
    data = QMimeData()
    data.setHtml("<b>bold</b> <img src='file:///secret.png'>")
    data.setText("bold")
    composer.field.insertFromMimeData(data)
    assert composer.text == "bold"


def test_files_are_left_to_the_window(composer: Composer) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/tmp/model.gguf")])
    assert not composer.field.canInsertFromMimeData(data)


@pytest.mark.parametrize("piece", ["a line of words\n", "words ", "x"])
def test_a_megabyte_is_pasted_and_sent(qtbot: QtBot, composer: Composer, piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    data = QMimeData()
    data.setText(text)
    composer.field.insertFromMimeData(data)
    QApplication.processEvents()
    qtbot.keyClicks(composer.field, "!")
    with qtbot.waitSignal(composer.submitted) as told:
        press(qtbot, composer, Qt.Key.Key_Return)
    assert told.args == [text + "!"]


def test_the_text_follows_the_text_size(composer: Composer, theme: Theme) -> None:
    composer.set_draft("one\ntwo\nthree")
    before = composer.field.height()
    theme.configure(text_size=8)
    assert composer.field.font().pointSizeF() == theme.text_size
    assert composer.field.height() > before


def test_the_card_keeps_to_the_reading_column(
    qtbot: QtBot, composer: Composer, theme: Theme
) -> None:
    composer.resize(1600, 100)
    QApplication.processEvents()
    assert composer.card.width() == theme.column_width
    composer.resize(400, 100)
    QApplication.processEvents()
    assert composer.card.width() < 400


@pytest.mark.parametrize("direction", list(Qt.LayoutDirection)[:2])
@pytest.mark.parametrize("width", [320, 628, 1600])
def test_the_card_ends_where_the_messages_above_it_end(
    qtbot: QtBot, composer: Composer, theme: Theme, width: int, direction: Qt.LayoutDirection
) -> None:
    transcript = TranscriptView(theme)
    qtbot.addWidget(transcript)
    for widget in (composer, transcript):
        widget.setLayoutDirection(direction)
        widget.resize(width, 400)
        widget.show()
    QApplication.processEvents()
    composer.layout().activate()
    left = composer.card.mapToGlobal(QPoint()).x() - composer.mapToGlobal(QPoint()).x()
    column = transcript.viewport().x() + transcript.column_left
    assert (left, composer.card.width()) == (column, transcript.content.width)


def test_where_a_message_goes_is_shown_and_heard(composer: Composer) -> None:
    assert not composer.destination.isVisible()
    low = composer.sizeHint().height()
    composer.set_destination("Sent to api.mistral.ai", "What you write leaves this computer.")
    assert composer.destination.isVisible()
    assert composer.sizeHint().height() > low
    assert composer.field.accessibleDescription() == "What you write leaves this computer."
    assert not composer.grab().isNull()
    composer.set_destination("")
    assert not composer.destination.isVisible()
    assert composer.field.accessibleDescription() == ""
