"""What the window costs: tokens per second of a reply that is shown, beside a bare loop.

The whole application runs in this process: window, transcript, database, worker thread. A message
is sent, the reply streams into the transcript, and its own measure of speed (tokens over the time
after the prompt) is compared with a bare decode-and-sample loop that writes as many tokens with the
same sampler and threads while the window is idle. They take turns. On a machine with two cores
"one core left" means one thread.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtWidgets import QApplication

from benchmarks.engine import LIKELIEST, STORY, Bare
from chatdesk.app import Program, make_application
from chatdesk.chat.messages import Message, Status
from chatdesk.library import Library
from chatdesk.paths import DataDir
from chatdesk.providers.llama.choose import Chooser
from chatdesk.settings import SettingsFile
from chatdesk.store import open_store

SHORT, LONG = 128, 2048
PAIRS = {SHORT: 5, LONG: 2}


def rows() -> list[dict[str, Any]]:
    """Measure both lengths, with a core left to the window and with the model on all cores."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    application = make_application()
    found: list[dict[str, Any]] = []
    for threads, budget in dict.fromkeys(((max(1, cores - 1), 0.97), (cores, 0.93))):
        with tempfile.TemporaryDirectory() as folder:
            found.extend(_with_threads(application, Path(folder) / "data", threads, budget))
    return found


def _with_threads(
    application: QApplication, folder: Path, threads: int, budget: float
) -> list[dict[str, Any]]:
    data = DataDir(folder)
    data.create()
    settings = SettingsFile(data.settings)
    settings.set_many({"model.threads": threads, "model.context_size": 2 * LONG})
    program = Program(application, data, open_store(data))
    bare = Bare(Chooser(Library(data), lambda: settings.values).resolve(None))
    try:
        return _measure(program, bare, threads, budget)
    finally:
        bare.close()


def _measure(program: Program, bare: Bare, threads: int, budget: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def work() -> None:
        try:
            await measure()
        finally:
            program.close()

    async def measure() -> None:
        for tokens in (SHORT, LONG):
            speeds: list[float] = []
            bases: list[float] = []
            await _reply(program, 8)  # warm: the model is loaded, the fonts are there
            for _ in range(PAIRS[tokens]):
                usage = (await _reply(program, tokens)).usage
                assert usage is not None and usage.tokens_per_second and usage.completion_tokens
                speeds.append(usage.tokens_per_second)
                bases.append(bare.speed(usage.completion_tokens, LIKELIEST))
            ratios = [speed / base for speed, base in zip(speeds, bases, strict=True)]
            ratio = statistics.median(ratios)
            found.append(
                {
                    "suite": "engine",
                    "name": f"in the window, {tokens:,} tokens, {threads} thread(s) : bare loop",
                    "value": statistics.median(speeds),
                    "unit": "tok/s",
                    "baseline": statistics.median(bases),
                    "ratio": ratio,
                    "budget": f">= {budget}",
                    "within": ratio >= budget,
                    "min": min(ratios),
                    "max": max(ratios),
                }
            )

    async def _reply(program: Program, tokens: int) -> Message:
        desk = program.desk
        # The likeliest token each time: this model then goes on for as long as it may.
        desk.settings.set_many(
            {
                "sampling.max_tokens": tokens,
                "sampling.temperature": LIKELIEST.temperature,
                "sampling.repeat_penalty": LIKELIEST.repeat_penalty,
            }
        )
        desk.conversations.new()
        desk.writing.send(STORY)
        current = desk.conversations.current
        assert current is not None
        while desk.session.streaming(current):
            await asyncio.sleep(0.05)
        reply = desk.session.tree(current).path()[-1]
        assert reply.status is Status.COMPLETE, reply.error
        return reply

    program.run((), lambda: program.desk.tasks.start(work()))
    return found
