"""What a server's reply costs: processor time per streamed chunk, beside the openai package alone.

A server in a process of its own streams chunks over loopback, evenly at 2,000 a second and as fast
as they are taken. Chatdesk's remote provider receives them, its events being delivered to a list,
or carried into Qt's loop first. The baseline is the openai package's AsyncOpenAI in a loop that
joins the pieces, as its manual shows. They take turns; each figure is the whole process's processor
time (all its threads) over the number of chunks, so what else the machine does is not in it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QCoreApplication, QEventLoop

from benchmarks.chunk_server import RATE
from chatdesk.chat.events import Delta, Event, Finished, is_last
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.credentials import Keys, Secret
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profiles
from chatdesk.providers.remote import RemoteProvider
from chatdesk.ui.bridge import CarriedProvider

CHUNKS = 4_000
PAIRS = 7
BUDGET = 1.2
_QUESTION = "Tell me of the lighthouse."


def rows() -> list[dict[str, Any]]:
    """Measure both paces, and the window's way; takes about a minute."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with (
        _server() as base_url,
        tempfile.TemporaryDirectory() as folder,
        _Ours(base_url, Path(folder) / "data") as ours,
        _Package(base_url) as package,
    ):
        carried = _Carried(ours)
        return [
            _row(f"CPU time of a chunk, {RATE:,} a second : openai alone", "paced", ours, package),
            _row("the same, as fast as they come", "unpaced", ours, package),
            _row(f"carried to the window, {RATE:,} a second", "paced", carried, package),
        ]


class _Receiver(Protocol):
    def receive(self, pace: str, count: int) -> str: ...


def _row(name: str, pace: str, ours: _Receiver, package: _Receiver) -> dict[str, Any]:
    for receiver in (ours, package):  # warm: imported, connected once
        assert len(receiver.receive(pace, 100).split()) == 100
    values: list[float] = []
    bases: list[float] = []
    for _ in range(PAIRS):
        values.append(_cost(ours.receive, pace))
        bases.append(_cost(package.receive, pace))
    ratios = [value / base for value, base in zip(values, bases, strict=True)]
    ratio = statistics.median(ratios)
    return {
        "suite": "providers",
        "name": name,
        "value": statistics.median(values),
        "unit": "us",
        "baseline": statistics.median(bases),
        "ratio": ratio,
        "budget": BUDGET,
        "within": ratio <= BUDGET,
        "min": min(ratios),
        "max": max(ratios),
    }


def _cost(receive: Callable[[str, int], str], pace: str) -> float:
    """Microseconds of processor time per chunk."""
    started = time.process_time()
    text = receive(pace, CHUNKS)
    spent = time.process_time() - started
    assert len(text.split()) == CHUNKS, "chunks were lost"
    return spent / CHUNKS * 1e6


class _Ours:
    """Chatdesk's remote provider, its events delivered to a list."""

    def __init__(self, base_url: str, folder: Path) -> None:
        data = DataDir(folder)
        data.create()
        accounts = Accounts(Profiles(data), Keys(data))
        profile = accounts.profiles.add("Bench", "custom", base_url=base_url, context_size=100_000)
        accounts.set_key(profile, Secret("sk-bench"), remember=False)
        self._id = profile.id
        self.provider = RemoteProvider(accounts)

    def __enter__(self) -> _Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self.provider.close()

    def request(self, pace: str, count: int) -> Request:
        return Request(
            "bench",
            (PromptMessage(Role.USER, _QUESTION),),
            SamplingParameters(max_tokens=count),
            model=f"{self._id}:{pace}",
        )

    def receive(self, pace: str, count: int) -> str:
        events: list[Event] = []
        ended = threading.Event()

        def deliver(event: Event) -> None:
            events.append(event)
            if is_last(event):
                ended.set()

        self.provider.start(self.request(pace, count), deliver)
        ended.wait()
        return _text(events)


class _Carried:
    """The same, carried into Qt's loop as the window has it done."""

    def __init__(self, ours: _Ours) -> None:
        self._application = QCoreApplication.instance() or QCoreApplication([])
        self._ours = ours
        self._provider = CarriedProvider(ours.provider)

    def receive(self, pace: str, count: int) -> str:
        events: list[Event] = []
        loop = QEventLoop()

        def deliver(event: Event) -> None:
            events.append(event)
            if is_last(event):
                loop.quit()

        self._provider.start(self._ours.request(pace, count), deliver)
        loop.exec()
        return _text(events)


def _text(events: list[Event]) -> str:
    assert isinstance(events[-1], Finished), events[-1]
    return "".join(event.text for event in events if isinstance(event, Delta))


class _Package:
    """The openai package alone, in a loop of this thread."""

    def __init__(self, base_url: str) -> None:
        from openai import AsyncOpenAI

        self._runner = asyncio.Runner()
        self._client = AsyncOpenAI(api_key="sk-bench", base_url=base_url)

    def __enter__(self) -> _Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def receive(self, pace: str, count: int) -> str:
        return self._runner.run(self._receive(pace, count))

    async def _receive(self, pace: str, count: int) -> str:
        stream = await self._client.chat.completions.create(
            model=pace,
            messages=[{"role": "user", "content": _QUESTION}],
            max_tokens=count,
            stream=True,
            stream_options={"include_usage": True},
        )
        pieces: list[str] = []
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                pieces.append(text)
        return "".join(pieces)


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.chunk_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.stdin.close()
