"""The sidebar as a person uses it: by mouse, by key, with a screen reader's names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QListView, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from chatdesk.chat.messages import Conversation
from chatdesk.ui.sidebar import Sidebar
from chatdesk.ui.theme import Theme

# Qt's offscreen platform says what it cannot do; a real one can.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

Make = Callable[..., Conversation]
NO_MODIFIER = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def sidebar(qtbot: QtBot, theme: Theme, conversation: Make, clock: Callable[[], float]) -> Sidebar:
    """Three conversations, the first is open."""
    sidebar = Sidebar(theme, clock=clock)
    qtbot.addWidget(sidebar)
    sidebar.resize(272, 600)
    sidebar.set_conversations(
        [
            conversation("a", "Lighthouse"),
            conversation("b", "Tides", days_ago=0.1),
            conversation("c", "Éclairs", days_ago=1),
        ]
    )
    sidebar.set_current("a")
    sidebar.show()
    qtbot.waitExposed(sidebar)
    return sidebar


def click(
    qtbot: QtBot,
    sidebar: Sidebar,
    identity: str,
    modifier: Qt.KeyboardModifier = NO_MODIFIER,
) -> None:
    area = sidebar.list.visualRect(sidebar.model.index(sidebar.model.row_of(identity)))
    qtbot.mouseClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, modifier, area.center())


def press(
    qtbot: QtBot, sidebar: Sidebar, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_MODIFIER
) -> None:
    qtbot.keyClick(sidebar.list, key, modifier)


def rename_field(sidebar: Sidebar) -> QLineEdit | None:
    return sidebar.findChild(QLineEdit, "renameField")


def test_parts_have_the_names_that_tests_and_readers_use(sidebar: Sidebar) -> None:
    assert isinstance(sidebar.findChild(QListView, "conversationList"), QListView)
    assert isinstance(sidebar.findChild(QLineEdit, "searchField"), QLineEdit)
    for name in ("newChatButton", "settingsButton", "trashButton"):
        button = sidebar.findChild(QPushButton, name)
        assert button.accessibleName() and button.toolTip()


def test_a_click_opens_a_conversation(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.waitSignal(sidebar.selected) as told:
        click(qtbot, sidebar, "b")
    assert told.args == ["b"]


def test_the_open_conversation_is_not_opened_again(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.assertNotEmitted(sidebar.selected):
        click(qtbot, sidebar, "a")


def test_to_mark_the_current_conversation_tells_nobody(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.assertNotEmitted(sidebar.selected, wait=150):
        sidebar.set_current("c")
    assert sidebar.selected_ids() == ["c"]
    sidebar.set_current(None)
    assert sidebar.selected_ids() == []


def test_a_conversation_opened_before_it_is_listed_is_marked_when_it_comes(
    qtbot: QtBot, sidebar: Sidebar, conversation: Make
) -> None:
    sidebar.set_current("new")
    sidebar.update_conversation(conversation("new"))
    assert sidebar.selected_ids() == ["new"]
    with qtbot.waitSignal(sidebar.delete_requested) as told:
        press(qtbot, sidebar, Qt.Key.Key_Delete)
    assert told.args == [["new"]]


def test_arrow_keys_open_what_they_reach_and_pass_over_headings(
    qtbot: QtBot, sidebar: Sidebar
) -> None:
    sidebar.set_current("b")
    with qtbot.waitSignal(sidebar.selected) as told:
        press(qtbot, sidebar, Qt.Key.Key_Down)
    assert told.args == ["c"]


@pytest.mark.parametrize(
    ("key", "reached"), [(Qt.Key.Key_Home, "a"), (Qt.Key.Key_End, "c"), (Qt.Key.Key_PageUp, "a")]
)
def test_home_and_end_reach_conversations(
    qtbot: QtBot, sidebar: Sidebar, key: Qt.Key, reached: str
) -> None:
    sidebar.set_current("b")
    press(qtbot, sidebar, key)
    assert sidebar.list.current_id() == reached


def test_enter_opens_and_goes_on_to_write(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.set_current("b")
    with qtbot.waitSignal(sidebar.entered) as told:
        press(qtbot, sidebar, Qt.Key.Key_Return)
    assert told.args == ["b"]


def test_delete_asks_for_all_selected(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.assertNotEmitted(sidebar.selected):
        click(qtbot, sidebar, "c", Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(sidebar.delete_requested) as told:
        press(qtbot, sidebar, Qt.Key.Key_Delete)
    assert told.args == [["a", "c"]]


def test_shift_selects_a_range_without_headings(qtbot: QtBot, sidebar: Sidebar) -> None:
    click(qtbot, sidebar, "c", Qt.KeyboardModifier.ShiftModifier)
    assert sidebar.selected_ids() == ["a", "b", "c"]


def test_opening_by_a_key_with_ctrl_replaces_the_selection(qtbot: QtBot, sidebar: Sidebar) -> None:
    qtbot.keyPress(sidebar.list, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.ControlModifier
    sidebar.set_current("b")  # as Ctrl+Tab and an undone deletion do
    qtbot.keyRelease(sidebar.list, Qt.Key.Key_Control)
    assert sidebar.selected_ids() == ["b"]


def test_f2_renames_in_place_and_enter_accepts(qtbot: QtBot, sidebar: Sidebar) -> None:
    press(qtbot, sidebar, Qt.Key.Key_F2)
    field = rename_field(sidebar)
    assert field is not None and field.text() == "Lighthouse"
    field.setText("  A new \n name ")
    with qtbot.waitSignal(sidebar.renamed) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["a", "A new name"]


@pytest.mark.parametrize("text", ["Something else", "", "   ", "Lighthouse"])
def test_escape_and_empty_titles_change_nothing(qtbot: QtBot, sidebar: Sidebar, text: str) -> None:
    sidebar.begin_rename("a")
    field = rename_field(sidebar)
    assert field is not None
    field.setText(text)
    with qtbot.assertNotEmitted(sidebar.renamed):
        qtbot.keyClick(field, Qt.Key.Key_Escape if text == "Something else" else Qt.Key.Key_Return)


def test_a_title_being_written_survives_new_data(
    qtbot: QtBot, sidebar: Sidebar, conversation: Make, clock: Callable[[], float]
) -> None:
    sidebar.begin_rename("b")
    field = rename_field(sidebar)
    assert field is not None
    qtbot.keyClicks(field, "Moon")
    sidebar.update_conversation(replace(conversation("c", "Éclairs"), updated_at=clock() + 5))
    sidebar.set_conversations([conversation("b", "Tides"), conversation("z", "New")])
    assert field.text() == "Moon"
    with qtbot.waitSignal(sidebar.renamed) as told:
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["b", "Moon"]
    qtbot.waitUntil(lambda: sidebar.model.row_of("z") >= 0)


def test_a_slow_double_click_does_not_rename(qtbot: QtBot, sidebar: Sidebar) -> None:
    click(qtbot, sidebar, "a")
    click(qtbot, sidebar, "a")
    assert not sidebar.list.renaming


def test_search_filters_while_typing(qtbot: QtBot, sidebar: Sidebar) -> None:
    qtbot.keyClicks(sidebar.search, "eclair")
    assert sidebar.model.rowCount() == 2
    with qtbot.waitSignal(sidebar.entered) as told:
        qtbot.keyClick(sidebar.search, Qt.Key.Key_Return)
    assert told.args == ["c"]
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Escape)
    assert sidebar.search.text() == ""
    assert sidebar.model.total == 3
    with qtbot.waitSignal(sidebar.search_left):
        qtbot.keyClick(sidebar.search, Qt.Key.Key_Escape)


def test_the_selection_outlives_a_search(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.search.setText("tides")
    assert sidebar.selected_ids() == []
    sidebar.search.setText("")
    assert sidebar.selected_ids() == ["a"]


def test_nothing_to_show_is_explained(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.search.setText("zebra")
    empty = sidebar._empty
    assert empty.isVisible() and "zebra" in empty.accessibleName()
    sidebar.search.setText("")
    assert not empty.isVisible()
    sidebar.remove(["a", "b", "c"])
    assert empty.title == "No conversations yet"
    sidebar.trash_button.click()
    assert empty.title == "The trash is empty"


def test_the_trash_offers_to_restore(qtbot: QtBot, sidebar: Sidebar, conversation: Make) -> None:
    with qtbot.waitSignal(sidebar.trash_toggled) as told:
        qtbot.mouseClick(sidebar.trash_button, Qt.MouseButton.LeftButton)
    assert told.args == [True]
    sidebar.set_conversations([conversation("t", "Thrown away", deleted_days_ago=0)])
    with qtbot.assertNotEmitted(sidebar.selected):
        click(qtbot, sidebar, "t")
    with qtbot.waitSignal(sidebar.restore_requested) as told:
        press(qtbot, sidebar, Qt.Key.Key_Return)
    assert told.args == [["t"]]
    row = sidebar.list.visualRect(sidebar.model.index(sidebar.model.row_of("t")))
    button = sidebar.list.rows.button(row, Qt.LayoutDirection.LeftToRight)
    with qtbot.waitSignal(sidebar.restore_requested):
        qtbot.mouseClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=button.center())
    with qtbot.assertNotEmitted(sidebar.trash_toggled):
        sidebar.set_trash(False)
    assert not sidebar.trash_button.isChecked()


def menu_of(qtbot: QtBot, sidebar: Sidebar, identity: str) -> QMenu:
    area = sidebar.list.visualRect(sidebar.model.index(sidebar.model.row_of(identity)))
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse,
        area.center(),
        sidebar.list.viewport().mapToGlobal(area.center()),
    )
    QApplication.sendEvent(sidebar.list.viewport(), event)
    menu = sidebar.findChild(QMenu)
    assert isinstance(menu, QMenu)
    return menu


def test_the_context_menu_acts_on_the_row(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.waitSignal(sidebar.context_menu) as asked:
        menu = menu_of(qtbot, sidebar, "b")
    assert asked.args[1] == ["b"]
    texts = [action.text() for action in menu.actions()]
    assert texts == ["Rename", "Move to the trash"]
    with qtbot.waitSignal(sidebar.delete_requested) as told:
        menu.actions()[1].trigger()
    assert told.args == [["b"]]
    menu.close()


def test_the_context_menu_acts_on_the_selection(qtbot: QtBot, sidebar: Sidebar) -> None:
    click(qtbot, sidebar, "c", Qt.KeyboardModifier.ControlModifier)
    menu = menu_of(qtbot, sidebar, "c")
    assert [action.text() for action in menu.actions()] == ["Move 2 conversations to the trash"]
    menu.close()


def test_the_rows_button_opens_the_menu_and_not_the_conversation(
    qtbot: QtBot, sidebar: Sidebar
) -> None:
    row = sidebar.list.visualRect(sidebar.model.index(sidebar.model.row_of("b")))
    button = sidebar.list.rows.button(row, Qt.LayoutDirection.LeftToRight)
    with qtbot.assertNotEmitted(sidebar.selected):
        qtbot.mouseClick(sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=button.center())
    menu = sidebar.findChild(QMenu)
    assert isinstance(menu, QMenu)
    menu.close()


def test_undo_in_the_list_is_told(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.waitSignal(sidebar.undo_requested):
        press(qtbot, sidebar, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def test_the_streaming_mark_pulses_only_with_motion(
    qtbot: QtBot, sidebar: Sidebar, theme: Theme
) -> None:
    sidebar.set_streaming({"b"})
    assert not sidebar.list._pulse.isActive()
    theme.configure(reduced_motion=False)
    assert sidebar.list._pulse.isActive()
    sidebar.set_streaming(set())
    assert not sidebar.list._pulse.isActive()
    theme.configure(reduced_motion=True)


def test_new_data_keeps_selection_and_scroll_position(
    qtbot: QtBot, sidebar: Sidebar, conversation: Make
) -> None:
    many = [conversation(f"{i:04}", f"Title {i}", days_ago=i / 10) for i in range(300)]
    sidebar.set_conversations(many)
    sidebar.set_current("0100")
    position = sidebar.list.verticalScrollBar().value()
    assert position > 0
    sidebar.set_conversations([*many, conversation("9999", "One more", days_ago=90)])
    assert sidebar.selected_ids() == ["0100"]
    assert sidebar.list.verticalScrollBar().value() == position


def test_a_hundred_thousand_conversations_are_listed_and_filtered(
    qtbot: QtBot, sidebar: Sidebar, conversation: Make
) -> None:
    many = [conversation(f"{i:06}", f"Title {i}", days_ago=i / 100) for i in range(100_000)]
    sidebar.set_conversations(many)
    sidebar.set_current("099999")
    assert sidebar.selected_ids() == ["099999"]
    sidebar.search.setText("title 4242")
    shown = [sidebar.model.id_at(row) for row in range(sidebar.model.rowCount())]
    assert len([found for found in shown if found]) == 20


def test_titles_of_all_scripts_are_drawn(
    qtbot: QtBot, sidebar: Sidebar, theme: Theme, conversation: Make
) -> None:
    sidebar.set_conversations(
        [conversation("r", "رحلة إلى لشبونة " * 9), conversation("z", "太阳系的行星有哪些")]
    )
    for mode in ("light", "dark"):
        theme.configure(mode=mode)
        assert not sidebar.grab().isNull()
