"""A streamed message, the same message parsed whole and markdown-it-py itself agree.

The corpus is Markdown that is likely to go wrong when it comes in pieces.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatdesk.ui.markdown.leaf import Item, Leaf
from chatdesk.ui.markdown.parser import parse
from chatdesk.ui.markdown.stream import MarkdownStream

LINES = (
    "", "", "", " ", "text", "word *em* and **strong** text", "a `code` b", "`open", "**open",
    "  indented", "    four", "\tab", "      six", "# Title", "## Two ##", "#not", "Title", "===",
    "---", "- - -", "***", "___", "- item", "-", "* star", "+ plus", "  - nested", "    - deeper",
    "1. one", "2. two", "7) seven", "10. ten", "   continued", "- [ ] task", "- [x] done",
    "> quote",
    ">", "> > two", "> - in quote", "- > in item", ">lazy", "```", "```python", "~~~", "````",
    "   ```", "  ```sh", "- ```", "> ```", "code()", "| a | b |", "|---|---|", "|:--|--:|",
    "| 1 | 2 |",
    "a | b", "--- | ---", "| x", "|-", "|\\||", "[ref]: http://r.example/a", "[ref]", "[a][ref]",
    "[other]: <http://o.example> 'title'", "![img](http://i.example/x.png)", "[l](http://l.example)",
    "<http://auto.example>", "<b>html</b>", "&amp; &#35; &bogus;", "\\* escaped \\", "two  ", "\\",
    "~~gone~~", "$$x_1$$", "\\(a*b*c\\)", "\u05e9\u05dc\u05d5\u05dd", "\u4f60\u597d\u3002",
    "- a\n\n  b",
    "1. x\n   ```\n   y", "[", "]", "![", "_under_score_", "***both***", "Ends. Here! Now?",
)  # fmt: skip

ADVERSARIAL = (
    "- a\n- b\n\n  c\n\n\n- d\n",
    "1. a\n\n   ```py\n   x = 1\n\n   y\n   ```\n2. b\n",
    "> a\nlazy\n> b\n\n> c\n",
    "para\n---\n\npara\n===\nmore\n- - -\n",
    "a | b\n--- | ---\n1 | 2\n3\n\nafter | that\n",
    "text\na | b\n--- | ---\n1 | 2\n> quote\n",
    "[x] and [y][x]\n\n- [x]\n\n> [x]\n\n[x]: http://x.example\n[y]: javascript:alert(1)\n",
    "```\nopen fence\n\n# not a heading\n",
    "~~~ lang info\n```\n~~~\n~~~~\n",
    "    code\n\n\n    more\n  text\n",
    "-\n\n  not in the item\n- \n  in the item\n",
    "- a\n - b\n  - c\n   - d\n    - e\n",
    "10) ten\n11) eleven\n1. one\n",
    "\tcode\n-\ttab item\n\n\tstill\n>\tquote\n",
    "*a **b* c**\n\n**a *b\n\nc* d**\n",
    "# \n#\n## x ###\n### y #z\n",
    "a\r\nb\r\rc\0d\r\n\r\n- e\r\n",
    "- [ ] a\n- [x]\n- [X] b\n  - [ ] c\n",
    "| a |\n|---|\n" + "| x |\n" * 40,
    "```py\n" + "x = 1\n" * 200 + "```\nend\n",
    "```\n" + "y" * 14_000 + "\nz\n```\n",
    "A sentence of some words. " * 700,
    "word " * 3_000 + "\n===\n",
    "- " + "item words. " * 900 + "\n- b\n",
    "# " + "long heading " * 300 + "#\nafter\n",
    "line\n" * 900,
    " " * 3_000 + "far\n" + "-" * 3_000 + "\n" + "`" * 3_000 + "\nx\n",
    "-" + " " * 3_000 + "far\n",
    "**open " + "emphasis goes on. " * 600 + "**",
    "> " * 60 + "deep\n" + "- " * 60 + "deep\n",
)

texts = st.lists(st.sampled_from(LINES), max_size=14).map("\n".join)
noise = st.text(alphabet=" \t\n#*-+_`~>[]()|:!\\<&1.ax=$", max_size=60)


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """The text cut at some places."""
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    bounds = [0, *cuts, len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


def streamed(parts: Sequence[str]) -> tuple[Leaf, ...]:
    """Append the parts, following every Change as a view would."""
    stream = MarkdownStream()
    shown: list[Leaf] = []
    for part in parts:
        change = stream.append(part)
        shown[change.first :] = change.leaves
    assert tuple(shown) == stream.leaves
    change = stream.finish()
    shown[change.first :] = change.leaves
    assert tuple(shown) == stream.leaves
    return tuple(shown)


@given(st.data(), texts)
@settings(max_examples=150, deadline=None)
def test_a_streamed_text_ends_as_the_whole_text(data: st.DataObject, text: str) -> None:
    assert streamed(data.draw(pieces(text))) == parse(text)


@given(texts)
@settings(max_examples=40, deadline=None)
def test_it_does_so_character_by_character(text: str) -> None:
    assert streamed(list(text)) == parse(text)


@given(st.data(), noise)
@settings(max_examples=150, deadline=None)
def test_and_with_noise(data: st.DataObject, text: str) -> None:
    assert streamed(data.draw(pieces(text))) == parse(text)


@pytest.mark.parametrize("text", ADVERSARIAL, ids=lambda text: text[:20])
def test_adversarial_texts_cut_at_random_places(text: str) -> None:
    whole = parse(text)
    chance = random.Random(text)
    for most in (7, 400):
        parts: list[str] = []
        position = 0
        while position < len(text) and len(parts) < 400:
            size = chance.randint(1, most)
            parts.append(text[position : position + size])
            position += size
        assert streamed([*parts, text[position:]]) == whole


@given(st.data(), texts)
@settings(max_examples=60, deadline=None)
def test_before_the_end_the_leaves_are_those_of_the_text_so_far(
    data: st.DataObject, text: str
) -> None:
    # Definitions are the one exception: they show as text until their paragraph is closed.
    text = text.replace("]:", "] :")
    stream = MarkdownStream()
    so_far = ""
    for piece in data.draw(pieces(text)):
        stream.append(piece)
        so_far += piece
        settled = [_settled(leaf) for leaf in stream.leaves]
        assert settled == [_settled(leaf) for leaf in parse(so_far)]


def _settled(leaf: Leaf) -> tuple[object, ...]:
    return leaf.kind, leaf.runs, leaf.rows, leaf.ancestry, leaf.marks, leaf.start, leaf.spacing


# Against the library

Shape = tuple[str, tuple[str, ...], str]


def library_shape(text: str) -> list[Shape]:
    """What markdown-it-py itself makes of a text: kind, nesting and plain text of each block."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    shapes: list[Shape] = []
    nesting: list[str] = []
    ordinals: list[int] = []
    kind = ""
    empty_item = False
    cells: list[str] = []
    for token in markdown.parse(text):
        if token.type == "blockquote_open":
            nesting.append(">")
            empty_item = False
        elif token.type in ("ordered_list_open", "bullet_list_open"):
            ordinals.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else -1)
        elif token.type in ("ordered_list_close", "bullet_list_close"):
            ordinals.pop()
        elif token.type == "list_item_open":
            nesting.append("-" if ordinals[-1] < 0 else str(ordinals[-1]))
            ordinals[-1] += ordinals[-1] >= 0
            empty_item = True
        elif token.type in ("list_item_close", "blockquote_close"):
            if empty_item and token.type == "list_item_close":
                shapes.append(("paragraph", tuple(nesting), ""))
                empty_item = False
            nesting.pop()
        elif token.type in ("paragraph_open", "heading_open", "table_open"):
            kind = token.type.removesuffix("_open") + token.tag.strip("pahtble")
            cells = []
            empty_item = False
        elif token.type == "inline":
            shown = flat(library_text(token.children or []))
            if kind == "table":
                cells.append(shown)
            else:
                shapes.append((kind, tuple(nesting), shown))
        elif token.type == "table_close":
            shapes.append(("table", tuple(nesting), "|".join(cells)))
        elif token.type in ("fence", "code_block", "hr"):
            name = "rule" if token.type == "hr" else "code"
            shapes.append((name, tuple(nesting), flat(token.content)))
            empty_item = False
    return shapes


def library_text(tokens: Sequence[Token]) -> str:
    parts: list[str] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "image":
            parts.append(library_text(token.children or []) or "image")
        else:
            parts.append(token.content)
    return "".join(parts)


def own_shape(leaves: Sequence[Leaf]) -> list[Shape]:
    """The same of our leaves, with what was cut put together again."""
    shapes: list[Shape] = []
    for leaf in leaves:
        nesting = tuple(
            (str(a.ordinal) if a.ordered else "-") if isinstance(a, Item) else ">"
            for a in leaf.ancestry
        )
        kind = "paragraph" if leaf.kind == "image" else leaf.kind
        kind += str(leaf.level) if leaf.level else ""
        if leaf.kind == "table":
            cells = [flat("".join(run.text for run in cell)) for row in leaf.rows for cell in row]
            shown = "|".join(cells)
        else:
            shown = flat(leaf.text)
        if leaf.joined or not leaf.first:
            before = shapes.pop()
            between = "|" if leaf.kind == "table" else ""
            shown = before[2] + between + shown
        shapes.append((kind, nesting, shown))
    return shapes


def flat(text: str) -> str:
    return "".join(text.split())


@given(texts)
@settings(max_examples=300, deadline=None)
def test_the_blocks_are_those_of_the_library(text: str) -> None:
    # What is ours alone: task boxes and formulas.
    for mark in ("[ ]", "[x]", "$$", "\\(", "\\)", "\\["):
        text = text.replace(mark, "")
    # Where the library leaves CommonMark: a paragraph that goes on right after a definition, and
    # a line with four spaces after a quote in a quote.
    text = "\n".join(line + ("\n" if "]:" in line else "") for line in text.split("\n"))
    if ">" in text:
        text = re.sub(r"^(?: {4}|\t)", "", text, flags=re.MULTILINE)
    assert own_shape(parse(text)) == library_shape(text)
