"""What a pool of workers over NATS costs and brings, with a real nats-server on this computer.

The model is scripted: 200 tokens a second each, so that what is measured is the way and not the
model. Cost: processor time of worker, client and server per token, beside the same script pumped
in this process; and what the dataflow spends on a turn. Gain: all tokens of many requests over the
time they take, with three workers and with one. Processor time does not count what else the machine
does; the gain needs a quiet one.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from nats.aio.client import Client

from chatdesk.chat.events import Delta, Event, Failed
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.prompts import Prompt
from chatdesk.cluster.thin_client import talk
from chatdesk.errors import ProviderError
from chatdesk.headless import Worker
from chatdesk.providers.nats.asking import Asker
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.scripted import ScriptedProvider

RATE = 200  # tokens a second of one scripted model
TOKENS = 400
RUNS = 5
REQUESTS = 24
WORKERS = 3
USERS, TURNS, REPLY_TOKENS = 40, 10, 10
COST_BUDGET_MS = 1.0
GAIN_BUDGET = 2.7
_USER = "bench"


def rows() -> list[dict[str, Any]]:
    """Measure both; takes about a minute. Without nats-server there are no rows."""
    if shutil.which("nats-server") is None:
        print("nats-server is not installed", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (url, server):
        return [_cost(url, server), _gain(url), *_dataflow(url, server, Path(folder) / "data")]


def _cost(url: str, server: psutil.Process) -> dict[str, Any]:
    alone = statistics.median(_in_process() for _ in range(RUNS))
    with _workers(url, 1, TOKENS) as (worker,):
        asyncio.run(_ask(url, 1))  # warm: imported, connected once
        parts: dict[str, list[float]] = {"worker": [], "client": [], "server": []}
        for _ in range(RUNS):
            before = (_spent(worker), time.process_time(), _spent(server))
            asyncio.run(_ask(url, 1))
            after = (_spent(worker), time.process_time(), _spent(server))
            for part, start, end in zip(parts, before, after, strict=True):
                parts[part].append((end - start) * 1000 / TOKENS)
    each = {part: statistics.median(values) for part, values in parts.items()}
    value = sum(each.values()) - alone
    return {
        "suite": "cluster",
        "name": "CPU time of a token over NATS and a worker, beyond the same in process",
        "value": value,
        "unit": "ms",
        "baseline": alone,
        "ratio": None,
        "budget": COST_BUDGET_MS,
        "within": value <= COST_BUDGET_MS,
        **{f"{part}_ms": each[part] for part in each},
    }


def _gain(url: str) -> dict[str, Any]:
    speeds: dict[int, float] = {}
    for count in (1, WORKERS):
        with _workers(url, count, TOKENS // 4):
            asyncio.run(_ask(url, count))
            began = time.perf_counter()
            tokens = asyncio.run(_ask(url, REQUESTS))
            speeds[count] = tokens / (time.perf_counter() - began)
    ratio = speeds[WORKERS] / speeds[1]
    return {
        "suite": "cluster",
        "name": f"tokens/s of {WORKERS} workers : one worker, {REQUESTS} requests at once",
        "value": speeds[WORKERS],
        "unit": "tokens/s",
        "baseline": speeds[1],
        "ratio": ratio,
        "budget": GAIN_BUDGET,
        "within": ratio >= GAIN_BUDGET,
    }


def _dataflow(url: str, server: psutil.Process, data: Path) -> list[dict[str, Any]]:
    """What the dataflow itself spends on a turn: short replies from workers that take no time."""
    if importlib.util.find_spec("bytewax") is None:
        print("bytewax is not installed: no rows of the dataflow", file=sys.stderr)
        return []
    with (
        _workers(url, 2, REPLY_TOKENS, pace=0.0),
        _process(
            *("-m", "chatdesk", "cluster", "run", "--nats", url, "--data", str(data)),
            *("--per-minute", "0"),
        ) as supervisor,
    ):
        asyncio.run(_turns(url, 4, 1))  # its streams are made, its process is warm
        (dataflow,) = supervisor.children()
        before = (_spent(dataflow), _spent(server), time.perf_counter())
        asyncio.run(_turns(url, USERS, TURNS))
        spent, served, took = (
            end - start
            for start, end in zip(
                before, (_spent(dataflow), _spent(server), time.perf_counter()), strict=True
            )
        )
        memory = dataflow.memory_info().rss / 1e6
    count = USERS * TURNS
    figures = (
        (f"turns/s through the dataflow, {USERS} users", count / took, "turns/s"),
        ("CPU time of a turn in the dataflow", spent / count * 1000, "ms"),
        ("CPU time of a turn in the server", served / count * 1000, "ms"),
        ("memory of the dataflow's process then", memory, "MB"),
    )
    return [
        {"suite": "cluster", "name": name, "value": value, "unit": unit, "within": None}
        for name, value, unit in figures
    ]


async def _turns(url: str, users: int, turns: int) -> None:
    """So many users at once, each with so many turns one after the other."""

    async def converse(user: str) -> None:
        client = await connect(url, Login(user))
        try:
            for turn in range(turns):
                await _turn(client, user, f"Turn {turn}")
        finally:
            await client.close()

    await asyncio.gather(*(converse(f"user{number}") for number in range(users)))


async def _turn(client: Client, user: str, text: str) -> None:
    prompt = Prompt(text)
    deadline = time.monotonic() + 60
    while True:
        try:
            async for event in talk(client, Subjects(), user, prompt):
                if isinstance(event, Failed):
                    raise event.error
            return
        except ProviderError as error:
            if "No cluster" not in error.what or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


def _request(number: int) -> Request:
    return Request(f"conversation {number}", (PromptMessage(Role.USER, "Go on."),))


async def _ask(url: str, count: int) -> int:
    """Ask so many requests at once over one connection; the words that came."""
    client = await connect(url, Login(_USER))
    asker = Asker(client, Subjects(), _USER)
    words = 0

    def tell(event: Event) -> None:
        nonlocal words
        if isinstance(event, Delta):
            words += event.text.count(" ")
        elif isinstance(event, Failed):
            raise event.error

    try:
        await asyncio.gather(*(asker.ask(_request(n), tell) for n in range(count)))
    finally:
        await client.close()
    return words


def _in_process() -> float:
    """Milliseconds of processor time per token of the same script in this process."""
    with Worker(ScriptedProvider(["word "] * TOKENS, pace=1 / RATE)) as worker:
        began = time.process_time()
        for _event in worker.events(_request(0)):
            pass
        return (time.process_time() - began) * 1000 / TOKENS


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _process(*arguments: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _workers(
    url: str, count: int, tokens: int, pace: float = 1 / RATE
) -> Iterator[list[psutil.Process]]:
    made = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scripted_worker", url, str(pace), str(tokens)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for process in made:
            assert process.stdout is not None
            while "Ready" not in (line := process.stdout.readline()):
                assert line, "the worker ended"
        yield [psutil.Process(process.pid) for process in made]
    finally:
        for process in made:
            process.terminate()
        for process in made:
            process.communicate(timeout=30)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    process = subprocess.Popen(
        ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "nats-server did not start"
                time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)
