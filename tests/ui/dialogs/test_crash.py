"""What a person sees of a bug: one dialog, no words of theirs in it, and a way on."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from chatdesk.diagnostics import install_hooks
from chatdesk.errors import StoreError
from chatdesk.paths import DataDir
from chatdesk.ui.crash import CannotStart, CrashDialog, CrashReporter, without_words
from chatdesk.ui.theme import Theme

# The offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)


def report_of(fail: Callable[[], object]) -> str:
    try:
        fail()
    except Exception:
        return traceback.format_exc()
    raise AssertionError("It did not fail.")


def bug(words: str = "") -> str:
    def fail() -> None:
        raise ValueError(words)

    return report_of(fail)


def other_bug() -> str:
    return report_of(lambda: {}["words"])


@pytest.fixture
def quits() -> list[str]:
    return []


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def reporter(window: QWidget, theme: Theme, tmp_path: Path, quits: list[str]) -> CrashReporter:
    reporter = CrashReporter(DataDir(tmp_path), window)
    reporter.attach(window, theme, lambda: quits.append("quit"))
    return reporter


def opened(reporter: CrashReporter) -> CrashDialog:
    assert reporter.dialog is not None and reporter.dialog.isVisible()
    return reporter.dialog


def details(dialog: CrashDialog) -> str:
    text = dialog.findChild(QPlainTextEdit, "crashDetails")
    assert isinstance(text, QPlainTextEdit)
    return text.toPlainText()


def test_a_bug_is_told_without_the_words_of_its_message(reporter: CrashReporter) -> None:
    reporter.report(bug("my secret diary\n  second line\nTuesday: third"))
    shown = details(opened(reporter))
    assert "ValueError" in shown and "test_crash.py" in shown
    assert "secret" not in shown and "second" not in shown and "Tuesday" not in shown
    assert "secret" not in opened(reporter).report()


@given(st.text(alphabet="abcXYZ \n:|+'", max_size=60))
def test_no_message_comes_through(words: str) -> None:
    marked = "".join(f"§{character}" for character in words)
    assert "§" not in without_words(bug(marked))


def test_chained_exceptions_keep_their_places() -> None:
    def fail() -> None:
        try:
            raise KeyError("words")
        except KeyError as error:
            raise RuntimeError("more words") from error

    shown = without_words(report_of(fail))
    assert "KeyError" in shown and "RuntimeError" in shown and "direct cause" in shown
    assert shown.count("File ") == 3
    assert "RuntimeError: " not in shown and "KeyError: " not in shown


def test_an_uncaught_exception_reaches_the_dialog(
    reporter: CrashReporter, allow_errors: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    undo = install_hooks(reporter.report)
    try:
        sys.excepthook(ValueError, ValueError("x"), None)
    finally:
        undo()
    assert "ValueError" in details(opened(reporter))


def test_only_one_dialog_opens_and_it_takes_the_next_bug_in(reporter: CrashReporter) -> None:
    reporter.report(bug())
    first = opened(reporter)
    reporter.report(other_bug())
    assert opened(reporter) is first
    assert "ValueError" in details(first) and "KeyError" in details(first)


def test_the_same_bug_is_told_once(reporter: CrashReporter) -> None:
    report = bug()
    reporter.report(report)
    opened(reporter).continue_button.click()
    reporter.report(report)
    assert reporter.dialog is None
    reporter.report(other_bug())
    opened(reporter)


def test_a_bug_in_another_thread_is_told_in_this_one(reporter: CrashReporter, qtbot: QtBot) -> None:
    thread = threading.Thread(target=reporter.report, args=(bug(),))
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: reporter.dialog is not None)


def test_a_bug_before_the_window_is_told_when_it_is_there(
    window: QWidget, theme: Theme, tmp_path: Path
) -> None:
    reporter = CrashReporter(DataDir(tmp_path), window)
    reporter.report(bug())
    assert reporter.dialog is None
    reporter.attach(window, theme, lambda: None)
    opened(reporter)


def test_continue_closes_and_quit_ends(reporter: CrashReporter, quits: list[str]) -> None:
    reporter.report(bug())
    opened(reporter).continue_button.click()
    assert reporter.dialog is None and quits == []
    reporter.report(other_bug())
    opened(reporter).quit_button.click()
    assert quits == ["quit"]


def test_details_can_be_copied(reporter: CrashReporter) -> None:
    reporter.report(bug("secret"))
    opened(reporter).copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert "ValueError" in text and "Chatdesk" in text and "secret" not in text


def test_the_way_on_has_the_focus(reporter: CrashReporter) -> None:
    reporter.report(bug())
    assert opened(reporter).focusWidget() is opened(reporter).continue_button


def test_a_window_that_cannot_open_says_why(
    reporter: CrashReporter, capsys: pytest.CaptureFixture[str], qapp: QApplication
) -> None:
    shown: list[str] = []

    def look() -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, CannotStart):
                shown.append(widget.windowTitle())
                widget.accept()

    QTimer.singleShot(50, look)
    before = qapp.styleSheet(), qapp.palette(), qapp.style().name()
    try:
        reporter.tell_and_end(StoreError("The database is broken.", "Put a backup in its place."))
    finally:
        qapp.setStyle(before[2])
        qapp.setStyleSheet(before[0])
        qapp.setPalette(before[1])
    assert shown == ["Chatdesk cannot start"]
    assert "The database is broken. Put a backup in its place." in capsys.readouterr().err
