"""What waits for the disk, and what must not: told by a file system that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import apsw
import pytest

from chatdesk.chat.messages import Role, Status
from chatdesk.paths import DataDir
from chatdesk.store import Store, open_store


class CountingFile(apsw.VFSFile):
    syncs = 0

    def xSync(self, flags: int) -> None:
        CountingFile.syncs += 1
        super().xSync(flags)


class CountingFiles(apsw.VFS):
    """The usual file system, with every wait for the disk counted."""

    def __init__(self, usual: str) -> None:
        super().__init__("counting", usual, makedefault=True)
        self._usual = usual

    def xOpen(self, name: Any, flags: Any) -> CountingFile:
        return CountingFile(self._usual, name, flags)


@pytest.fixture
def counted(data: DataDir) -> Iterator[Store]:
    usual = apsw.vfs_names()[0]
    files = CountingFiles(usual)
    try:
        store = open_store(data)
        yield store
        store.close()
    finally:
        files.unregister()
    assert apsw.vfs_names()[0] == usual


def syncs_of(action: Any) -> int:
    before = CountingFile.syncs
    action()
    return CountingFile.syncs - before


def test_a_persons_message_and_a_replys_end_are_on_the_disk_and_growing_never_waits(
    counted: Store, speaker: Any
) -> None:
    conversation = counted.conversations.create()
    say = speaker(counted, conversation.id)
    asked = say.message(Role.USER, "Hello", None)
    assert syncs_of(lambda: counted.messages.add(asked)) >= 1
    reply = say.reply(asked)

    def grow() -> None:
        for _ in range(3000):
            counted.messages.append(reply.id, "text", "a piece of the reply, some words long ")

    assert syncs_of(grow) == 0
    end = replace(counted.messages.get(reply.id), status=Status.COMPLETE)
    assert syncs_of(lambda: counted.messages.finish(end)) >= 1
    assert counted.messages.get(reply.id) == end


def test_small_changes_do_not_wait_for_the_disk(counted: Store) -> None:
    def change() -> None:
        made = counted.conversations.create()
        counted.conversations.set_draft(made.id, "draft")
        counted.conversations.rename(made.id, "title")
        counted.conversations.touch(made.id)
        counted.state.set("selected", made.id)
        counted.conversations.delete([made.id])

    change()
    assert syncs_of(change) == 0


def test_one_durable_block_waits_once_for_many_messages(counted: Store, speaker: Any) -> None:
    say = speaker(counted, counted.conversations.create().id)

    def many() -> None:
        with counted.database.durable():
            for number in range(50):
                say.person(str(number))

    many()
    assert syncs_of(many) <= 3


def test_durability_cannot_be_promised_inside_an_ordinary_transaction(counted: Store) -> None:
    with counted.database.transaction(), pytest.raises(RuntimeError):
        counted.database.durable().__enter__()
