"""What Markdown becomes: kinds, styles, nesting, links, places in the source, bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from chatdesk.ui.markdown.chunks import DEPTH, GROUP_ROWS, HARD_LEAF, SEGMENT_LINES
from chatdesk.ui.markdown.leaf import Leaf, Quote
from chatdesk.ui.markdown.parser import parse, plain_text
from chatdesk.ui.markdown.stream import MarkdownStream


def only(text: str) -> Leaf:
    (leaf,) = parse(text)
    return leaf


def labels(leaf: Leaf) -> list[str]:
    return [">" if isinstance(a, Quote) else a.label for a in leaf.ancestry]


# Text


def test_styles_nest() -> None:
    runs = only("a **b *c*** ~~d~~ `e`").runs
    assert [(r.text, r.bold, r.italic, r.strike, r.code) for r in runs] == [
        ("a ", False, False, False, False),
        ("b ", True, False, False, False),
        ("c", True, True, False, False),
        (" ", False, False, False, False),
        ("d", False, False, True, False),
        (" ", False, False, False, False),
        ("e", False, False, False, True),
    ]


def test_a_line_end_inside_a_paragraph_is_kept() -> None:
    assert only("Roses are red\nViolets are blue").text == "Roses are red\nViolets are blue"


def test_headings_of_both_kinds_have_their_level() -> None:
    leaves = parse("# One #\n\n### Three\nTwo\n---\n")
    assert [(leaf.kind, leaf.level, leaf.text) for leaf in leaves] == [
        ("heading", 1, "One"),
        ("heading", 3, "Three"),
        ("heading", 2, "Two"),
    ]


def test_html_is_text() -> None:
    text = "<script>alert(1)</script> <img src=x onerror=y>"
    assert only(text).text == text


def test_a_formula_keeps_its_backslashes() -> None:
    _, formula, _ = only("So \\(a_1 * b_1 * c\\) holds").runs
    assert formula.math
    assert formula.text == "\\(a_1 * b_1 * c\\)"


# Links


@pytest.mark.parametrize(
    "address", ["http://a.example", "https://a.example/b", "mailto:a@b.example"]
)
def test_web_and_mail_links_are_links(address: str) -> None:
    (run,) = only(f"[label]({address})").runs
    assert (run.text, run.link) == ("label", address)


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:x", "file:///etc/passwd", "data:text/html,x", "ftp://a.b",
     "#part", "page.md", "//host.example/x", "http:", "vscode://x", "http&#58;//x", "\\\\host\\x"],
)  # fmt: skip
def test_no_other_address_survives(address: str) -> None:
    for text in (f"[label]({address})", f"![label]({address})", f"[label]\n\n[label]: {address}"):
        for leaf in parse(text):
            assert all(run.link in ("", "http://x") for run in leaf.runs)
            assert leaf.text.startswith(("label", "[label", "!["))


def test_an_image_is_a_labelled_link() -> None:
    leaf = only("![a cat](https://a.example/cat.png)")
    (run,) = leaf.runs
    assert leaf.kind == "image"
    assert (run.text, run.link, run.image) == ("a cat", "https://a.example/cat.png", True)


def test_a_definition_that_comes_later_makes_the_link() -> None:
    stream = MarkdownStream()
    stream.append("See [the page] and more.\n\nAnother paragraph.\n\n[the page]: http://a.example")
    assert all(not run.link for leaf in stream.leaves for run in leaf.runs)
    change = stream.finish()
    assert change.first == 0
    assert [run.link for run in stream.leaves[0].runs] == ["", "http://a.example", ""]


# Nesting


def test_lists_carry_their_numbers_and_depth() -> None:
    leaves = parse("7. a\n8. b\n   - c\n\n   d\n9. e\n")
    assert [labels(leaf) for leaf in leaves] == [
        ["7."], ["8."], ["8.", "\u25e6"], ["8."], ["9."],
    ]  # fmt: skip
    assert [leaf.marks for leaf in leaves] == [(0,), (0,), (1,), (), (0,)]


def test_a_blank_line_sets_a_leaf_apart() -> None:
    leaves = parse("- a\n- b\n\n- c\n")
    assert [leaf.spacing for leaf in leaves] == ["loose", "tight", "loose"]


def test_task_boxes() -> None:
    leaves = parse("- [ ] open\n- [x] done\n- [y] none\n")
    assert [leaf.item.checked for leaf in leaves if leaf.item] == [False, True, None]
    assert [leaf.text for leaf in leaves] == ["open", "done", "[y] none"]


def test_an_empty_item_shows_its_marker() -> None:
    assert [leaf.marks for leaf in parse("- \n- b")] == [(0,), (0,)]


def test_nesting_is_bounded() -> None:
    assert max(len(leaf.ancestry) for leaf in parse("> " * 500 + "deep")) == DEPTH


# Code and tables


def test_a_long_code_block_comes_in_segments_and_whole() -> None:
    code = "\n".join(f"line {n}" for n in range(200))
    stream = MarkdownStream()
    stream.append(f"before\n\n```python\n{code}\n```\n")
    stream.finish()
    segments = [leaf for leaf in stream.leaves if leaf.kind == "code"]
    assert all(segment.text.count("\n") < SEGMENT_LINES for segment in segments)
    assert [segment.line for segment in segments] == [0, 80, 160]
    assert [(s.first, s.last) for s in segments] == [(True, False), (False, False), (False, True)]
    assert {segment.language for segment in segments} == {"python"}
    assert stream.code(segments[0].block_id) == code


def test_an_overlong_line_of_code_is_not_broken_in_the_copy() -> None:
    code = "x" * 20_000 + "\ny"
    stream = MarkdownStream()
    stream.append(f"```\n{code}\n```")
    stream.finish()
    assert len(stream) > 2
    assert stream.code(0) == code


def test_a_table_comes_in_groups_with_common_widths() -> None:
    leaves = parse("| a | b |\n|:-:|--:|\n" + "| long cell | 1 |\n" * 40)
    assert sum(len(leaf.rows) for leaf in leaves) == 41
    assert max(len(leaf.rows) for leaf in leaves) == GROUP_ROWS
    assert [leaf.header for leaf in leaves] == [True, False, False]
    assert {leaf.alignments for leaf in leaves} == {("center", "right")}
    assert {leaf.column_hints for leaf in leaves} == {(9, 1)}


def test_rows_have_the_columns_of_the_header() -> None:
    leaf = only("|a|b|\n|-|-|\n|1|\n|1|2|3|\n| x \\| y | `c` |")
    assert leaf.text == "a\tb\n1\t\n1\t2\nx | y\tc"


# Long paragraphs


def test_a_long_paragraph_is_several_joined_leaves_cut_at_sentences() -> None:
    leaves = parse("A sentence of some words stands here. " * 100)
    assert len(leaves) > 3
    assert [leaf.joined for leaf in leaves] == [False] + [True] * (len(leaves) - 1)
    assert all(leaf.text.endswith(".") and len(leaf.text) <= HARD_LEAF for leaf in leaves)


def test_emphasis_goes_on_over_a_cut_between_leaves() -> None:
    leaves = parse("**" + "Some bold words in a row. " * 60 + "end**")
    assert len(leaves) > 1
    assert all(run.bold for leaf in leaves for run in leaf.runs)


def test_right_to_left_is_decided_by_the_first_strong_character() -> None:
    leaves = parse("1 \u05e9\u05dc\u05d5 hello\n\nhello \u05e9\u05dc\n\n    \u05e9")
    assert [leaf.rtl for leaf in leaves] == [True, False, False]


# Places


TEXT = (
    "# Ti*t*le\n\n- one **two** `three` [four](http://x.example) \\* &amp; five\n\n> six\n> seven"
)


def test_a_run_says_where_its_text_stands() -> None:
    for leaf in parse(TEXT):
        for run in leaf.runs:
            if run.literal and "\n" not in run.text:
                assert TEXT[run.source : run.source + len(run.text)] == run.text


def test_positions_and_source_offsets_map_to_each_other() -> None:
    for leaf in parse(TEXT):
        text = leaf.text
        for word in ("Ti", "one", "two", "three", "four", "five", "six", "seven"):
            if word in text:
                assert leaf.source_at(text.index(word) + 1) == TEXT.index(word) + 1
                assert leaf.position_at(TEXT.index(word) + 1) == text.index(word) + 1
        assert leaf.position_at(0) == 0
        assert leaf.position_at(len(TEXT)) == len(text)


def test_leaves_are_in_order_and_do_not_overlap() -> None:
    text = TEXT + "\n\n```\ncode\n```\n" + "Long text. " * 300 + "\n\n|a|\n|-|\n" + "|b|\n" * 40
    leaves = parse(text)
    for before, after in pairwise(leaves):
        assert before.start <= before.end <= after.start
    assert text[leaves[0].start : leaves[0].end] == "# Ti*t*le"
    assert text[leaves[1].start :].startswith("- one")


def test_windows_line_ends_read_like_others() -> None:
    assert parse("a\r\n\r\n- b\r\n") == parse("a\n\n- b\n")


def test_plain_text_has_no_marks() -> None:
    assert plain_text("# A *b*\n\n- c\n- [d](http://e)\n") == "A b\nc\nd"


# What may cost


@pytest.mark.parametrize(
    "text",
    ["[", ">", "*", "_", "`", "![", "[a](", "*a_ ", "\\(", "$$ ", "[\n", ">\n", "|", "<a", "> "],
)
def test_hostile_text_is_cut_into_bounded_leaves(text: str) -> None:
    # That it ends at all within the test's time is the point: no work is done on more than a
    # few thousand characters at once.
    leaves = parse(text * (12_000 // len(text)))
    assert all(len(leaf.text) <= HARD_LEAF for leaf in leaves)


def test_an_append_touches_only_the_end() -> None:
    stream = MarkdownStream()
    stream.append("A paragraph.\n\n" * 500 + "- item\n" * 500)
    count = len(stream)
    change = stream.append("- one more")
    assert change.first == count
    assert len(change.leaves) == 1


def test_a_finished_stream_takes_no_more() -> None:
    stream = MarkdownStream()
    stream.finish()
    with pytest.raises(ValueError, match="finished"):
        stream.append("x")
