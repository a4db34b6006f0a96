"""Toasts: said once, taken back with Undo, gone by themselves, never under the pointer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from chatdesk.ui.theme import Theme
from chatdesk.ui.toast import MOST, Toasts

# Qt's offscreen platform says what it cannot do; a real one can.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def toasts(qtbot: QtBot, theme: Theme) -> Iterator[Toasts]:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.resize(600, 400)
    toasts = Toasts(theme, parent)
    parent.show()
    qtbot.waitExposed(parent)
    yield toasts
    toasts.clear()


def test_a_toast_stands_at_the_bottom_in_the_middle(qtbot: QtBot, toasts: Toasts) -> None:
    toasts.set_lift(90)
    toasts.show_message("Copied")
    parent = toasts.parentWidget()
    assert parent is not None
    assert toasts.geometry().bottom() < parent.height() - 89
    assert abs(toasts.geometry().center().x() - parent.width() // 2) <= 1
    parent.resize(900, 500)
    assert abs(toasts.geometry().center().x() - 450) <= 1


def test_undo_calls_back_once_and_ends_the_toast(qtbot: QtBot, toasts: Toasts) -> None:
    called: list[str] = []
    toast = toasts.show_message("Moved to the trash", "Undo", lambda: called.append("undo"))
    assert toast.action_button is not None
    qtbot.mouseClick(toast.action_button, Qt.MouseButton.LeftButton)
    assert called == ["undo"]
    assert toasts.texts == [] and not toasts.isVisible()
    assert not toasts.act()


def test_act_takes_the_newest_action(toasts: Toasts) -> None:
    called: list[int] = []
    toasts.show_message("one", "Undo", lambda: called.append(1))
    toasts.show_message("two", "Undo", lambda: called.append(2))
    toasts.show_message("three")
    assert toasts.act() and toasts.act() and not toasts.act()
    assert called == [2, 1]


def test_ctrl_z_does_only_what_takes_something_back(toasts: Toasts) -> None:
    called: list[str] = []
    toasts.show_message("Moved", "Undo", lambda: called.append("undo"))
    toasts.show_message("No key", "Add the key", lambda: called.append("key"), undoes=False)
    assert toasts.act()
    assert called == ["undo"]
    assert not toasts.act()
    toasts.show_message("No key", "Add the key", lambda: called.append("key"), undoes=False)
    assert toasts.texts == ["No key"]


def test_it_waits_while_the_pointer_is_on_it(qtbot: QtBot, toasts: Toasts) -> None:
    toast = toasts.show_message("Copied")
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    assert toast.running
    QApplication.sendEvent(toast, QEnterEvent(QPointF(1, 1), QPointF(1, 1), QPointF(1, 1)))
    assert not toast.running
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    assert toast.running


def test_its_time_ends_it(qtbot: QtBot, toasts: Toasts) -> None:
    toast = toasts.show_message("Copied")
    toast._timer.start(1)
    qtbot.waitUntil(lambda: toasts.texts == [])


def test_an_error_stays_until_dismissed(qtbot: QtBot, toasts: Toasts) -> None:
    toast = toasts.show_message("The disk is full.", kind="error")
    assert not toast.running
    qtbot.keyClick(toast.close_button, Qt.Key.Key_Escape)
    assert toasts.texts == []


def test_the_same_words_are_not_said_twice(toasts: Toasts) -> None:
    toasts.show_message("Copied")
    toasts.show_message("Copied")
    assert toasts.texts == ["Copied"]


def test_only_a_few_are_shown(toasts: Toasts) -> None:
    for number in range(MOST + 2):
        toasts.show_message(f"message {number}")
    assert toasts.texts == [f"message {n}" for n in range(2, MOST + 2)]


def test_buttons_are_reachable_by_key_and_named(toasts: Toasts) -> None:
    toast = toasts.show_message("Moved", "Undo", lambda: None)
    assert toast.action_button is not None
    for button in (toast.action_button, toast.close_button):
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert button.accessibleName() and button.toolTip()


def test_long_words_are_wrapped_and_shown_whole(toasts: Toasts) -> None:
    long = "The model does not fit in memory: it needs 5.2 GB and 3.1 GB are free. " * 4
    toast = toasts.show_message(long, kind="error")
    parent = toasts.parentWidget()
    assert parent is not None
    assert toasts.width() <= parent.width()
    assert toast.height() > 60


def test_text_is_never_taken_for_markup(toasts: Toasts) -> None:
    toast = toasts.show_message("<img src='file:///secret'><b>bold</b>")
    assert toast._label.textFormat() == Qt.TextFormat.PlainText


def test_with_motion_it_fades_in(qtbot: QtBot, toasts: Toasts, theme: Theme) -> None:
    theme.configure(reduced_motion=False)
    toast = toasts.show_message("Copied")
    assert toast.graphicsEffect() is not None
    qtbot.waitUntil(lambda: toast.graphicsEffect() is None)
