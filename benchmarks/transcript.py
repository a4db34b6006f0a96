"""The message view: opening, scrolling and streaming, each up to the finished paint.

A window of 900 x 800 on the offscreen platform; 10,000 messages of 566 characters on average, nine
of them of 50 KB. A step is all that follows from it, painting included: of opening and scrolling
the time that passes, of streaming the GUI thread's own time, as its budget says. Between steps of
scrolling the event loop gets 8 ms, as it does between wheel events that come 60 times a second.
Lexers are warm, as they are in the window soon after its start.
"""

from __future__ import annotations

import gc
import os
import random
import statistics
from collections.abc import Callable
from functools import partial
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from chatdesk.ui.theme import Theme
    from chatdesk.ui.transcript import Entry, TranscriptView

SUITE = "transcript"
MESSAGES = 10_000
STREAMED = 100_000  # characters
TOKENS_A_FLUSH = 7  # 200 tokens/s at 30 flushes/s
OPENINGS = 7

_TALE = (
    "the keeper climbed stairs one last time and lit lamp while sea went on as it always had "
    "under clouds that nobody counted because there was work to do before morning came again"
)
_WORDS = tuple(_TALE.split())


def rows() -> list[dict[str, Any]]:
    """Measure everything; takes about a minute."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from chatdesk.ui.markdown.highlight import warm_up
    from chatdesk.ui.theme import Theme

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme = Theme()
    theme.apply(application)
    warm_up(["python"])
    entries = conversation(MESSAGES)
    gc.collect()
    gc.freeze()
    found: list[dict[str, Any]] = []
    view, opened = _open(application, theme, entries)
    found.append(_row("open 10,000 messages, first of the process", opened, 100.0))
    view.deleteLater()
    again = []
    for _ in range(OPENINGS):
        view, milliseconds = _open(application, theme, entries)
        again.append(milliseconds)
        if len(again) < OPENINGS:
            view.deleteLater()
    found.append(_row("open 10,000 messages", statistics.median(again), 100.0, again))
    found += _scroll(application, view)
    found.append(_resize(application, view))
    view.deleteLater()
    for kind in ("prose", "code", "list", "table", "one paragraph"):
        found += _stream(application, theme, entries, kind)
    gc.unfreeze()
    return found


def conversation(count: int) -> list[Entry]:
    """Messages of all kinds, the same at every call."""
    from chatdesk.chat.messages import Role
    from chatdesk.ui.transcript import Entry

    chance = random.Random(1)
    long = {count * (place + 1) // 10 for place in range(9)}
    entries = []
    for index in range(count):
        if index in long:
            text = "\n\n".join(_piece(chance, 500) for _ in range(100))
            entries.append(Entry(str(index), Role.ASSISTANT, text, name="Model"))
        elif index % 2 == 0:
            entries.append(Entry(str(index), Role.USER, _prose(chance, chance.randint(40, 500))))
        else:
            text = "\n\n".join(_piece(chance, 250) for _ in range(chance.randint(1, 6)))
            entries.append(Entry(str(index), Role.ASSISTANT, text, name="Model"))
    return entries


def _prose(chance: random.Random, length: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(length // 5)).capitalize() + "."


def _piece(chance: random.Random, length: int) -> str:
    kind = chance.randrange(10)
    if kind == 0:
        lines = "\n".join(f"    value_{i} = function({i}, 'text')" for i in range(length // 35))
        return f"```python\ndef example():\n{lines}\n```"
    if kind == 1:
        return "\n".join(f"- {_prose(chance, 60)}" for _ in range(length // 60))
    if kind == 2:
        body = "\n".join(f"| {i} | {_prose(chance, 20)} | {i * i} |" for i in range(length // 40))
        return f"| n | text | square |\n|---|---|---|\n{body}"
    if kind == 3:
        return f"## {_prose(chance, 30)}\n\n{_prose(chance, length)}"
    return _prose(chance, length).replace(" lamp ", " **lamp** ").replace(" sea ", " `sea` ")


def _open(
    application: QApplication, theme: Theme, entries: list[Entry]
) -> tuple[TranscriptView, float]:
    """A view that shows the end of a conversation, and what that took from the entries on."""
    from chatdesk.ui.transcript import TranscriptView

    view = TranscriptView(theme)
    view.resize(900, 800)
    view.show()
    _idle(application, 30)
    start = perf_counter()
    view.set_entries(entries)
    view.viewport().repaint()
    milliseconds = (perf_counter() - start) * 1e3
    assert view.shown[-1].message.entry.id == entries[-1].id
    return view, milliseconds


def _scroll(application: QApplication, view: TranscriptView) -> list[dict[str, Any]]:
    """Wheel steps through long messages and short, pages, and jumps."""
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    area = view.viewport()
    at = QPointF(450, 400)

    def wheel(notches: int) -> None:
        event = QWheelEvent(
            at, area.mapToGlobal(at), QPoint(), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(area, event)
        area.repaint()

    def page() -> None:
        view.scroll_by(-760)
        area.repaint()

    def jump(value: int) -> None:
        bar.setValue(value)
        area.repaint()

    bar = view.verticalScrollBar()
    chance = random.Random(2)
    times: list[float] = []
    view.scroll_to_entry(str(MESSAGES * 9 // 10 + 20))
    _idle(application, 50)
    for _ in range(1_200):
        times.append(_timed(partial(wheel, 1)))
        _idle(application, 8)
    pages: list[float] = []
    for _ in range(150):
        pages.append(_timed(page))
        _idle(application, 30)
    jumps: list[float] = []
    for _ in range(100):
        jumps.append(_timed(partial(jump, chance.randint(1, bar.maximum() - 1))))
        _idle(application, 8)
    return [
        _row("wheel step and paint, p99", _p99(times), 16.0, times),
        _row("page and paint, p99", _p99(pages), 16.0, pages),
        _row("jump by the scroll bar and paint, p99", _p99(jumps), None, jumps),
    ]


def _resize(application: QApplication, view: TranscriptView) -> dict[str, Any]:
    def resize(width: int) -> None:
        view.resize(width, 800)
        view.repaint()

    times = []
    for step in range(240):
        times.append(_timed(partial(resize, 620 + 10 * (step % 20))))
        _idle(application, 5)
    view.resize(900, 800)
    return _row("resize and paint, p99", _p99(times), 16.0, times)


def _stream(
    application: QApplication, theme: Theme, entries: list[Entry], kind: str
) -> list[dict[str, Any]]:
    """A reply that grows to 100 KB at the end of the conversation."""
    from chatdesk.chat.messages import Role, Status
    from chatdesk.ui.transcript import Entry

    chance = random.Random(3)
    text = {
        "prose": lambda: "\n\n".join(_prose(chance, 400) for _ in range(260)),
        "code": lambda: "```python\n" + "    value = function(1, 'text')  # why\n" * 2_800,
        "list": lambda: "\n".join(f"- {_prose(chance, 90)}" for _ in range(1_200)),
        "table": lambda: (
            "| n | text |\n|---|---|\n"
            + "\n".join(f"| {i} | {_prose(chance, 40)} |" for i in range(2_300))
        ),
        "one paragraph": lambda: " ".join(_prose(chance, 100) for _ in range(1_050)),
    }[kind]()[:STREAMED]
    reply = Entry("streamed", Role.ASSISTANT, "", status=Status.STREAMING, name="Model")
    view, _ = _open(application, theme, [*entries[-1_000:], reply])
    view.viewport().repaint()
    chunk = TOKENS_A_FLUSH * 5
    times = []
    for start in range(0, len(text), chunk):
        piece = text[start : start + chunk]

        start_time = thread_time()
        view.append_text("streamed", "text", piece)
        view.text_of("streamed")
        application.processEvents()
        times.append((thread_time() - start_time) * 1e3)
    assert view.following
    view.deleteLater()
    tenth = len(times) // 10
    # The lower quartile: what else the machine does weighs little in it.
    first, last = _quartile(times[:tenth]), _quartile(times[-tenth:])
    return [
        _row(f"stream to 100 KB of {kind}, update and paint, p99", _p99(times), 8.0, times),
        {
            "suite": SUITE, "name": f"stream {kind}: last tenth : first tenth", "value": last,
            "unit": "ms", "baseline": first, "ratio": last / first, "budget": 1.5,
            "within": last / first <= 1.5,
        },
    ]  # fmt: skip


def _timed(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1e3


def _idle(application: QApplication, milliseconds: int) -> None:
    """Let the event loop run for about so long."""
    end = perf_counter() + milliseconds / 1e3
    while perf_counter() < end:
        application.processEvents()


def _quartile(times: list[float]) -> float:
    return sorted(times)[len(times) // 4]


def _p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, round(len(times) * 0.99))]


def _row(
    name: str, value: float, budget: float | None, times: list[float] | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "suite": SUITE, "name": name, "value": value, "unit": "ms", "baseline": None,
        "ratio": None, "budget": budget, "within": None if budget is None else value <= budget,
    }  # fmt: skip
    if times:
        row |= {"median": statistics.median(times), "min": min(times), "max": max(times)}
    return row
