"""A whole text's Markdown at once: what a finished message is.

The dialect: CommonMark without HTML (tags are text), with tables, strikethrough, task lists and
verbatim formulas. A line end inside a paragraph is kept: people and models write lines. What is
bounded (chunks.py): nesting, the width of tables, the length of a line that may be a mark, and
emphasis inside a paragraph of more than a few thousand characters. Pure; any thread.
"""

from __future__ import annotations

from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.markdown.stream import MarkdownStream


def parse(text: str) -> tuple[Leaf, ...]:
    """The leaves of a complete text. By definition the same as those of a finished stream."""
    stream = MarkdownStream()
    stream.append(text)
    stream.finish()
    return stream.leaves


def plain_text(text: str) -> str:
    """A text without its marks, a line per leaf: for titles, search results and screen readers."""
    lines: list[str] = []
    for leaf in parse(text):
        if leaf.joined and lines:
            lines[-1] += ("" if leaf.kind == "code" else " ") + leaf.text
        else:
            lines.append(leaf.text)
    return "\n".join(lines)
