"""The transcript as the person meets it: what it shows, follows, selects, copies and offers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton, QWhatsThis
from pytestqt.qtbot import QtBot

from chatdesk.chat.messages import Role, Status
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import Entry, TranscriptView, content
from chatdesk.ui.transcript.code import Code
from chatdesk.ui.transcript.furniture import ErrorCard, Footer, ThoughtHead
from chatdesk.ui.transcript.painter import Shown


def mine(entry_id: str, text: str = "A question", **more: object) -> Entry:
    return Entry(entry_id, Role.USER, text, **more)  # type: ignore[arg-type]


def reply(entry_id: str, text: str = "An answer", **more: object) -> Entry:
    return Entry(entry_id, Role.ASSISTANT, text, name="SmolLM2", **more)  # type: ignore[arg-type]


def conversation(count: int) -> list[Entry]:
    body = "A paragraph with **bold** words and a [link](https://example.org).\n\n- one\n- two\n"
    return [
        mine(str(i), f"Question {i}") if i % 2 == 0 else reply(str(i), f"Answer {i}. {body}")
        for i in range(count)
    ]


def places(view: TranscriptView) -> dict[tuple[str, tuple[str, int]], int]:
    return {(one.message.entry.id, one.key): one.placed.y for one in view.shown}


def unit(view: TranscriptView, kind: type, entry_id: str | None = None) -> Shown:
    return next(
        one
        for one in view.shown
        if isinstance(one.block, kind) and entry_id in (None, one.message.entry.id)
    )


def text_point(view: TranscriptView, entry_id: str, position: int, index: int = 0) -> QPoint:
    """The point of a position in the text of an entry's visible leaf."""
    one = next(
        one
        for one in view.shown
        if one.message.entry.id == entry_id and one.key == ("content", index)
    )
    rect = one.block.caret_rect(position)
    assert rect is not None
    at = rect.center() + QPointF(view.column_left, one.placed.y)
    return QPoint(round(at.x()), round(at.y()))


def drag(view: TranscriptView, start: QPoint, end: QPoint) -> None:
    area = view.viewport()
    QTest.mousePress(area, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(area, (start + end) / 2)
    QTest.mouseMove(area, end)
    # QTest moves without buttons; the view only needs to know where the button was let go.
    view.select(view.selection.anchor, view.pointer.place_at(end))
    QTest.mouseRelease(area, Qt.MouseButton.LeftButton, pos=end)


def wheel(view: TranscriptView, notches: float) -> None:
    at = QPointF(view.viewport().rect().center())
    event = QWheelEvent(
        at,
        view.viewport().mapToGlobal(at),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


# -- opening and scrolling ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_opening_and_scrolling_a_long_conversation_is_bounded_work(
    view: TranscriptView, count: int
) -> None:
    view.set_entries(conversation(count))
    assert view.shown[-1].message.entry.id == str(count - 1)
    assert view.content.laid_out < 60
    assert view.content.parsed < 20
    for _ in range(30):
        before = view.content.laid_out
        wheel(view, 1)
        assert view.content.laid_out - before < 12
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    before = view.content.laid_out
    view.grab()
    assert view.content.laid_out - before < 60
    assert len(view.content.messages) == count


def test_a_conversation_opens_at_its_end_and_home_and_end_go_all_the_way(
    view: TranscriptView,
) -> None:
    view.set_entries(conversation(100))
    assert view.following
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.shown[0].message.entry.id == "0" and view.verticalScrollBar().value() == 0
    assert not view.following
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.shown[-1].message.entry.id == "99" and view.following
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_the_wheel_moves_what_is_shown_by_exactly_its_distance(view: TranscriptView) -> None:
    view.set_entries(conversation(200))
    for notches in (3.0, 1.0, -2.0, 1.0, 1.0, -1.0):
        before = places(view)
        wheel(view, notches)
        after = places(view)
        moved = {after[key] - before[key] for key in before.keys() & after.keys()}
        assert moved == {round(notches * 3 * view.line)}


def test_pages_keep_two_lines_in_view(view: TranscriptView) -> None:
    view.set_entries(conversation(200))
    before = places(view)
    QTest.keyClick(view, Qt.Key.Key_PageUp)
    after = places(view)
    moved = {after[key] - before[key] for key in before.keys() & after.keys()}
    assert moved == {view.viewport().height() - 2 * view.line}


def test_a_small_step_up_stays_up(view: TranscriptView) -> None:
    view.set_entries(conversation(50))
    view.scroll_by(-3)
    assert not view.following
    before = places(view)
    view.append_entry(reply("new"))
    assert places(view).items() >= before.items()


def test_a_short_conversation_begins_at_the_top(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2")])
    assert 0 < view.shown[0].placed.y < 60
    assert view.verticalScrollBar().maximum() == 0


def test_resizing_keeps_the_reading_position(view: TranscriptView, qtbot: QtBot) -> None:
    long = "\n\n".join(f"Paragraph {i} " + "with many words " * 30 for i in range(200))
    view.set_entries([mine("1"), reply("2", long)])
    view.scroll_by(-4_000)
    first = view.shown[0]
    for width in (700, 500, 420, 600, 800):
        view.resize(width, 600)
        now = view.shown[0]
        assert abs(now.placed.unit - first.placed.unit) <= 1
    assert view.shown[0].placed == first.placed


def test_the_theme_and_text_size_change_in_place(view: TranscriptView, theme: Theme) -> None:
    view.set_entries(conversation(60))
    view.scroll_by(-1_500)
    first = view.shown[0].placed
    light = view.grab().toImage().pixelColor(2, 2)
    theme.configure(mode="dark", text_size=4)
    assert (view.shown[0].placed.entry, view.shown[0].placed.unit) == (first.entry, first.unit)
    assert view.grab().toImage().pixelColor(2, 2) != light
    assert view.line > 20


def test_a_conversation_that_is_all_in_view_is_followed_whatever_the_wheel_does(
    view: TranscriptView,
) -> None:
    view.set_entries([mine("1"), reply("2", "", status=Status.STREAMING)])
    wheel(view, 1)
    wheel(view, -1)
    wheel(view, 2)
    view.append_text("2", "text", "Paragraph\n\n" * 60)
    view.text_of("2")
    assert view.following and isinstance(view.shown[-1].block, Footer)


# -- streaming ------------------------------------------------------------------------------------


def test_a_streamed_reply_is_followed_to_its_end(view: TranscriptView, qtbot: QtBot) -> None:
    view.set_entries([*conversation(20), mine("q"), reply("r", "", status=Status.STREAMING)])
    for i in range(60):
        view.append_text("r", "text", f"Sentence number {i} of the reply.\n\n")
    qtbot.waitUntil(lambda: view.shown[-1].placed.unit > 40)
    last = view.shown[-1]
    assert view.following and last.message.entry.id == "r"
    assert isinstance(last.block, Footer)
    assert last.placed.bottom <= view.viewport().height()


def test_nothing_jumps_while_the_person_reads_above(view: TranscriptView) -> None:
    view.set_entries([*conversation(40), reply("r", "Begun. ", status=Status.STREAMING)])
    view.append_text("r", "text", "word " * 200)
    view.text_of("r")
    view.scroll_by(-700)
    before = places(view)
    for _ in range(20):
        view.append_text("r", "text", "More words arrive.\n\n```python\nx = 1\n```\n\n")
        view.text_of("r")
        assert places(view) == before
    view.update_entry(reply("r", view.text_of("r"), status=Status.COMPLETE))
    assert places(view) == before


def test_streamed_and_opened_whole_look_the_same(view: TranscriptView, theme: Theme) -> None:
    text = (
        "# Title\n\nA *paragraph* with `code`.\n\n1. one\n2. two\n   - inner\n\n"
        "```python\nfor x in y:\n    print(x)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n"
    )
    view.set_entries([mine("q"), reply("r", "", status=Status.STREAMING)])
    for start in range(0, len(text), 7):
        view.append_text("r", "text", text[start : start + 7])
        view.text_of("r")
        view.grab()
    view.update_entry(reply("r", text))
    streamed = view.grab().toImage()
    view.set_entries([mine("q2"), reply("r2", text)])
    assert view.grab().toImage() == streamed


def test_text_that_was_streamed_survives_a_refresh_of_the_entries(view: TranscriptView) -> None:
    view.set_entries([mine("q"), reply("r", "", status=Status.STREAMING)])
    view.append_text("r", "text", "Hello")
    view.set_entries([mine("q"), reply("r", "", status=Status.STREAMING)])
    assert view.text_of("r") == "Hello"
    view.append_text("r", "text", " there")
    view.update_entry(reply("r", "Hello there"))
    assert view.text_of("r") == "Hello there"
    assert view.shown[-2].block.text == "Hello there"


def test_activity_is_shown_until_the_first_word(view: TranscriptView) -> None:
    view.set_entries([mine("q"), reply("r", "", status=Status.STREAMING)])
    view.set_activity("r", "Reading the prompt", 0.3)
    assert "activity" in [one.key[0] for one in view.shown]
    view.append_text("r", "text", "Word")
    view.text_of("r")
    assert "activity" not in [one.key[0] for one in view.shown]


def test_timers_stop_when_nothing_happens(view: TranscriptView, qtbot: QtBot) -> None:
    from PySide6.QtCore import QTimer

    view.set_entries([*conversation(30), reply("r", "", status=Status.STREAMING)])
    for _ in range(10):
        view.append_text("r", "text", "word ")
    qtbot.waitUntil(lambda: not any(t.isActive() for t in view.findChildren(QTimer)), timeout=3000)


def test_text_for_an_entry_that_is_not_shown_is_ignored(view: TranscriptView) -> None:
    view.set_entries([mine("q")])
    view.append_text("elsewhere", "text", "word")
    view.update_entry(reply("elsewhere"))
    view.set_activity("elsewhere", "Loading", None)
    assert view.text_of("elsewhere") == ""


def test_the_persons_message_and_a_new_reply_come_into_view(view: TranscriptView) -> None:
    view.set_entries(conversation(60))
    view.scroll_by(-900)
    view.append_entry(mine("new"))
    assert view.shown[-1].message.entry.id == "new"
    view.scroll_by(-900)
    path = [*view.entries(), reply("reply", "", status=Status.STREAMING)]
    view.set_entries(path)
    assert view.shown[-1].message.entry.id == "reply"


def test_another_variant_keeps_the_place(view: TranscriptView) -> None:
    path = conversation(60)
    view.set_entries(path)
    view.scroll_by(-1_200)
    first = view.shown[0].placed.entry
    view.set_entries([*path[: first + 1], *(replace(e, id=f"v{e.id}") for e in path[first + 1 :])])
    assert view.shown[0].placed.entry == first
    assert not view.following


def test_a_refresh_of_all_entries_does_not_move_what_is_read(view: TranscriptView) -> None:
    path = conversation(80)
    view.set_entries(path)
    view.scroll_by(-2_500)
    before = places(view)
    view.set_entries(list(path))
    assert places(view) == before
    half = len(path) // 4
    view.set_entries([replace(e, left_out=i < half) for i, e in enumerate(path)])
    assert places(view) == before
    view.set_entries([*path[10:], mine("new")], to_end=False)
    assert places(view) == before


def test_a_refresh_keeps_the_reasoning_open(view: TranscriptView) -> None:
    path = [mine("1"), reply("2", "Answer", reasoning="First", status=Status.STREAMING)]
    view.set_entries(path)
    message = view.content.find("2")
    assert message is not None
    view.toggle_fold(message)
    view.set_entries([path[0], replace(path[1], status=Status.COMPLETE, meter="1 tok/s")])
    assert "reasoning" in [one.key[0] for one in view.shown]


def test_what_is_far_away_is_forgotten_again(
    view: TranscriptView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "CHARACTERS_PARSED", 2_000)
    monkeypatch.setattr(content, "BLOCKS_KEPT", 60)
    view.set_entries(conversation(400))
    for _ in range(2):
        view.scroll_to_start()
        while not view.following:
            view.scroll_by(500)
    assert sum(message.parsed for message in view.content.messages) < 40
    assert sum(len(message.blocks) for message in view.content.messages) <= 60


def test_a_view_leaves_nothing_behind(qtbot: QtBot, theme: Theme) -> None:
    import gc
    import weakref

    from PySide6.QtCore import QCoreApplication, QEvent

    view = TranscriptView(theme)
    view.resize(700, 500)
    view.set_entries(conversation(30))
    view.grab()
    view.select_all()
    messages, seen = weakref.ref(view.content), weakref.ref(view)
    view.deleteLater()
    del view
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert seen() is None and messages() is None
    theme.configure(text_size=2)


# -- selecting and copying ------------------------------------------------------------------------


def test_all_selected_copies_the_source_of_all_messages(view: TranscriptView) -> None:
    view.set_entries([mine("1", "What is *this*?"), reply("2", "It is **bold**.\n\n- a\n- b\n")])
    view.select_all()
    view.copy_selection()
    expected = "What is *this*?\n\nIt is **bold**.\n\n- a\n- b\n"
    assert QGuiApplication.clipboard().text() == expected


def test_part_of_a_paragraph_copies_what_is_shown(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2", "Some **very bold** words here")])
    drag(view, text_point(view, "2", 5), text_point(view, "2", 14))
    assert view.selected_text() == "very bold"


def test_whole_paragraphs_copy_as_the_markdown_they_came_from(view: TranscriptView) -> None:
    source = "Some **bold** words\n\n- first\n- second\n\nThe end"
    view.set_entries([mine("1"), reply("2", source)])
    drag(view, text_point(view, "2", 0), text_point(view, "2", 3, index=3))
    assert view.selected_text() == "Some **bold** words\n\n- first\n- second\n\nThe"


def test_selecting_backwards_across_messages(view: TranscriptView) -> None:
    view.set_entries([mine("1", "First line"), reply("2", "Second line")])
    drag(view, text_point(view, "2", 6), text_point(view, "1", 6))
    assert view.selected_text() == "line\n\nSecond"


def test_code_copies_without_its_fence(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2", "```python\na = 1\nb = 2\n```\n")])
    drag(view, text_point(view, "2", 0), text_point(view, "2", 11))
    assert view.selected_text() == "a = 1\nb = 2"


def test_a_double_click_takes_a_word_and_a_triple_click_a_paragraph(view: TranscriptView) -> None:
    view.set_entries([mine("1", "One two-three 四五 end"), reply("2", "Some plain words\n\nEnd")])
    area = view.viewport()
    at = text_point(view, "2", 7)
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(area, Qt.MouseButton.LeftButton, pos=at)
    assert view.selected_text() == "plain"
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=at)
    assert view.selected_text() == "Some plain words"


def test_shift_click_and_shift_arrows_extend_the_selection(view: TranscriptView) -> None:
    view.set_entries([mine("1", "Some plain words"), reply("2", "End")])
    area = view.viewport()
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=text_point(view, "1", 5))
    shift = Qt.KeyboardModifier.ShiftModifier
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, shift, text_point(view, "1", 9))
    assert view.selected_text() == "plai"
    QTest.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_text() == "plain"
    QTest.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_text().startswith("plain words\n\n")


def test_a_selection_survives_another_width_and_more_text(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2", "Some **bold** words", status=Status.STREAMING)])
    drag(view, text_point(view, "2", 5), text_point(view, "2", 9))
    view.resize(500, 500)
    view.append_text("2", "text", " and more words that follow it\n\nAnother paragraph")
    view.text_of("2")
    assert view.selected_text() == "bold"


def test_characters_outside_the_basic_plane_are_counted_once(view: TranscriptView) -> None:
    view.set_entries([mine("1", "a 😀😀 b"), reply("2", "x 🜁🜂 y")])
    drag(view, text_point(view, "1", 2), text_point(view, "1", 4))
    assert view.selected_text() == "😀😀"
    drag(view, text_point(view, "2", 2), text_point(view, "2", 4))
    assert view.selected_text() == "🜁🜂"


# -- clicking -------------------------------------------------------------------------------------


def test_a_link_acts_on_a_click_and_only_then(view: TranscriptView, qtbot: QtBot) -> None:
    opened: list[str] = []
    view.link_activated.connect(opened.append)
    view.set_entries(
        [mine("1", "[no](https://no.example)"), reply("2", "[yes](https://a.example)")]
    )
    at = text_point(view, "2", 1)
    QTest.mouseMove(view.viewport(), at)
    assert opened == []
    assert view.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
    assert view.pointer.tooltip_at(at) == "https://a.example"
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=text_point(view, "1", 2))
    assert opened == ["https://a.example"]


def test_hostile_markdown_shows_as_text_and_loads_nothing(view: TranscriptView) -> None:
    hostile = (
        "![x](file:///etc/passwd) ![y](http://127.0.0.1:1/t.png) [z](javascript:alert(1))\n\n"
        '<img src="http://127.0.0.1:1/a.png"><script>alert(1)</script>\n\n'
        "[f](file:///etc/passwd) [d](data:text/html,x) <style>@import url(x)</style>\n\n"
        "![ref][r]\n\n[r]: http://127.0.0.1:1/r.png\n"
    )
    opened: list[str] = []
    view.link_activated.connect(opened.append)
    view.set_entries([mine("1", hostile), reply("2", hostile)])
    view.grab()
    for one in view.shown:
        for x in range(0, view.content.width, 6):
            for y in range(0, one.placed.height, 6):
                target = one.block.target_at(x, y)
                assert target is None or target.value.startswith("http://127.0.0.1:1/")
    assert opened == []
    assert "<script>" in "".join(one.block.text for one in view.shown)


def test_the_copy_button_copies_the_whole_block_and_says_so(view: TranscriptView) -> None:
    code = "\n".join(f"line {i}" for i in range(200))
    view.set_entries([mine("1"), reply("2", f"```text\n{code}\n```\n")])
    view.scroll_to_start()
    one = unit(view, Code)
    block = one.block
    assert isinstance(block, Code)
    at = block._copy_rect().center() + QPointF(view.column_left, one.placed.y)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert QGuiApplication.clipboard().text() == code
    assert view.highlights.copied is not None


def test_reasoning_opens_in_place(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2", "Answer", reasoning="First\n\nSecond")])
    head = unit(view, ThoughtHead)
    assert "reasoning" not in [one.key[0] for one in view.shown]
    at = QPoint(view.column_left + 10, head.placed.y + 14)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert [one.block.text for one in view.shown if one.key[0] == "reasoning"] == [
        "First",
        "Second",
    ]
    assert unit(view, ThoughtHead).placed.y == head.placed.y
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert "reasoning" not in [one.key[0] for one in view.shown]


def test_a_failed_reply_offers_to_try_again_and_shows_details(view: TranscriptView) -> None:
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry_id, action: asked.append((entry_id, action)))
    view.set_entries(
        [
            mine("1"),
            reply(
                "2",
                "",
                status=Status.FAILED,
                error="It failed.",
                error_retryable=True,
                error_advice="Do this.",
                error_detail="boom",
            ),
        ]
    )
    card = unit(view, ErrorCard)
    assert isinstance(card.block, ErrorCard)
    again, details = card.block._buttons.buttons
    corner = QPointF(view.column_left, card.placed.y)
    area = view.viewport()
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=(again.rect.center() + corner).toPoint())
    assert asked == [("2", "retry")]
    height = card.placed.height
    at = (details.rect.center() + corner).toPoint()
    QTest.mouseClick(area, Qt.MouseButton.LeftButton, pos=at)
    assert unit(view, ErrorCard).placed.height > height


@pytest.mark.parametrize("status", [Status.STOPPED, Status.INTERRUPTED])
def test_a_reply_that_ended_early_offers_to_go_on(view: TranscriptView, status: Status) -> None:
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry_id, action: asked.append((entry_id, action)))
    view.set_entries([mine("1"), reply("2", "Begun", status=status, can_continue=True)])
    notice = next(one for one in view.shown if one.key[0] == "notice")
    [button] = notice.block._buttons.buttons  # type: ignore[attr-defined]
    at = button.rect.center() + QPointF(view.column_left, notice.placed.y)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert asked == [("2", "continue")]


def test_what_the_model_no_longer_sees_is_marked(view: TranscriptView) -> None:
    path = [mine("1", left_out=True), reply("2", left_out=True), mine("3"), reply("4")]
    view.set_entries(path)
    assert [one.message.entry.id for one in view.shown if one.key[0] == "divider"] == ["3"]
    view.update_entry(replace(path[2], left_out=True))
    assert [one.message.entry.id for one in view.shown if one.key[0] == "divider"] == ["4"]


# -- actions --------------------------------------------------------------------------------------


def buttons(view: TranscriptView) -> dict[str, QToolButton]:
    return {
        button.objectName(): button
        for button in view.viewport().findChildren(QToolButton)
        if button.isVisible() and button.objectName().endswith("Action")
    }


def test_the_last_entry_always_has_its_actions(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2", variant=(2, 3), can_continue=True)])
    view.grab()
    shown = buttons(view)
    assert list(shown) == [
        "copyAction",
        "regenerateAction",
        "continueAction",
        "previousAction",
        "nextAction",
        "deleteAction",
        "moreAction",
    ]
    assert all(button.toolTip() and button.accessibleName() for button in shown.values())


def test_buttons_ask_for_actions(view: TranscriptView) -> None:
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry_id, action: asked.append((entry_id, action)))
    view.set_entries([mine("1"), reply("2", "Text", variant=(2, 3))])
    view.grab()
    for name in ("copy", "regenerate", "previous", "next", "delete"):
        QTest.mouseClick(buttons(view)[f"{name}Action"], Qt.MouseButton.LeftButton)
    assert asked == [("2", n) for n in ("copy", "regenerate", "previous", "next", "delete")]
    assert QGuiApplication.clipboard().text() == "Text"


def test_the_hovered_entry_gets_actions_beside_the_last(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2"), mine("3"), reply("4")])
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry_id, action: asked.append((entry_id, action)))
    QTest.mouseMove(view.viewport(), text_point(view, "1", 2))
    shown = [b for b in view.viewport().findChildren(QToolButton, "editAction") if b.isVisible()]
    assert len(shown) == 1
    QTest.mouseClick(shown[0], Qt.MouseButton.LeftButton)
    assert asked == [("1", "edit")]


def test_details_say_when_and_at_what_cost(
    view: TranscriptView, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(QWhatsThis, "showText", lambda place, text, widget: said.append(text))
    view.set_entries([mine("1"), reply("2", time="today <b>", meter_detail="41 tokens\n9 read")])
    view.act("2", "info")
    assert said == ["today &lt;b&gt;<br>41 tokens<br>9 read"]


def test_a_reply_being_written_offers_no_actions(view: TranscriptView) -> None:
    view.set_entries([mine("1"), reply("2", "Text", status=Status.STREAMING)])
    view.grab()
    assert not buttons(view)


# The offscreen platform has no windows to raise.
@pytest.mark.qt_log_ignore("This plugin does not support")
def test_arrows_go_from_message_to_message_and_enter_opens_the_menu(
    view: TranscriptView, qtbot: QtBot
) -> None:
    view.set_entries([mine("1"), reply("2"), mine("3"), reply("4", variant=(2, 2))])
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    assert view.focused_entry == "4"
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert view.focused_entry == "3"
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry_id, action: asked.append((entry_id, action)))
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert asked == [("3", "copy"), ("4", "previous")]
    QTest.keyClick(view, Qt.Key.Key_Return)
    menu = view.findChild(type(view.menu_for("4")), "transcriptMenu")
    assert menu is not None
    chosen = next(action for action in menu.actions() if action.data() == ("4", "regenerate"))
    chosen.trigger()
    assert asked[-1] == ("4", "regenerate")
    menu.close()


def test_arrows_reach_every_message_of_a_long_conversation(view: TranscriptView) -> None:
    tall = reply("tall", "\n\n".join(f"Paragraph {i}" for i in range(60)))
    path = [*conversation(6), tall, *(replace(e, id=f"b{e.id}") for e in conversation(4))]
    view.set_entries(path)
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    seen = [view.focused_entry]
    for _ in range(120):
        QTest.keyClick(view, Qt.Key.Key_Up)
        if view.focused_entry != seen[-1]:
            seen.append(view.focused_entry)
            assert view.focused_entry in {one.message.entry.id for one in view.shown}
    assert seen == [entry.id for entry in reversed(path)]


def test_the_round_button_brings_the_end_back(view: TranscriptView) -> None:
    view.set_entries(conversation(50))
    button = view.findChild(QToolButton, "toEndButton")
    assert button is not None and not button.isVisible()
    view.scroll_by(-1_000)
    assert button.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.following and not button.isVisible()


def test_keys_without_a_meaning_here_are_left_to_the_window(view: TranscriptView) -> None:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QKeyEvent

    event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier, "n")
    view.keyPressEvent(event)
    assert not event.isAccepted()
