"""The Markdown part of the transcript suite: appending to a message that grows to 100 KB, parsing
one whole, and colouring a segment of code.

An append is of 20 characters, what 200 tokens a second bring per frame. Of the appends in the
first and the last tenth of the message the p99 is taken, each append being the median of several
messages; their ratio says whether a long message is slower to write.

Times are the thread's own CPU time: there is no waiting in this room, so what else the machine
does is not its cost.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from chatdesk.ui.markdown.highlight import highlight
from chatdesk.ui.markdown.parser import parse
from chatdesk.ui.markdown.stream import MarkdownStream

SIZE = 100_000
PIECE = 20
RUNS = 3
APPEND_BUDGET = 3.0  # ms, of the 8 ms of a streaming update
WHOLE_BUDGET = 250.0  # ms
SEGMENT_BUDGET = 16.0  # ms, a scroll step: the largest segment that comes into view

_SENTENCES = (
    "The keeper climbed the *stairs* one last time, and the lamp was **still warm** under his "
    "hand. He thought of `light.turn()` and of [the coast](https://example.org/coast) below. "
)
_CODE_LINE = "    result = [keeper.light(n) for n in range(10)]  # every lamp in turn\n"
TEXTS = {
    "prose": (_SENTENCES * 4 + "\n\n") * 200,
    "one paragraph": _SENTENCES * 700,
    "code": "```python\n" + _CODE_LINE * 1_600,
    "list": ("- An item of a list with **bold** words and `code` in it\n" * 4
             + "  1. A numbered one inside\n") * 500,
    "table": "| lamp | keeper | years |\n|:---|:---:|---:|\n"
             + "| North *lamp* | Anna `a1` | 12 |\n" * 3_500,
}  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Measure everything; takes about half a minute."""
    found: list[dict[str, Any]] = []
    for name, text in TEXTS.items():
        found.append(_append(name, text[:SIZE]))
    for name, text in TEXTS.items():
        whole = _median_ms(partial(parse, text[:SIZE]))
        found.append(_row(f"parse 100 KB of {name}", whole, WHOLE_BUDGET))
    highlight(_CODE_LINE, "python")
    segment = _CODE_LINE * 80
    coloured = _median_ms(partial(highlight, segment, "python"))
    found.append(_row("colour 80 lines of Python", coloured, SEGMENT_BUDGET))
    return found


def _append(name: str, text: str) -> dict[str, Any]:
    # The same append of each run: what the machine did beside it falls out.
    runs = [_spent(text) for _ in range(RUNS)]
    spent = [statistics.median(same) for same in zip(*runs, strict=True)]
    tenth = len(spent) // 10
    value, baseline = _p99(spent[-tenth:]), _p99(spent[:tenth])
    row = _row(f"append at the end of 100 KB of {name}, p99", value, APPEND_BUDGET)
    return row | {"baseline": baseline, "ratio": value / baseline}


def _spent(text: str) -> list[float]:
    stream = MarkdownStream()
    spent: list[float] = []
    for begin in range(0, len(text), PIECE):
        piece = text[begin : begin + PIECE]
        started = time.thread_time()
        stream.append(piece)
        spent.append((time.thread_time() - started) * 1_000)
    return spent


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _median_ms(work: Callable[[], object]) -> float:
    spent: list[float] = []
    for _ in range(RUNS):
        started = time.thread_time()
        work()
        spent.append((time.thread_time() - started) * 1_000)
    return statistics.median(spent)


def _row(name: str, value: float, budget: float) -> dict[str, Any]:
    return {
        "suite": "transcript",
        "name": name,
        "value": value,
        "unit": "ms",
        "baseline": None,
        "ratio": None,
        "budget": budget,
        "within": value <= budget,
    }
