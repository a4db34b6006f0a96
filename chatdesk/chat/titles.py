"""Titles made from the first message, so that no model (and no cache of one) is touched."""

from __future__ import annotations

import re

LONGEST = 60  # characters; about what the conversation list shows on one line

_MARKS = re.compile(r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,9}[.)]\s+)+")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_INLINE = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1(?!\w)")


def title_from(text: str) -> str:
    """A one-line title of at most LONGEST characters; "" where the text has no visible word.

    The first line that says something, without Markdown's marks, cut at a word.
    """
    for line in text[:10_000].splitlines():
        if _FENCE.match(line):
            continue
        # 500 characters are more than any title and bound the cost of the search for pairs.
        plain = _INLINE.sub(r"\2", _MARKS.sub("", line[:500]))
        plain = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
        if plain:
            return _shorten(plain)
    return ""


def _shorten(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 1]
    # Scripts without spaces are cut where the limit falls.
    space = cut.rfind(" ", LONGEST // 2)
    return (cut[:space] if space > 0 else cut).rstrip(" ,;:.-") + "…"
