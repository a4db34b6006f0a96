"""The table of actions and the QActions made from it."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from chatdesk.ui.actions import ACTIONS, GROUPS, Action, Actions, describe, native


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_well_formed(action: Action) -> None:
    assert action.text and action.group in GROUPS
    for key in action.shortcuts:
        assert QKeySequence.fromString(key).toString() == key


def test_ids_and_keys_are_given_once() -> None:
    ids = Counter(action.id for action in ACTIONS)
    keys = Counter((action.scope, key) for action in ACTIONS for key in action.shortcuts)
    assert max(ids.values()) == 1
    assert max(keys.values()) == 1


def test_a_key_of_the_window_is_not_taken_from_a_widget() -> None:
    window = {key for action in ACTIONS if action.scope == "window" for key in action.shortcuts}
    widgets = {key for action in ACTIONS if action.scope != "window" for key in action.shortcuts}
    assert not window & widgets


def test_a_connected_action_runs_and_tells_its_id(window: QWidget, qtbot: QtBot) -> None:
    actions = Actions(window)
    ran: list[str] = []
    actions.connect_action("new_chat", lambda: ran.append("new"))
    with qtbot.waitSignal(actions.triggered) as signal:
        actions["new_chat"].trigger()
    assert ran == ["new"] and signal.args == ["new_chat"]


def test_a_key_reaches_its_action(window: QWidget, qtbot: QtBot) -> None:
    actions = Actions(window)
    actions.connect_action("new_chat", lambda: None)
    with qtbot.waitActive(window):
        window.show()
    with qtbot.waitSignal(actions.triggered):
        qtbot.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)


def test_what_nobody_connected_is_offered_nowhere(window: QWidget) -> None:
    actions = Actions(window)
    actions.connect_action("settings", lambda: None)
    assert [entry.id for entry, _ in actions.available()] == ["settings"]
    menu = actions.fill(QMenu(window), ("new_chat", "-", "settings"))
    assert [action.text() for action in menu.actions() if action.text()] == ["Settings"]
    assert "new_chat" not in {entry.id for entry in actions.entries()}


def test_a_disabled_action_cannot_be_chosen(window: QWidget) -> None:
    actions = Actions(window)
    actions.connect_action("settings", lambda: None).setEnabled(False)
    assert actions.available() == []


def test_the_told_keys_follow_the_enter_setting(window: QWidget) -> None:
    told = {entry.id: entry.shortcuts for entry in Actions(window).entries(enter_sends=False)}
    assert told["send"] == ("Ctrl+Return",)
    assert told["newline"] == ("Return", "Shift+Return")


def test_a_tooltip_names_action_and_key() -> None:
    action = next(action for action in ACTIONS if action.id == "new_chat")
    assert describe(action) == f"New chat ({native('Ctrl+N')})"
