"""Work on a pool thread: an expected error is told, a bug is never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from chatdesk.errors import ChatdeskError
from chatdesk.ui.models.background import Background


def _raising(error: Exception, after: threading.Event) -> Callable[[], None]:
    def work() -> None:
        after.wait(10)
        raise error

    return work


def test_an_expected_error_of_work_that_was_given_up_is_told_to_nobody(qtbot: QtBot) -> None:
    owner, go = QObject(), threading.Event()
    told: list[object] = []
    job = Background(owner).run(_raising(ChatdeskError("It is gone."), go))
    job.failed.connect(told.append)
    job.cancel()
    with qtbot.waitSignal(job.destroyed):
        go.set()
    assert told == []


@pytest.mark.parametrize("given_up", [False, True])
def test_a_bug_is_raised_in_the_window_even_where_nobody_waits(
    qtbot: QtBot, given_up: bool
) -> None:
    owner, go = QObject(), threading.Event()
    with qtbot.captureExceptions() as raised:
        job = Background(owner).run(_raising(ValueError("a bug"), go))
        if given_up:
            job.cancel()
        with qtbot.waitSignal(job.destroyed):
            go.set()
    assert [str(error) for _kind, error, _trace in raised] == ["a bug"]
