"""Titles made from the first message, so that no model (and no cache of one) is touched."""

from __future__ import annotations

import re

LONGEST = 60  # characters; about what the conversation list shows on one line

_MARKS = re.compile(r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,9}[.)]\s+)+")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_INLINE = re.compile(r"[`*_~]{1,3}(?=\S)|(?<=\S)[`*~]{1,3}")


def title_from(text: str) -> str:
    """A one-line title of at most LONGEST characters; "" where the text has no visible word.

    The first line that says something, without Markdown's marks, cut at a word.
    """
    for line in text[:10_000].splitlines():
        if _FENCE.match(line):
            continue
        plain = " ".join(_INLINE.sub("", _MARKS.sub("", line)).split())
        plain = "".join(c for c in plain if c.isprintable())
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
