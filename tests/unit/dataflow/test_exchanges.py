"""Prompts and replies kept for fine-tuning: each once, each user's own, exported as chats."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from chatdesk.errors import StoreError
from chatdesk.store.exchanges import Exchanges, KeptExchange

FIRST = KeptExchange("anna", "1", 10.0, "Hi", "Hello", "SmolLM2", True, 5, 7)


def test_an_exchange_is_kept_once_however_often_it_comes(tmp_path: Path) -> None:
    with Exchanges(tmp_path / "e.db") as exchanges:
        exchanges.add([FIRST, FIRST])
        exchanges.add([replace(FIRST, response="another")])
        assert list(exchanges.conversations()) == [[FIRST]]


def test_they_are_exported_as_one_chat_for_each_conversation(tmp_path: Path) -> None:
    with Exchanges(tmp_path / "e.db") as exchanges:
        exchanges.add(
            [
                FIRST,
                replace(FIRST, request_id="2", at=20.0, prompt="ü?", response="日本", begins=False),
                replace(FIRST, request_id="3", at=30.0, begins=True),
                replace(FIRST, user="bob", request_id="1"),
            ]
        )
        out = io.StringIO()
        assert exchanges.export(out) == 3
        chats = [json.loads(line)["messages"] for line in out.getvalue().splitlines()]
        assert [len(chat) for chat in chats] == [4, 2, 2]
        assert chats[0][2:] == [
            {"role": "user", "content": "ü?"},
            {"role": "assistant", "content": "日本"},
        ]
        assert "anna" not in out.getvalue()
        assert exchanges.export(io.StringIO(), "bob") == 1


def test_only_its_owner_may_read_the_database(tmp_path: Path) -> None:
    path = tmp_path / "data" / "e.db"
    with Exchanges(path) as exchanges:
        exchanges.add([FIRST])
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


def write(path: Path, start: int) -> None:
    with Exchanges(path) as exchanges:
        for number in range(start, start + 30):
            exchanges.add([replace(FIRST, request_id=str(number))])


def test_two_processes_write_to_it_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(tmp_path / "e.db", start)) for start in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    with Exchanges(tmp_path / "e.db") as exchanges:
        assert exchanges.count() == 50


def test_several_begin_at_once(tmp_path: Path) -> None:
    """As a dataflow's processes do, at its first start."""
    count = 4
    together = threading.Barrier(count)

    def begin(path: Path) -> None:
        together.wait(60)
        with Exchanges(path) as exchanges:
            exchanges.add([FIRST])

    with ThreadPoolExecutor(count) as threads:
        for number in range(30):
            path = tmp_path / f"{number}.db"
            for begun in [threads.submit(begin, path) for _ in range(count)]:
                begun.result(60)
            with Exchanges(path) as exchanges:
                assert exchanges.count() == 1


def test_more_than_the_memory_holds_is_exported_as_it_is_read(tmp_path: Path) -> None:
    with Exchanges(tmp_path / "e.db") as exchanges:
        exchanges.add([replace(FIRST, user=f"u{number}") for number in range(100)])
        chats = exchanges.conversations()
        assert next(chats)[0].user == "u0"
        exchanges.add([replace(FIRST, user="v")])  # the reader holds nobody up
        assert len(list(chats)) >= 99


def test_a_file_that_is_no_database_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match=r"e\.db"):
        Exchanges(path)
