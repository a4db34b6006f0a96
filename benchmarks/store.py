"""The store suite: what opening, listing and saving cost at the sizes the house promises.

Each row is a dict as benchmarks/__main__.py prints it. Times are medians; "ratio" compares with a
baseline measured alternately in the same run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatdesk.chat.messages import Message, Role, Status, Usage, new_id
from chatdesk.paths import DataDir
from chatdesk.store import Store, open_store

MESSAGES = 10_000
CONVERSATIONS = 100_000
APPENDS = 200
PIECE = "about fifty characters of a reply, four times a s "  # what 250 ms of a reply bring
LOAD_BUDGET = 60.0  # ms, of the 100 ms to the first paint
LIST_BUDGET = 600.0  # ms, of the 1 s to a usable window
RUNS = 7


def rows() -> list[dict[str, Any]]:
    """Measure everything; takes about half a minute, most of it to make the data."""
    with tempfile.TemporaryDirectory(prefix="chatdesk-bench-") as folder:
        store = open_store(DataDir(Path(folder)))
        try:
            return [
                *_append(store),
                _finish(store),
                _load(store),
                *_list(store),
            ]
        finally:
            store.close()


def _load(store: Store) -> dict[str, Any]:
    conversation = _long_conversation(store)
    return _row(
        f"load a conversation of {MESSAGES:,} messages",
        _median_ms(lambda: store.messages.load(conversation)),
        LOAD_BUDGET,
    )


def _list(store: Store) -> list[dict[str, Any]]:
    with store.database.transaction():
        for number in range(CONVERSATIONS):
            conversation = store.conversations.create(f"Conversation number {number}")
            if number % 50 == 0:
                store.conversations.set_draft(conversation.id, "A draft that waits. " * 5)
    name = f"list of {CONVERSATIONS:,} conversations"
    listed = _row(name, _median_ms(store.conversations.list), LIST_BUDGET)
    some = store.conversations.list()[CONVERSATIONS // 2].id
    touched = _row("change one of them", _median_ms(lambda: store.conversations.touch(some)), 5.0)
    return [listed, touched]


def _append(store: Store) -> list[dict[str, Any]]:
    """Appending to a reply of 1 KB and of 100 KB, by turns."""
    short, long = _reply(store, 1_000), _reply(store, 100_000)
    spent: dict[str, list[float]] = {short.id: [], long.id: []}
    for _ in range(APPENDS):
        for reply, times in spent.items():
            start = time.perf_counter()
            store.messages.append(reply, "text", PIECE)
            times.append((time.perf_counter() - start) * 1000)
    base = statistics.median(spent[short.id])
    value = statistics.median(spent[long.id])
    p99 = statistics.quantiles(spent[long.id], n=100)[98]
    result = [
        _row("append to a reply of 1 KB", base, 2.0),
        _row("append to a reply of 100 KB", value, 2.0, base),
        _row("append to a reply of 100 KB, p99", p99, 8.0),
    ]
    _finish_now(store, short)
    _finish_now(store, long)
    return result


def _finish(store: Store) -> dict[str, Any]:
    """Saving the end of a reply of 100 KB, on the disk."""
    times = []
    for _ in range(RUNS):
        reply = _reply(store, 100_000)
        start = time.perf_counter()
        _finish_now(store, reply)
        times.append((time.perf_counter() - start) * 1000)
    return _row("finish a reply of 100 KB, durably", statistics.median(times), 50.0)


def _reply(store: Store, length: int) -> Message:
    conversation = store.conversations.create("Growing")
    asked = store.messages.add(
        Message(new_id(), conversation.id, None, Role.USER, "Tell me", time.time())
    )
    reply = store.messages.begin_reply(
        Message(
            new_id(),
            conversation.id,
            asked.id,
            Role.ASSISTANT,
            "",
            time.time(),
            status=Status.STREAMING,
        )
    )
    for _ in range(length // len(PIECE)):
        store.messages.append(reply.id, "text", PIECE)
    return reply


def _finish_now(store: Store, reply: Message) -> None:
    grown = store.messages.get(reply.id)
    store.messages.finish(
        Message(
            reply.id,
            reply.conversation_id,
            reply.parent_id,
            Role.ASSISTANT,
            grown.content,
            reply.created_at,
            status=Status.COMPLETE,
        )
    )


def _long_conversation(store: Store) -> str:
    """10,000 messages of 566 characters on average, a few of 50 KB, as transcript.md measured."""
    conversation = store.conversations.create("Long")
    parent: str | None = None
    usage = Usage(900, 850, 140, 210.5, 98.7)
    with store.database.durable():
        for number in range(MESSAGES):
            role = Role.ASSISTANT if number % 2 else Role.USER
            length = 50_000 if number % 1_111 == 1_110 else 520
            message = Message(
                new_id(),
                conversation.id,
                parent,
                role,
                ("A sentence of some words. " * (length // 26)),
                time.time(),
                model="SmolLM2-135M-Instruct" if number % 2 else None,
                usage=usage if number % 2 else None,
                finish_reason="stop" if number % 2 else "",
            )
            parent = store.messages.add(message).id
    return conversation.id


def _median_ms(action: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def _row(name: str, value: float, budget: float, baseline: float | None = None) -> dict[str, Any]:
    """A row in milliseconds."""
    return {
        "suite": "store",
        "name": name,
        "value": round(value, 3),
        "unit": "ms",
        "baseline": None if baseline is None else round(baseline, 3),
        "ratio": None if baseline is None else round(value / baseline, 3),
        "budget": budget,
        "within": value <= budget,
    }
