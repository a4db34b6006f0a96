"""Coloured code keeps its text, and colouring in parts gives the colours of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesk.ui.markdown import highlight as module
from chatdesk.ui.markdown.highlight import Colourer, highlight, highlight_from, known, spans_of
from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.markdown.stream import MarkdownStream

PYTHON = Path(module.__file__).read_text("utf-8")
LANGUAGES = ("python", "c++", "json", "html", "bash", "ruby", "yaml", "diff", "", "no-such-thing")


def kinds(code: str, language: str) -> dict[str, str]:
    return {text.strip(): kind for line in highlight(code, language) for kind, text in line}


def test_each_kind_of_word_has_its_category() -> None:
    found = kinds("@wraps\ndef f(x):\n    # why\n    return len('a') + 1.5\n", "py")
    assert found["def"] == found["return"] == "keyword"
    assert found["f"] == "function"
    assert found["# why"] == "comment"
    assert found["'a'"] == "string"
    assert found["1.5"] == "number"
    assert found["len"] == "builtin"
    assert found["@wraps"] == "decorator"


@pytest.mark.parametrize("label", ["Python", "py", "c#", "yml", "JSONC", "sh", "ts", "rs"])
def test_labels_people_write_are_known(label: str) -> None:
    assert known(label)


@pytest.mark.parametrize("label", ["", "text", "pyth", "my own language", "../evil"])
def test_other_labels_are_plain(label: str) -> None:
    assert not known(label)
    assert highlight("a = 1\n", label) == [(("plain", "a = 1"),), ()]


@given(st.text(alphabet="ab1\"'#/*\\ \n\t<>{}()=+-$`@", max_size=80), st.sampled_from(LANGUAGES))
@settings(max_examples=150, deadline=None)
def test_no_text_is_lost_whatever_the_code(code: str, language: str) -> None:
    lines = ["".join(text for _, text in line) for line in highlight(code, language)]
    assert lines == code.split("\n")


def test_a_code_in_parts_has_the_colours_of_the_whole() -> None:
    lines = PYTHON.split("\n")[:160]
    first, stack = highlight_from("\n".join(lines[:7]), "python", ())  # inside the docstring
    assert stack != ("root",)
    second, _ = highlight_from("\n".join(lines[7:90]), "python", stack)
    assert first + second == highlight("\n".join(lines[:90]), "python")


def test_overlong_lines_stay_plain() -> None:
    assert highlight("x = " + "1 + " * 5_000, "python")[0][0][0] == "plain"


def code_leaves(stream: MarkdownStream) -> list[Leaf]:
    return [leaf for leaf in stream.leaves if leaf.kind == "code"]


@pytest.mark.parametrize("language", ["python", "javascript", "ruby"])
def test_growing_code_ends_with_the_colours_of_finished_code(language: str) -> None:
    body = "\n".join(PYTHON.split("\n")[:120]) + "\n/* over\nlines */\n"
    text = f"```{language}\n{body}```\n"
    stream = MarkdownStream()
    growing = Colourer()
    for begin in range(0, len(text), 97):
        stream.append(text[begin : begin + 97])
        for leaf in code_leaves(stream):
            growing.spans(leaf, "message")
    stream.finish()
    fresh = Colourer()
    for leaf in code_leaves(stream):
        assert growing.spans(leaf, "message") == fresh.spans(leaf, "other")


def test_growing_code_is_coloured_line_by_line() -> None:
    stream = MarkdownStream()
    stream.append("```python\nimport os\nimport s")
    (leaf,) = code_leaves(stream)
    spans = Colourer().spans(leaf)
    assert leaf.open
    assert [leaf.text[a:b] for a, b, kind in spans if kind == "keyword"] == ["import"]


def test_a_later_segment_goes_on_where_the_one_before_ended() -> None:
    stream = MarkdownStream()
    stream.append('```python\nx = """\n' + "word\n" * 100 + '"""\ny = 1\n```\n')
    first, second = code_leaves(stream)
    colourer = Colourer()
    colourer.spans(first)
    assert {kind for _, end, kind in colourer.spans(second) if end < 20} == {"string"}


def test_spans_are_places_in_the_text() -> None:
    code = "def f():\n    return 'x'"
    for start, end, category in spans_of(highlight(code, "python")):
        assert code[start:end].strip() == code[start:end] or category == "string"
        assert category != "plain"
