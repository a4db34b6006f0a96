"""The window: its parts, the sidebar in wide and narrow windows, dropped files, its layout kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QPushButton, QTextEdit
from pytestqt.qtbot import QtBot

from chatdesk.chat.messages import Conversation, Role
from chatdesk.ui.main_window import MainWindow
from chatdesk.ui.theme import SCROLL_BAR, Theme
from chatdesk.ui.transcript import TranscriptView
from chatdesk.ui.transcript.entries import Entry
from chatdesk.ui.welcome import SUGGESTIONS

# Qt's offscreen platform says what it cannot do; a real one can.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

Make = Callable[..., Conversation]


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, conversation: Make) -> MainWindow:
    window = MainWindow(theme, QTextEdit())
    qtbot.addWidget(window)
    window.resize(1000, 640)
    window.sidebar.set_conversations([conversation("a"), conversation("b", days_ago=1)])
    window.show()
    qtbot.waitExposed(window)
    return window


def resize(window: MainWindow, width: int, height: int = 600) -> None:
    window.resize(width, height)
    QApplication.processEvents()


def test_the_composer_has_the_focus_at_the_start(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    qtbot.waitUntil(lambda: window.composer.field.hasFocus())


def test_the_sidebar_stands_beside_the_content_and_can_be_hidden(window: MainWindow) -> None:
    assert window.sidebar.width() == 272
    assert window.content.x() == 272
    window.toggle_sidebar()
    assert not window.sidebar.isVisible() and window.content.x() == 0
    assert window.header.new_button.isVisible()
    window.toggle_sidebar()
    assert window.sidebar.isVisible() and not window.header.new_button.isVisible()


def test_the_sidebar_slides_with_motion(qtbot: QtBot, window: MainWindow, theme: Theme) -> None:
    theme.configure(reduced_motion=False)
    window.toggle_sidebar()
    assert not window.sidebar_shown
    qtbot.waitUntil(lambda: not window.sidebar.isVisible())
    window.toggle_sidebar()
    qtbot.waitUntil(lambda: window.sidebar.x() == 0)


def test_in_a_narrow_window_the_sidebar_lies_over_the_content(
    qtbot: QtBot, window: MainWindow
) -> None:
    resize(window, 700)
    assert not window.sidebar.isVisible()
    window.toggle_sidebar()
    assert window.sidebar.isVisible()
    assert window.content.x() == 0 and window.content.width() == 700
    window.sidebar.selected.emit("a")
    assert not window.sidebar.isVisible()
    resize(window, 1000)
    assert window.sidebar.isVisible() and window.content.x() == 272


def test_a_click_beside_the_overlaid_sidebar_sends_it_away(
    qtbot: QtBot, window: MainWindow
) -> None:
    resize(window, 700)
    window.toggle_sidebar()
    qtbot.mouseClick(window.shell._veil, Qt.MouseButton.LeftButton)
    assert not window.sidebar_shown


def test_hidden_stays_hidden_through_a_narrow_window(window: MainWindow) -> None:
    window.toggle_sidebar()
    resize(window, 700)
    resize(window, 1000)
    assert not window.sidebar.isVisible()


def test_the_sidebar_can_be_dragged_within_bounds(window: MainWindow) -> None:
    for x, width in ((320, 320), (20, 200), (900, 480)):
        window.shell.drag_to(x)
        assert window.sidebar.width() == width


def test_the_layout_is_kept(qtbot: QtBot, window: MainWindow, theme: Theme) -> None:
    resize(window, 780, 560)  # the offscreen screen has 800 pixels
    window.shell.set_sidebar_width(333)
    window.toggle_sidebar()
    saved = window.save_layout()
    other = MainWindow(theme, QTextEdit())
    qtbot.addWidget(other)
    assert other.restore_layout(saved.decode("ascii"))
    assert other.shell.sidebar_width == 333
    assert not other.sidebar_shown
    assert other.size() == window.size()


@pytest.mark.parametrize(
    "saved", [b"", b"nonsense", b"[]", b"{}", b"null", b'{"geometry": "!", "sidebar_width": "x"}']
)
def test_a_layout_that_is_none_is_refused(window: MainWindow, saved: bytes) -> None:
    before = window.size()
    assert not window.restore_layout(saved)
    assert window.size() == before


def test_the_smallest_window_holds_everything(window: MainWindow) -> None:
    resize(window, 10, 10)
    assert window.width() == 640 and window.height() == 420
    for part in (window.header.menu_button, window.composer.send_button):
        corner = part.mapTo(window, QPoint(part.width(), part.height()))
        assert corner.x() <= window.width() and corner.y() <= window.height()


def test_welcome_and_composer_have_the_same_middle(window: MainWindow) -> None:
    window.show_welcome(True)
    for width in (700, 1000, 1500):
        resize(window, width)
        card = window.composer.card
        middle = card.mapTo(window, card.rect().center()).x()
        column = window.welcome.card
        assert abs(column.mapTo(window, column.rect().center()).x() - middle) <= 1
    bar = window.welcome.verticalScrollBar()
    assert bar.sizeHint().width() == SCROLL_BAR


def test_search_shows_the_sidebar(qtbot: QtBot, window: MainWindow) -> None:
    window.toggle_sidebar()
    window.focus_search()
    assert window.sidebar.isVisible()
    assert window.focusWidget() is window.sidebar.search


def test_enter_in_the_list_goes_on_to_the_composer(qtbot: QtBot, window: MainWindow) -> None:
    window.sidebar.set_current("b")
    window.sidebar.list.setFocus()
    qtbot.keyClick(window.sidebar.list, Qt.Key.Key_Return)
    assert window.focusWidget() is window.composer.field


def test_undo_in_the_list_presses_the_toasts_undo(qtbot: QtBot, window: MainWindow) -> None:
    called: list[None] = []
    window.toasts.show_message("Moved", "Undo", lambda: called.append(None))
    qtbot.keyClick(window.sidebar.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert called == [None]


def test_toasts_stand_above_the_composer(window: MainWindow) -> None:
    window.composer.set_draft("a\nb\nc\nd\ne")
    QApplication.processEvents()
    window.toasts.show_message("Copied")
    assert window.toasts.geometry().bottom() < window.composer.y()
    window.toasts.clear()


def test_closing_tells_the_draft(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClicks(window.composer.field, "unsaved")
    with qtbot.waitSignals([window.composer.draft_changed, window.closing]):
        window.close()


def urls(*paths: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl(path) if "://" in path else QUrl.fromLocalFile(path) for path in paths])
    return data


def enter(window: MainWindow, data: QMimeData) -> QDragEnterEvent:
    event = QDragEnterEvent(
        QPoint(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(window, event)
    return event


def test_files_can_be_dropped(qtbot: QtBot, window: MainWindow) -> None:
    data = urls("/models/a model.gguf", "https://example.org/x.gguf")
    assert enter(window, data).isAccepted()
    assert window._drop_hint.isVisible()
    event = QDropEvent(
        QPointF(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(window.files_dropped) as told:
        QApplication.sendEvent(window, event)
    assert told.args == [["/models/a model.gguf"]]
    assert not window._drop_hint.isVisible()


def test_a_drag_that_leaves_takes_the_highlight_away(window: MainWindow) -> None:
    data = urls("/models/a.gguf")
    enter(window, data)
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert not window._drop_hint.isVisible()


def test_addresses_and_text_are_not_taken(window: MainWindow) -> None:
    text = QMimeData()
    text.setText("words")
    for data in (urls("https://example.org/x.gguf"), text):
        assert not enter(window, data).isAccepted()
        assert not window._drop_hint.isVisible()


def test_the_welcome_stands_in_the_transcripts_place(window: MainWindow) -> None:
    window.show_welcome(True)
    assert window.welcome.isVisible() and not window.transcript.isVisible()
    window.show_welcome(False)
    assert window.transcript.isVisible() and not window.welcome_shown


def test_a_suggestion_sends_its_words(qtbot: QtBot, window: MainWindow) -> None:
    window.show_welcome(True)
    assert len(SUGGESTIONS) == 4
    with qtbot.waitSignal(window.welcome.suggestion_chosen) as told:
        window.welcome.suggestions[0].click()
    assert told.args == ["Name the planets of the solar system"]
    with qtbot.waitSignal(window.welcome.models_requested):
        window.welcome.more.click()


def test_the_welcome_tells_of_the_model(window: MainWindow) -> None:
    window.welcome.set_model("SmolLM2 135M", "98 MB", "ready")
    assert window.welcome.card.accessibleName() == "SmolLM2 135M, 98 MB · runs on this computer"
    window.welcome.set_model("SmolLM2 135M", "98 MB", "failed")
    assert "could not be loaded" in window.welcome.card.accessibleName()
    window.welcome.set_model("", "", "none")
    assert "Add a model file" in window.welcome.card.accessibleName()


def test_tab_goes_round_in_reading_order(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    window.show_welcome(True)
    window.composer.set_draft("text")
    window.sidebar.new_button.setFocus()
    seen: list[str] = []
    for _ in range(40):
        focus = window.focusWidget()
        assert focus is not None
        if focus.objectName() in seen and focus.objectName() != "suggestion":
            break
        seen.append(focus.objectName())
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    order = [
        "newChatButton", "searchField", "conversationList", "settingsButton", "trashButton",
        "sidebarButton", "titleButton", "modelButton", "menuButton", "suggestion", "suggestion",
        "suggestion", "suggestion", "biggerModelButton", "composer", "sendButton",
    ]  # fmt: skip
    assert seen == order


def test_the_transcript_comes_between_header_and_composer(
    qtbot: QtBot, theme: Theme, conversation: Make
) -> None:
    transcript = TranscriptView(theme)
    window = MainWindow(theme, transcript)
    qtbot.addWidget(window)
    transcript.set_entries([Entry("m", Role.USER, "Hello")])
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    window.header.menu_button.setFocus()
    seen: list[str] = []
    while not (seen and seen[-1] == "composer") and len(seen) < 20:
        focus = window.focusWidget()
        assert focus is not None
        seen.append(focus.objectName())
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert seen[:3] == ["menuButton", "transcript", "copyAction"]
    assert seen[-1] == "composer"


def test_the_first_window_is_no_larger_than_the_screen(
    qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatdesk.ui.main_window.FIRST_SIZE", (5000, 4000))
    window = MainWindow(theme, QTextEdit())
    qtbot.addWidget(window)
    assert window.screen().availableGeometry().contains(window.geometry())


def test_every_button_has_a_name_a_tooltip_and_a_large_target(window: MainWindow) -> None:
    window.show_welcome(True)
    window.header.set_context(1, 2)
    QApplication.processEvents()
    for button in window.findChildren(QPushButton):
        label = f"{button.objectName()} {button.text()}"
        assert button.accessibleName() or button.text(), label
        assert button.toolTip(), label
        if button.isVisible():
            assert button.height() >= 30 and button.width() >= 30, label


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("size", [(640, 420), (900, 600), (1600, 1000)])
def test_the_window_is_drawn_in_the_schemes_colours(
    window: MainWindow, theme: Theme, mode: str, size: tuple[int, int]
) -> None:
    theme.configure(mode="dark" if mode == "dark" else "light")
    window.show_welcome(True)
    resize(window, *size)
    image = window.grab().toImage()
    assert image.pixelColor(image.width() - 3, 3) == theme.tokens.window


@pytest.mark.parametrize("text", ["a", "É", "7", "/"])
def test_what_is_typed_beside_the_composer_goes_into_it(
    qtbot: QtBot, window: MainWindow, text: str
) -> None:
    window.header.model_button.setFocus()
    qtbot.keyClicks(window.header.model_button, text)
    assert window.composer.text == text
    assert window.focusWidget() is window.composer.field


def test_pasting_beside_the_composer_pastes_into_it(qtbot: QtBot, window: MainWindow) -> None:
    QApplication.clipboard().setText("two\nlines")
    window.header.model_button.setFocus()
    qtbot.keyClick(window.header.model_button, "v", Qt.KeyboardModifier.ControlModifier)
    assert window.composer.text == "two\nlines"


@pytest.mark.parametrize(
    "modifier", [Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier]
)
def test_commands_beside_the_composer_write_nothing(
    qtbot: QtBot, window: MainWindow, modifier: Qt.KeyboardModifier
) -> None:
    window.header.model_button.setFocus()
    qtbot.keyClick(window.header.model_button, "j", modifier)
    assert window.composer.text == ""
