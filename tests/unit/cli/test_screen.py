"""What the terminal shows of a reply besides its text: what it waits for, and notices."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from chatdesk.chat.events import Delta, Notice, Waiting
from chatdesk.chat.messages import Message, Role
from chatdesk.cli.conversing import Screen
from chatdesk.errors import StoreError

NOTICE = Notice("Mistral does not take min_p: it was left out.")
REPLY = Message("m", "c", "p", Role.ASSISTANT, "Hi", 1.0)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on somebody looks: both streams are a terminal's."""

    def begin() -> None:
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)

    return begin


def test_a_wait_counts_down_in_one_line_and_goes_away(
    capsys: pytest.CaptureFixture[str], watch: Callable[[], None]
) -> None:
    watch()
    screen = Screen()
    for seconds in (2.0, 1.0, 0.2):
        screen.reply_event("m", Waiting("retrying", "Mistral is busy", seconds))
    screen.reply_event("m", Delta("text", "Hi"))
    out, err = capsys.readouterr()
    assert out == "Hi"
    assert err == (
        "\r\x1b[KMistral is busy. Trying again in 2 s"
        "\r\x1b[KMistral is busy. Trying again in 1 s"
        "\r\x1b[K"
    )


def test_nobody_watching_sees_no_countdown(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().reply_event("m", Waiting("retrying", "Mistral is busy", 2.0))
    assert capsys.readouterr() == ("", "")


def test_a_notice_is_a_line_on_standard_error_and_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = Screen()
    screen.reply_event("m", NOTICE)
    screen.reply_event("n", NOTICE)
    screen.trouble(StoreError("The disk is full."))
    screen.trouble(StoreError("The disk is full."))
    assert capsys.readouterr() == ("", f"{NOTICE.text}\nThe disk is full.\n")


def test_a_notice_does_not_hang_on_a_line_of_the_reply(
    capsys: pytest.CaptureFixture[str], watch: Callable[[], None]
) -> None:
    watch()
    screen = Screen()
    screen.reply_event("m", Delta("text", "Half a line"))
    screen.reply_event("m", NOTICE)
    assert capsys.readouterr() == ("Half a line", f"\n{NOTICE.text}\n")
    screen.message_finished(REPLY)
    screen.reply_event("m", Notice("Another."))
    assert capsys.readouterr().err == "Another.\n"


def test_hostile_words_of_a_server_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().reply_event("m", Notice("left\x1b[2Jout\nand more"))
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\n") == 1
