"""Shortcuts, about, and the command palette."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QMainWindow, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from chatdesk import __version__
from chatdesk.paths import DataDir
from chatdesk.ui.about import PRIVACY, AboutDialog
from chatdesk.ui.actions import ACTIONS, Action, Actions
from chatdesk.ui.licences import LicencesDialog
from chatdesk.ui.palette import Palette, rank
from chatdesk.ui.shortcuts import Keys, ShortcutsDialog, caps
from chatdesk.ui.theme import Theme

# The offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.resize(900, 600)
    window.setCentralWidget(QLineEdit())
    with qtbot.waitActive(window):
        window.show()
    return window


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def actions(window: QMainWindow, ran: list[str]) -> Actions:
    """All actions, connected to a list that tells which ran."""
    actions = Actions(window)
    for entry in ACTIONS:
        if entry.scope == "window":
            actions.connect_action(entry.id, lambda action_id=entry.id: ran.append(action_id))
    return actions


# -- shortcuts -------------------------------------------------------------------------------------


def test_every_action_with_a_key_is_listed(
    actions: Actions, window: QMainWindow, theme: Theme
) -> None:
    dialog = ShortcutsDialog(actions, theme, window)
    assert set(dialog.texts()) == {entry.text for entry in ACTIONS if entry.shortcuts}


def test_shortcuts_are_found_by_words_and_by_keys(
    actions: Actions, window: QMainWindow, theme: Theme, qtbot: QtBot
) -> None:
    dialog = ShortcutsDialog(actions, theme, window)
    dialog.show()
    dialog.search.setText("ctrl+shift+p")
    assert dialog.texts() == ["All commands"]
    dialog.search.setText("sidebar")
    assert dialog.texts() == ["Show or hide the sidebar"]
    qtbot.keyClick(dialog.search, Qt.Key.Key_Escape)
    assert dialog.isVisible() and len(dialog.texts()) > 10
    qtbot.keyClick(dialog.search, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize(
    ("shortcut", "shown"),
    [
        ("Ctrl+Shift+P", ["Ctrl", "Shift", "P"]),
        ("Ctrl++", ["Ctrl", "+"]),
        ("F1", ["F1"]),
        ("Return", ["Enter"]),
    ],
)
def test_keys_are_drawn_one_cap_each(shortcut: str, shown: list[str]) -> None:
    assert caps(shortcut) == shown


def test_keys_are_read_out(theme: Theme, qtbot: QtBot) -> None:
    keys = Keys(("Ctrl+Tab", "Alt+Down"), theme)
    qtbot.addWidget(keys)
    assert keys.accessibleName() == "Ctrl+Tab or Alt+Down"


# -- about -----------------------------------------------------------------------------------------


def test_about_says_version_privacy_and_place(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = AboutDialog(theme, DataDir(tmp_path))
    qtbot.addWidget(dialog)
    words = " ".join(
        child.text()
        for child in dialog.findChildren(QWidget)
        if hasattr(child, "text") and callable(child.text)
    )
    assert f"Version {__version__}" in words and PRIVACY in words and str(tmp_path) in words
    assert "Lesser General Public License" in words


def test_versions_can_be_copied(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = AboutDialog(theme, DataDir(tmp_path))
    qtbot.addWidget(dialog)
    dialog.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert f"Chatdesk {__version__}" in text and "Qt 6" in text
    assert str(tmp_path) not in text


def page(monkeypatch: pytest.MonkeyPatch, address: str | None) -> list[str]:
    """Let the record tell this address; returns what is opened."""
    opened: list[str] = []
    monkeypatch.setattr("chatdesk.colophon.page", lambda label: address)
    monkeypatch.setattr(
        "chatdesk.ui.about.QDesktopServices.openUrl", lambda url: opened.append(url.toString())
    )
    return opened


def test_updates_are_a_page_that_the_person_opens(
    theme: Theme, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = page(monkeypatch, "https://chatdesk.example/releases")
    dialog = AboutDialog(theme, DataDir(tmp_path))
    qtbot.addWidget(dialog)
    assert opened == []
    dialog.updates_button.setFocus()
    qtbot.keyClick(dialog.updates_button, Qt.Key.Key_Return)
    assert opened == ["https://chatdesk.example/releases"]
    assert "chatdesk.example/releases" in dialog.updates_button.toolTip()


def test_without_a_releases_page_there_is_no_button_for_it(
    theme: Theme, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(monkeypatch, None)
    dialog = AboutDialog(theme, DataDir(tmp_path))
    qtbot.addWidget(dialog)
    assert dialog.findChild(QPushButton, "updatesButton") is None


def test_the_licences_are_read_in_a_dialog_of_their_own(
    theme: Theme, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = AboutDialog(theme, DataDir(tmp_path))
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.licences_button.click()
    licences = dialog.findChild(LicencesDialog)
    assert licences is not None and licences.isVisible()
    assert "Lesser General Public License" in licences.text.toPlainText()
    assert "PySide6" in licences.text.toPlainText()
    licences.copy_button.click()
    assert QGuiApplication.clipboard().text() == licences.text.toPlainText()
    qtbot.keyClick(licences, Qt.Key.Key_Escape)
    assert not licences.isVisible() and dialog.isVisible()


def test_packaged_the_licences_folder_can_be_opened(
    theme: Theme, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("chatdesk.colophon.licence_folder", lambda: str(tmp_path))
    monkeypatch.setattr(
        "chatdesk.ui.licences.QDesktopServices.openUrl",
        lambda url: opened.append(url.toLocalFile()),
    )
    dialog = LicencesDialog(theme)
    qtbot.addWidget(dialog)
    button = dialog.findChild(QPushButton, "openLicencesButton")
    assert button is not None
    button.click()
    assert opened == [str(tmp_path)]


# -- palette ---------------------------------------------------------------------------------------


def action(text: str) -> Action:
    return Action("x", text, "View")


@pytest.mark.parametrize(
    ("better", "worse", "query"),
    [
        ("Settings", "Settings of this conversation", "set"),
        ("New chat", "Open a new chat", "new"),
        ("Show the trash", "Refresh", "sh"),
        ("Choose a model", "Remodel", "model"),
        ("New chat", "Name it", "nc"),
    ],
)
def test_the_better_answer_is_ranked_higher(better: str, worse: str, query: str) -> None:
    best, other = rank(query, action(better)), rank(query, action(worse))
    assert best is not None
    assert other is None or best < other


def test_what_does_not_answer_is_left_out() -> None:
    assert rank("zebra", action("New chat")) is None


def test_typing_and_enter_runs_a_command(
    actions: Actions, window: QMainWindow, theme: Theme, ran: list[str], qtbot: QtBot
) -> None:
    palette = Palette(actions, theme, window)
    palette.open()
    assert palette.search.hasFocus()
    qtbot.keyClicks(palette.search, "keyb")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert ran == ["shortcuts"] and not palette.isVisible()


def test_arrows_move_and_wrap(
    actions: Actions, window: QMainWindow, theme: Theme, ran: list[str], qtbot: QtBot
) -> None:
    palette = Palette(actions, theme, window)
    palette.open()
    qtbot.keyClick(palette.search, Qt.Key.Key_Up)
    assert palette.list.currentRow() == palette.list.count() - 1
    qtbot.keyClick(palette.search, Qt.Key.Key_Down)
    qtbot.keyClick(palette.search, Qt.Key.Key_Down)
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert ran == [actions.available()[1][0].id]


def test_escape_closes_and_runs_nothing(
    actions: Actions, window: QMainWindow, theme: Theme, ran: list[str], qtbot: QtBot
) -> None:
    palette = Palette(actions, theme, window)
    palette.open()
    qtbot.keyClick(palette.search, Qt.Key.Key_Escape)
    assert not palette.isVisible() and ran == []


def test_the_focus_goes_back_to_where_it_was(
    actions: Actions, window: QMainWindow, theme: Theme, qtbot: QtBot
) -> None:
    window.centralWidget().setFocus()
    palette = Palette(actions, theme, window)
    palette.open()
    qtbot.keyClick(palette.search, Qt.Key.Key_Escape)
    assert window.focusWidget() is window.centralWidget()


def test_it_closes_when_the_focus_goes_elsewhere(
    actions: Actions, window: QMainWindow, theme: Theme, qtbot: QtBot
) -> None:
    palette = Palette(actions, theme, window)
    palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    palette.open()
    with qtbot.waitSignal(palette.destroyed):
        window.centralWidget().setFocus()


def test_it_stays_within_a_small_window(
    actions: Actions, window: QMainWindow, theme: Theme
) -> None:
    palette = Palette(actions, theme, window)
    palette.open()
    window.resize(320, 240)
    assert window.rect().contains(palette.geometry())


def test_only_what_can_be_done_now_is_offered(
    actions: Actions, window: QMainWindow, theme: Theme
) -> None:
    actions["regenerate"].setEnabled(False)
    palette = Palette(actions, theme, window)
    assert "Write the last reply anew" not in palette.texts()
    assert "All commands" not in palette.texts()
    palette.search.setText("qqqq")
    assert palette.texts() == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_all_paint_in_both_schemes(
    actions: Actions, window: QMainWindow, theme: Theme, tmp_path: Path, mode: str
) -> None:
    theme.configure(mode=mode)  # type: ignore[arg-type]
    for dialog in (
        ShortcutsDialog(actions, theme, window),
        AboutDialog(theme, DataDir(tmp_path), window),
        Palette(actions, theme, window),
    ):
        dialog.show()
        assert not dialog.grab().isNull()
        dialog.close()
