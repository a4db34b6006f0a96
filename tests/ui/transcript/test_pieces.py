"""The parts below the view: lines of text, a person's pieces, table columns, lazy parsing."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPointF
from pytestqt.qtbot import QtBot

from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript.bubble import PIECE_CHARACTERS, PIECE_LINES, pieces
from chatdesk.ui.transcript.flow import Flow, word_at
from chatdesk.ui.transcript.source import Source
from chatdesk.ui.transcript.style import CELL_LEAST, CELL_PAD_X, Style
from chatdesk.ui.transcript.table import column_widths

MARKDOWN = st.lists(
    st.sampled_from(
        ["word ", "**b** ", "`c` ", "\n", "\n\n", "- item\n", "1. one\n", "> quote\n", "```py\n",
         "x = 1\n", "```\n", "| a | b |\n", "|---|---|\n", "# h\n", "[l](https://e.org) ", "\r\n",
         "مرحبا ", "你好", "😀", "---\n", "[r]: https://e.org\n", "[r] ", "    indented\n"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(st.text(alphabet=st.sampled_from("ab \n\t😀م"), max_size=8_000))
def test_a_persons_message_is_cut_into_bounded_pieces_that_are_all_of_it(text: str) -> None:
    found = pieces(text)
    assert found[0].start == 0 and found[0].first
    assert found[-1].end == len(text) and found[-1].last
    assert [piece.end for piece in found[:-1]] == [piece.start for piece in found[1:]]
    for piece in found:
        assert piece.end - piece.start <= PIECE_CHARACTERS
        assert text[piece.start : piece.end].count("\n") <= PIECE_LINES


def test_long_lines_and_many_lines_are_cut() -> None:
    assert len(pieces("x" * 100_000)) > 50
    assert len(pieces("line\n" * 1_000)) > 20


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20), st.integers(200, 1_200))
def test_columns_fit_the_measure_or_keep_a_least_width(hints: list[int], room: int) -> None:
    widths = column_widths(tuple(hints), room, 8.0)
    assert len(widths) == len(hints) and min(widths) > 0
    least = CELL_LEAST * 8 + 2 * CELL_PAD_X
    if sum(widths) > room:
        assert max(widths) <= max(least, room // len(hints) + 1)


@given(MARKDOWN, st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
def test_parsed_in_slices_streamed_or_whole_the_leaves_are_the_same(text: str, size: int) -> None:
    whole = Source(text)
    whole.parse()
    sliced = Source(text)
    while not sliced.parsed:
        sliced.parse(size)
    streamed = Source("", open=True)
    for start in range(0, len(text), size):
        streamed.append(text[start : start + size])
        streamed.parse()
    assert streamed.close(text)
    streamed.parse()
    assert sliced.leaves == whole.leaves == streamed.leaves
    streamed.drop()
    streamed.parse()
    assert streamed.leaves == whole.leaves


def test_a_position_is_found_again_where_its_caret_stands(qtbot: QtBot) -> None:
    style = Style(Theme())
    for text in (
        "Some plain words " * 12,
        "emoji 😀 in 👍 text " * 8,
        "中文字符 " * 30,
        "tab\tbed\nx",
    ):
        flow = Flow(text, style.body)
        flow.lay_out(300)
        for position in range(len(text)):
            rect = flow.caret(position)
            middle = rect.center() + QPointF(0.2, 0)
            assert flow.position_at(middle.x(), middle.y()) == position


def test_lines_keep_one_pitch_whatever_script_stands_in_them(qtbot: QtBot) -> None:
    style = Style(Theme())
    flow = Flow("Latin words\n中文字符\nمرحب\n😀\nend", style.body)
    flow.lay_out(500)
    assert {line.bottom - line.top for line in flow.lines} == {style.body.pitch}


def test_a_selection_covers_exactly_the_words_of_a_line_with_two_directions(qtbot: QtBot) -> None:
    style = Style(Theme())
    text = "مرحبا مع code داخل"
    flow = Flow(text, style.body, rtl=True)
    flow.lay_out(400)
    start = text.index("code")
    [rect] = flow.rects(start, start + 4)
    plain = Flow("code", style.body)
    plain.lay_out(400)
    assert abs(rect.width() - plain.natural_width) < 1.5
    assert flow.lines[0].right == 400, "the paragraph stands at the right"
    assert not flow.rects(3, 3)


def test_words_are_found_by_unicodes_rules() -> None:
    text = "It's 😀 naïve-text 42.5 end"
    assert text[slice(*word_at(text, 1))] == "It's"
    assert text[slice(*word_at(text, 8))] == "naïve"
    assert text[slice(*word_at(text, 19))] == "42.5"
    assert text[slice(*word_at(text, len(text)))] == "end"
    assert word_at("", 0) == (0, 0)
