"""Where long things are cut, so that no leaf and no piece of work is ever large.

Every rule looks only at the text before the cut and one character after it: text that arrives
later cannot move a cut. That is what makes a streamed message equal to one parsed whole, and
bounds what an append can cost. No state; any thread.

Two sizes of text: a *piece* (at most HARD_PIECE characters of source) is what is parsed for
emphasis and links at once; a *leaf* (about 600 characters of shown text) is what is laid out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chatdesk.ui.markdown.leaf import Run

SEGMENT_LINES = 80
"""Most lines of a code leaf."""
SEGMENT_CHARACTERS = 6_000
"""Most characters of a code leaf: a longer line goes on in a joined leaf."""
GROUP_ROWS = 15
"""Most rows of a table leaf, the header counted."""
COLUMNS = 64
"""A line with more cells than this is text, not a table's header."""
LONG_LINE = 2_000
"""A line longer than this (after its indentation) is text or code, never a fence, rule or row."""
DEPTH = 20
"""Most quotes and list items around each other: deeper markers are plain text."""
LEAF = 600
HARD_LEAF = 1_000
PIECE = 1_500
HARD_PIECE = 3_000
MARKS = 600
"""Most characters of a piece that may be marks."""

_SENTENCE_END = re.compile(r"[.!?\u2026][\"'\u201d\u2019)\]*_`]{0,3}(?=\s)|[\u3002\uff01\uff1f]|\n")

_MARK = re.compile(r"[\\`*_~\[\]!<>&$#\n-]")


@dataclass(slots=True)
class Cutter:
    """Looks for the place to cut a paragraph's source that grows; looks at nothing twice.

    A cut lies at a sentence end after PIECE characters where no delimiter is open. At HARD_PIECE
    characters or MARKS marks it is made anyway: every mark costs, some with all the others.
    After a cut, and for every other text, take a new one.
    """

    searched: int = 0
    counted: int = 0
    marks: int = 0
    bound: int = HARD_PIECE

    def find(self, text: str) -> int:
        """Where to cut; 0 while there is no place. text: what it was, or that grown longer."""
        self._count(text)
        position = max(PIECE, self.searched)
        # The last character is not final: a sentence ends only where a space follows.
        limit = min(len(text) - 1, self.bound)
        while position < limit:
            found = _SENTENCE_END.search(text, position, limit + 1)
            if found is None or found.end() > limit:
                break
            position = found.end()
            if _settled(text, position):
                return position
        if len(text) > self.bound:
            half = self.bound // 2
            space = max(text.rfind(" ", half, self.bound), text.rfind("\n", half, self.bound))
            return space + 1 if space > 0 else self.bound
        # A sentence end and the marks after it are at most four characters: look again at those.
        self.searched = limit - 4
        return 0

    def _count(self, text: str) -> None:
        for mark in _MARK.finditer(text, self.counted, HARD_PIECE):
            self.marks += 1
            if self.marks == MARKS:
                self.bound = mark.end()
                break
        self.counted = len(text) if self.marks < MARKS else HARD_PIECE


def _settled(text: str, end: int) -> bool:
    """Whether no emphasis, code, link or formula seems open at a place."""
    return (
        text.count("`", 0, end) % 2 == 0
        and text.count("*", 0, end) % 2 == 0
        and text.count("~~", 0, end) % 2 == 0
        and text.count("$$", 0, end) % 2 == 0
        and text.count("[", 0, end) == text.count("]", 0, end)
        and text.count("\\(", 0, end) == text.count("\\)", 0, end)
        and text.count("\\[", 0, end) == text.count("\\]", 0, end)
    )


def split_runs(runs: Sequence[Run]) -> list[tuple[Run, ...]]:
    """Cut a paragraph's runs into leaves of about LEAF characters, at sentence ends."""
    text = "".join(run.text for run in runs)
    parts: list[tuple[Run, ...]] = []
    begin = 0
    while (cut := _cut_leaf(text, begin)) < len(text):
        parts.append(_slice(runs, begin, cut))
        begin = cut
        while begin < len(text) and text[begin] in " \n":
            begin += 1
    parts.append(_slice(runs, begin, len(text)))
    return [part for part in parts if part] or [()]


def _cut_leaf(text: str, begin: int) -> int:
    """The end of the leaf that begins at a place: the text's length if the rest is one leaf."""
    if len(text) - begin <= LEAF:
        return len(text)
    limit = min(len(text), begin + HARD_LEAF)
    found = _SENTENCE_END.search(text, begin + LEAF, limit)
    if found is not None:
        return found.end() if text[found.end() :].strip() else len(text)
    if len(text) - begin <= HARD_LEAF:
        return len(text)
    space = text.rfind(" ", begin + LEAF, limit)
    return space if space > 0 else limit


def _slice(runs: Sequence[Run], begin: int, end: int) -> tuple[Run, ...]:
    """The runs of a range of the text."""
    part: list[Run] = []
    position = 0
    for run in runs:
        after = position + len(run.text)
        if after > begin and position < end:
            low, high = max(begin - position, 0), min(end, after) - position
            if low == 0 and high == len(run.text):
                part.append(run)
            else:
                source = run.source + low if run.source >= 0 and run.literal else run.source
                part.append(replace(run, text=run.text[low:high], source=source))
        position = after
    while part and part[-1].text.endswith(("\n", " ")):
        last = part.pop()
        if stripped := last.text.rstrip(" \n"):
            part.append(replace(last, text=stripped))
            break
    return tuple(part)
