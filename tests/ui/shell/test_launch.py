"""What joins the window and the desktop that starts it: ids, tokens, files opened by the system."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from chatdesk import colophon
from chatdesk.ui import launch
from chatdesk.ui.launch import TOKEN, OpenedFiles, bring_forward


class Window(QWidget):
    """Remembers the leave that stood ready when it asked to come forward."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[str | None] = []

    def activateWindow(self) -> None:
        self.leaves.append(os.environ.get(TOKEN))
        super().activateWindow()


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    window = Window()
    qtbot.addWidget(window)
    return window


def test_another_start_s_leave_is_there_when_the_window_asks_and_gone_afterwards(
    window: Window,
) -> None:
    bring_forward(window, "leave-1")
    bring_forward(window)
    assert window.leaves == ["leave-1", None]
    assert TOKEN not in os.environ


def test_a_minimised_window_comes_back(window: Window) -> None:
    window.showMinimized()
    bring_forward(window)
    assert window.isVisible() and not window.isMinimized()


def test_a_start_reads_its_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    assert launch.token() == ""
    monkeypatch.setenv(TOKEN, "leave-2")
    assert launch.token() == "leave-2"


@pytest.fixture
def opened(qapp: QApplication) -> Iterator[OpenedFiles]:
    opened = OpenedFiles(qapp)
    yield opened
    qapp.removeEventFilter(opened)
    opened.deleteLater()


@pytest.mark.parametrize("name", ["model.gguf", "großes Modell #1.gguf"])
def test_files_that_the_system_asks_to_open_are_opened(
    qapp: QApplication, opened: OpenedFiles, qtbot: QtBot, tmp_path: Path, name: str
) -> None:
    file = str(tmp_path / name)
    for event in (QFileOpenEvent(file), QFileOpenEvent(QUrl.fromLocalFile(file))):
        with qtbot.waitSignal(opened.opened) as signal:
            QApplication.sendEvent(qapp, event)
        assert signal.args == [[file]]


def test_an_address_that_the_system_asks_to_open_is_not(
    qapp: QApplication, opened: OpenedFiles, qtbot: QtBot
) -> None:
    with qtbot.assertNotEmitted(opened.opened):
        QApplication.sendEvent(qapp, QFileOpenEvent(QUrl("https://chatdesk.example")))


def test_windows_is_told_the_id_of_the_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    shell = types.SimpleNamespace(SetCurrentProcessExplicitAppUserModelID=told.append)
    monkeypatch.setattr("ctypes.windll", types.SimpleNamespace(shell32=shell), raising=False)
    monkeypatch.setattr(colophon, "application_id", lambda: "example.chatdesk.Chatdesk")
    launch.identify()
    monkeypatch.setattr(sys, "platform", "win32")
    launch.identify()
    monkeypatch.setattr(colophon, "application_id", lambda: None)
    launch.identify()
    assert told == (["example.chatdesk.Chatdesk"] * (2 if os.name == "nt" else 1))
