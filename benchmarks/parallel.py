"""The engine suite: what several replies at once bring, and whether one still stops at once.

The same requests are answered by ParallelEngine together and by LlamaEngine one after the other, in
turns, so that whatever else the machine does meets both alike. What counts is the processor
time of this process: on a machine that others use it says more than the clock.

What a decode of several tokens gains depends on llama.cpp's kernels for the model's kind of
numbers. On the processor alone a small model is bound by arithmetic, not by memory: the bundled
one (Q4_1) gains little, the same in Q4_0, which llama.cpp rearranges for its matrix kernels, more.
Takes about three minutes on two idle cores.
"""

from __future__ import annotations

import ctypes
import functools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.subject import bundled_model, engine_row
from chatdesk.chat.events import Delta, Event, Finished, PromptProgress, is_last
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.headless import Worker
from chatdesk.providers.llama import LlamaEngine, ModelChoice, ModelParameters, ParallelEngine
from chatdesk.providers.llama.backend import backend

SEQUENCES = (1, 2, 4, 8)
TOKENS = 32
RUNS = 2
STOPS = 10
CONTEXT = 1024
# Always the likeliest token, of stories that this model does not end so soon.
WANTED = SamplingParameters(temperature=0.0, repeat_penalty=1.0, max_tokens=TOKENS)
STORY = "Write a very long story, in many chapters, about a lighthouse keeper whose number is {}."
FOX = "The quick brown fox jumps over the lazy dog, and the dog does not mind. "

Engine = LlamaEngine | ParallelEngine


def rows() -> list[dict[str, Any]]:
    """Measure everything."""
    found: list[dict[str, Any]] = []
    bundled = bundled_model()
    with tempfile.TemporaryDirectory() as folder:
        rearranged = Path(folder) / "q4_0.gguf"
        _write_q4_0(bundled, rearranged)
        for path, kind in ((bundled, "Q4_1"), (rearranged, "Q4_0")):
            races = [_race(path, kind, sequences) for sequences in SEQUENCES]
            found.extend(races)
            found.append(_memory(kind, races))
    found.extend(_stopping(bundled))
    return found


def _race(path: Path, kind: str, sequences: int) -> dict[str, Any]:
    """Tokens per second of processor time: together, and one after the other."""
    choice = _choice(path)
    before = psutil.Process().memory_info().rss
    together = ParallelEngine(lambda model: choice, lambda state: None, sequences)
    with Worker(together):
        _write(together, sequences)
        memory = psutil.Process().memory_info().rss
        alone = LlamaEngine(lambda model: choice, lambda state: None)
        with Worker(alone):
            _write(alone, 1)
            runs = [(_write(together, sequences), _write(alone, 1)) for _ in range(RUNS)]
    speeds = [both.per_processor_second for both, _ in runs]
    baselines = [single.per_processor_second for _, single in runs]
    ratio = statistics.median(both / single for both, single in zip(speeds, baselines, strict=True))
    return engine_row(
        f"{sequences} together, {kind} : one after the other",
        speeds,
        "tok/cpu-s",
        baseline=statistics.median(baselines),
        ratio=ratio,
        clock_ratio=statistics.median(both.per_second / single.per_second for both, single in runs),
        memory_mb=round((memory - before) / 1e6),
        # One alone must not pay for the company it might have.
        budget=">= 0.9" if sequences == 1 else None,
        within=ratio >= 0.9 if sequences == 1 else None,
    )


def _memory(kind: str, races: list[dict[str, Any]]) -> dict[str, Any]:
    one, most = races[0]["memory_mb"], races[-1]["memory_mb"]
    return engine_row(
        f"resident memory of {SEQUENCES[-1]} together, {kind} : of 1",
        [float(most)],
        "MB",
        baseline=float(one),
        ratio=most / one,
    )


class Written:
    """What `count` replies wrote while all of them wrote: their prompts do not count.

    Deliver an event with deliver(number). Time stands still until each has begun, and ends with
    the first that does.
    """

    def __init__(self, count: int) -> None:
        self._begun: set[int] = set()
        self._count = count
        self._since = (0.0, 0.0)
        self._spent = (0.0, 0.0)
        self._tokens = 0
        self._over = False
        self.failed = False
        self.done = threading.Semaphore(0)

    @property
    def per_processor_second(self) -> float:
        return self._tokens / self._spent[0]

    @property
    def per_second(self) -> float:
        return self._tokens / self._spent[1]

    def deliver(self, number: int, event: Event) -> None:
        """In the engine's thread."""
        if isinstance(event, Delta) and not self._over:
            if len(self._begun) == self._count:
                self._tokens += 1
            self._begun.add(number)
            if len(self._begun) == self._count and not self._since[0]:
                self._since = (time.process_time(), time.perf_counter())
        if is_last(event):
            if not self._over:
                processor, clock = self._since
                self._spent = (time.process_time() - processor, time.perf_counter() - clock)
                self._over = True
            self.failed = self.failed or not isinstance(event, Finished)
            self.done.release()


def _write(engine: Engine, count: int) -> Written:
    """So many replies, started in one go."""
    written = Written(count)
    for number in range(count):
        request = _request(STORY.format(number), WANTED)
        engine.start(request, functools.partial(written.deliver, number))
    for _ in range(count):
        if not written.done.acquire(timeout=300):
            raise RuntimeError("a reply did not end")
    if written.failed:
        raise RuntimeError("a reply failed")
    return written


def _stopping(path: Path) -> Iterator[dict[str, Any]]:
    """Milliseconds to the end of a reply that is stopped while three others are written."""
    choice = _choice(path)
    engine = ParallelEngine(lambda model: choice, lambda state: None, 4)
    kinds: tuple[tuple[str, str, type[Event]], ...] = (
        ("prompt evaluation", FOX * 24, PromptProgress),
        ("generation", STORY, Delta),
    )
    with Worker(engine):
        _write(engine, 4)
        for name, text, kind in kinds:
            times = [_stop_ms(engine, f"{number} {text}", kind) for number in range(STOPS)]
            yield engine_row(
                f"stop in {name} beside 3 others, slowest of {STOPS}",
                times,
                "ms",
                value=max(times),
                budget="<= 100",
                within=max(times) <= 100.0,
            )


def _stop_ms(engine: ParallelEngine, text: str, kind: type[Event]) -> float:
    reached, ended = threading.Event(), threading.Event()
    all_ended = threading.Semaphore(0)
    last = 0.0

    def deliver(event: Event) -> None:
        nonlocal last
        if isinstance(event, kind):
            reached.set()
        if is_last(event):
            last = time.perf_counter()
            ended.set()

    def of_others(event: Event) -> None:
        if is_last(event):
            all_ended.release()

    endless = replace(WANTED, max_tokens=500)
    others = [
        engine.start(_request(STORY.format(number), endless), of_others) for number in range(3)
    ]
    run = engine.start(_request(text, endless), deliver)
    if not reached.wait(60) or ended.is_set():
        raise RuntimeError("there was nothing to stop")
    time.sleep(0.05)
    began = time.perf_counter()
    run.cancel()
    ended.wait(60)
    for other in others:
        other.cancel()
    for _ in others:
        all_ended.acquire(timeout=60)
    return (last - began) * 1000.0


def _write_q4_0(source: Path, target: Path) -> None:
    """The same weights as Q4_0."""
    lib = backend().lib
    parameters = lib.llama_model_quantize_default_params()
    parameters.allow_requantize = True
    parameters.ftype = lib.LLAMA_FTYPE_MOSTLY_Q4_0
    result = lib.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(parameters)
    )
    if result != 0:
        raise RuntimeError(f"llama_model_quantize: {result}")


def _choice(path: Path) -> ModelChoice:
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    parameters = ModelParameters(context_size=CONTEXT, threads=max(1, cores - 1), gpu_layers=0)
    return ModelChoice(path, path.stem, parameters)


def _request(text: str, wanted: SamplingParameters) -> Request:
    return Request("", (PromptMessage(Role.USER, text, "m"),), wanted)
