"""A reply whose process died is kept as interrupted; a living process's reply is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatdesk.chat.messages import Status
from chatdesk.errors import UsageError
from chatdesk.paths import DataDir
from chatdesk.store import Store

WRITER = textwrap.dedent(
    """
    import itertools, json, sys, time
    from pathlib import Path
    from chatdesk.chat.messages import Message, Role, Status, new_id
    from chatdesk.paths import DataDir
    from chatdesk.store import open_store

    store = open_store(DataDir(Path(sys.argv[1])))
    conversation = store.conversations.create("Elsewhere").id
    asked = store.messages.add(Message(new_id(), conversation, None, Role.USER, "Count", 1.0))
    reply = store.messages.begin_reply(Message(
        new_id(), conversation, asked.id, Role.ASSISTANT, "From ", 2.0, status=Status.STREAMING))
    store.messages.set_model(reply.id, "open-mixtral-8x7b", "Mistral")
    print(json.dumps([conversation, reply.id]), flush=True)
    for number in itertools.count():
        store.messages.append(reply.id, "reasoning", f"r{number} ")
        store.messages.append(reply.id, "text", f"{number} ")
        print(number, flush=True)
        time.sleep(0.002)
    """
)


class Writer:
    """Another process that writes a reply without end."""

    def __init__(self, data: DataDir) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(data.root)], stdout=subprocess.PIPE, text=True
        )
        self.conversation, self.reply = json.loads(self.next_line())

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait_for_words(self) -> None:
        while int(self.next_line()) < 30:
            pass

    def kill(self) -> int:
        """Kill it; returns the last number it said was saved."""
        self.process.kill()
        assert self.process.stdout is not None
        told = [line for line in self.process.stdout.read().splitlines(True) if "\n" in line]
        self.process.wait()
        return int(told[-1]) if told else 30


@pytest.fixture
def writer(data: DataDir) -> Iterator[Writer]:
    with another_process(data) as writer:
        yield writer


@contextmanager
def another_process(data: DataDir) -> Iterator[Writer]:
    writer = Writer(data)
    try:
        yield writer
    finally:
        writer.process.kill()
        writer.process.wait()
        assert writer.process.stdout is not None
        writer.process.stdout.close()


def test_a_killed_reply_comes_back_as_interrupted_with_every_word(
    writer: Writer, opened: Callable[[], Store]
) -> None:
    writer.wait_for_words()
    last = writer.kill()
    store = opened()
    asked, reply = store.messages.load(writer.conversation)
    assert asked.content == "Count"
    assert reply.status is Status.INTERRUPTED
    assert (reply.model, reply.provider) == ("open-mixtral-8x7b", "Mistral")
    assert reply.content.startswith("From " + "".join(f"{number} " for number in range(last + 1)))
    assert reply.reasoning.startswith("".join(f"r{number} " for number in range(last + 1)))
    assert store.conversations.get(writer.conversation).active_leaf == reply.id
    with pytest.raises(UsageError):
        store.messages.append(reply.id, "text", "more")
    assert store.database.check() == []


def test_a_living_processs_reply_is_not_touched(
    writer: Writer, opened: Callable[[], Store]
) -> None:
    writer.wait_for_words()
    store = opened()
    assert store.recover() == []
    before = store.messages.get(writer.reply)
    assert before.status is Status.STREAMING
    for _ in range(20):
        writer.next_line()
    after = store.messages.get(writer.reply)
    assert len(after.content) > len(before.content)
    assert after.content.startswith(before.content)
    with pytest.raises(UsageError):
        store.messages.append(writer.reply, "text", "mine")


def test_a_window_that_stays_open_can_recover_the_reply_of_a_process_that_died(
    writer: Writer, store: Store
) -> None:
    writer.wait_for_words()
    assert store.recover() == []
    writer.kill()
    assert store.recover() == [writer.reply]
    assert store.messages.get(writer.reply).status is Status.INTERRUPTED
    assert store.recover() == []


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_sleeping_process_is_not_dead(writer: Writer, opened: Callable[[], Store]) -> None:
    writer.wait_for_words()
    writer.process.send_signal(signal.SIGSTOP)
    try:
        assert opened().messages.get(writer.reply).status is Status.STREAMING
    finally:
        writer.process.send_signal(signal.SIGCONT)


def test_a_store_closed_in_the_middle_of_a_reply_leaves_it_interrupted(
    store: Store, say: Any, opened: Callable[[], Store]
) -> None:
    reply = say.reply(say.person("Hello"))
    store.messages.append(reply.id, "text", "Good")
    store.close()
    found = opened().messages.get(reply.id)
    assert (found.content, found.status) == ("Good", Status.INTERRUPTED)


def test_this_processs_own_reply_is_not_touched(
    store: Store, say: Any, opened: Callable[[], Store]
) -> None:
    reply = say.reply(say.person("Hello"))
    assert store.recover() == []
    assert opened().messages.get(reply.id).status is Status.STREAMING
    store.messages.append(reply.id, "text", "Good")


def test_a_process_never_takes_its_own_reply_for_dead(
    store: Store, say: Any, data: DataDir
) -> None:
    reply = say.reply(say.person("Hello"))
    for lock in data.run.iterdir():
        lock.unlink()
    assert store.recover() == []
    assert store.messages.get(reply.id).status is Status.STREAMING


def test_a_reply_whose_lock_file_is_gone_is_dead(
    store: Store, say: Any, data: DataDir, opened: Callable[[], Store]
) -> None:
    reply = say.reply(say.person("Hello"))
    for lock in data.run.iterdir():
        lock.unlink()
    assert opened().messages.get(reply.id).status is Status.INTERRUPTED


def test_locks_of_the_dead_are_cleared_away_and_those_of_the_living_kept(
    writer: Writer, data: DataDir, opened: Callable[[], Store]
) -> None:
    with another_process(data) as other:
        other.wait_for_words()
        writer.wait_for_words()
        writer.kill()
        assert len(list(data.run.iterdir())) == 2
        store = opened()
        assert len(list(data.run.iterdir())) == 1
        assert store.messages.get(other.reply).status is Status.STREAMING


def test_a_store_that_writes_no_reply_makes_no_lock(store: Store, data: DataDir) -> None:
    store.conversations.create()
    assert list(data.run.iterdir()) == []


def test_many_writers_at_once_lose_nothing(data: DataDir, opened: Callable[[], Store]) -> None:
    with another_process(data) as one, another_process(data) as two:
        store = opened()
        mine = [store.conversations.create(str(number)).id for number in range(50)]
        one.wait_for_words()
        two.wait_for_words()
        lasts = {writer.reply: writer.kill() for writer in (one, two)}
    store.recover()
    assert {conversation.id for conversation in store.conversations.list()} == {
        *mine,
        one.conversation,
        two.conversation,
    }
    for reply, last in lasts.items():
        assert f" {last} " in store.messages.get(reply).content
