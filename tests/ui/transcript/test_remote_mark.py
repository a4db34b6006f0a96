"""The mark of replies that came from outside Chatdesk, and what a cut reply offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from chatdesk.chat.messages import Role, Status
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import Entry, TranscriptView
from chatdesk.ui.transcript.entries import actions, label
from chatdesk.ui.transcript.furniture import ErrorCard, Header, Notice
from chatdesk.ui.transcript.painter import Shown

LONG = "accounts/somebody/models/" + "a-name-that-goes-on-and-on-" * 20


def remote(text: str = "Hi there", **more: Any) -> Entry:
    given: dict[str, Any] = {"name": "open-mixtral-8x7b", "provider": "Mistral", **more}
    return Entry("r", Role.ASSISTANT, text, **given)


def cut(**more: Any) -> Entry:
    return remote(
        "The keeper",
        status=Status.INTERRUPTED,
        error="The connection to Mistral was lost. Try again.",
        error_retryable=True,
        **more,
    )


def the(view: TranscriptView, kind: type) -> Shown:
    return next(one for one in view.shown if isinstance(one.block, kind))


def violet(view: TranscriptView, theme: Theme) -> int:
    """How many pixels of the name's line have the hue of the mark, whose lines are thin."""
    one = the(view, Header)
    image = view.viewport().grab().toImage()
    wanted = theme.tokens.remote.hue()

    def is_violet(color: QColor) -> bool:
        return abs(color.hue() - wanted) < 15 and color.saturation() > 40

    return sum(
        is_violet(image.pixelColor(x, y))
        for y in range(one.placed.y, one.placed.bottom)
        for x in range(view.column_left, view.column_left + view.content.width)
    )


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_remote_reply_wears_the_violet_cloud_and_a_local_one_does_not(
    view: TranscriptView, theme: Theme, mode: str
) -> None:
    theme.configure(mode=mode)
    view.set_entries([remote(provider="")])
    assert violet(view, theme) == 0
    view.set_entries([remote()])
    assert violet(view, theme) > 0


def test_the_mark_says_where_the_reply_came_from(view: TranscriptView) -> None:
    view.set_entries([remote(time="21/11/2026 12:00")])
    tip = the(view, Header).block.tooltip_at(20, 10)
    assert tip == "This reply came from Mistral, outside Chatdesk\n21/11/2026 12:00"
    assert label(remote()) == "Reply from open-mixtral-8x7b · Mistral, complete"


def test_a_name_too_long_for_the_column_is_cut_and_keeps_its_mark(
    view: TranscriptView, theme: Theme
) -> None:
    view.set_entries([remote(name=LONG)])
    header = the(view, Header).block
    assert violet(view, theme) > 0
    assert header.tooltip_at(view.content.width - 30, 10).startswith(f"{LONG} · Mistral\n")


def test_a_cut_reply_offers_to_go_on_before_trying_again(view: TranscriptView) -> None:
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry, action: asked.append((entry, action)))
    view.set_entries([cut(can_continue=True)])
    one = the(view, ErrorCard)
    row = one.block.height - 30
    for x in (80, 160):
        at = QPoint(view.column_left + x, one.placed.y + row)
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert asked == [("r", "continue"), ("r", "retry")]


@pytest.mark.parametrize(
    ("entry", "offered"),
    [
        (cut(can_continue=True), {"continue", "retry"}),
        (cut(), {"retry"}),  # only reasoning had come
        (remote(status=Status.INTERRUPTED, can_continue=True), {"continue"}),
        (remote(status=Status.FAILED, error="No.", error_retryable=True), {"retry"}),
        (remote(), set()),
    ],
)
def test_the_ways_on_are_real_buttons_too(
    view: TranscriptView, entry: Entry, offered: set[str]
) -> None:
    view.set_entries([entry])
    view.ensure()
    shown = {
        name
        for name in ("continue", "retry")
        for button in view.findChildren(QToolButton, f"{name}Action")
        if button.isVisible()
    }
    assert shown == offered == {"continue", "retry"} & set(actions(entry))


def test_a_reply_cut_by_the_end_of_the_program_says_that(view: TranscriptView) -> None:
    view.set_entries([remote(status=Status.INTERRUPTED, can_continue=True)])
    assert "notice" in [one.key[0] for one in view.shown]


@pytest.mark.parametrize(
    "make", [lambda: cut(can_continue=True), lambda: remote(status=Status.STREAMING)]
)
def test_a_narrow_window_paints_it_all_the_same(
    view: TranscriptView, make: Callable[[], Entry]
) -> None:
    view.resize(220, 400)
    view.set_entries([make()])
    view.set_activity("r", "Mistral is busy. Trying again in 7 s")
    assert not view.grab().isNull()


def test_a_reply_that_ended_in_its_reasoning_says_so_and_can_be_tried_again(
    view: TranscriptView,
) -> None:
    asked: list[str] = []
    view.action_requested.connect(lambda entry_id, action: asked.append(action))
    view.set_entries([remote("", reasoning="Let me see")])
    notice = the(view, Notice)
    assert isinstance(notice.block, Notice)
    assert notice.block.label == "The reply ended while the model was thinking"
    [button] = notice.block._buttons.buttons
    at = button.rect.center() + QPointF(view.column_left, notice.placed.y)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert asked == ["regenerate"]
    view.set_entries([remote("The keeper", reasoning="Let me see")])
    assert not any(isinstance(one.block, Notice) for one in view.shown)
