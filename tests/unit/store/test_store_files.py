"""The file: private, sound, and when it is not, told in words with nothing deleted."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatdesk.errors import StoreError
from chatdesk.paths import DataDir
from chatdesk.store import Database, Store, open_store

posix = pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")


def modes(data: DataDir) -> dict[str, int]:
    return {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in data.root.rglob("*")
        if path.is_file()
    }


@posix
def test_every_file_is_the_owners_alone(store: Store, say: Any, data: DataDir) -> None:
    say.reply(say.person("Hello"))
    found = modes(data)
    assert {"chats.db", "chats.db-wal", "chats.db-shm"} <= set(found)
    assert set(found.values()) == {0o600}
    assert stat.S_IMODE(data.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(data.run.stat().st_mode) == 0o700


@posix
def test_a_file_that_others_could_read_is_taken_back(data: DataDir) -> None:
    open_store(data).close()
    data.database.chmod(0o644)
    store = open_store(data)
    store.conversations.create()
    assert set(modes(data).values()) == {0o600}
    store.close()


def test_a_closed_store_is_one_file(store: Store, say: Any, data: DataDir) -> None:
    say.person("Hello")
    store.close()
    store.close()
    assert [path.name for path in data.root.iterdir() if path.is_file()] == ["chats.db"]


@pytest.mark.parametrize(
    "content",
    [b"this is no database at all, but long enough for a header " * 4, b"\0" * 5000, b"SQLite"],
)
def test_a_broken_file_is_told_and_kept(data: DataDir, content: bytes) -> None:
    data.create()
    data.database.write_bytes(content)
    with pytest.raises(StoreError, match="damaged") as caught:
        open_store(data)
    assert str(data.backups) in caught.value.advice
    assert "Nothing was deleted" in caught.value.advice
    assert data.database.read_bytes() == content


def test_a_broken_file_names_the_newest_copy(data: DataDir, store: Store) -> None:
    store.database.backup(data.backups / "chats-v1-20250101-000000.db")
    store.close()
    data.database.write_bytes(b"rubbish " * 1000)
    with pytest.raises(StoreError, match=r"chats-v1-20250101-000000\.db"):
        open_store(data)


def test_a_page_that_is_broken_later_is_told_where_it_is_met(
    store: Store, say: Any, data: DataDir
) -> None:
    say.person("Hello " * 10_000)
    store.close()
    content = bytearray(data.database.read_bytes())
    for start in range(0, len(content), 4096):
        if b"Hello Hello Hello" in content[start : start + 4096]:
            content[start : start + 4096] = b"\xff" * 4096
    data.database.write_bytes(content)
    database = Database(data.database, read_only=True)
    assert database.check() != []
    with pytest.raises(StoreError, match="damaged"):
        database.rows("SELECT * FROM messages")
    database.close()


def test_a_truncated_file_is_told(store: Store, say: Any, data: DataDir) -> None:
    say.person("Hello " * 10_000)
    store.close()
    content = data.database.read_bytes()
    data.database.write_bytes(content[: len(content) // 3])

    def use() -> None:
        cut = open_store(data)
        try:
            cut.messages.load(cut.conversations.list()[0].id)
        finally:
            cut.close()

    with pytest.raises(StoreError, match="damaged"):
        use()


@contextmanager
def as_ordinary_user() -> Iterator[Path]:
    """A folder, and - since the superuser may write anywhere - the rights of nobody in it."""
    folder = Path(tempfile.mkdtemp())
    superuser = os.geteuid() == 0
    try:
        if superuser:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
    finally:
        if superuser:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


@posix
def test_a_read_only_directory_is_told() -> None:
    with as_ordinary_user() as folder:
        data = DataDir(folder / "data")
        open_store(data).close()
        data.root.chmod(0o500)
        with pytest.raises(StoreError) as caught:
            Database(data.database)
        assert str(data.root) in str(caught.value)
        assert caught.value.advice
        data.root.chmod(0o700)


@posix
def test_a_read_only_file_is_told_at_the_start() -> None:
    with as_ordinary_user() as folder:
        data = DataDir(folder / "data")
        open_store(data).close()
        data.database.chmod(0o400)
        with pytest.raises(StoreError, match="read-only"):
            Database(data.database)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(tmp_path / "nowhere" / "chats.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(tmp_path / "chats.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_the_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "chats.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(tmp_path / "chats.db")


def test_reading_only_changes_nothing(store: Store, say: Any, data: DataDir) -> None:
    message = say.person("Hello")
    reader = Database(data.database, read_only=True)
    assert reader.rows("SELECT id FROM messages") == [(message.id,)]
    with pytest.raises(StoreError, match="read-only"), reader.transaction():
        reader.rows("DELETE FROM state")
    reader.close()


def test_a_write_beside_anothers_long_write_is_told_and_may_be_tried_again(
    store: Store, opened: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatdesk.store.database.BUSY_TIMEOUT", 0.05)
    other = opened()
    with store.database.transaction():
        store.conversations.create()
        assert other.conversations.list() == []  # readers do not wait
        with pytest.raises(StoreError, match="another Chatdesk") as caught:
            other.conversations.create()
    assert caught.value.retryable
    other.conversations.create()
    assert other.conversations.count() == 2


def test_a_database_is_its_threads_alone(store: Store) -> None:
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            store.conversations.list()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_a_copy_is_whole_and_does_not_take_the_place_of_another(
    store: Store, say: Any, data: DataDir, tmp_path: Path
) -> None:
    message = say.person("Hello")
    target = tmp_path / "copies" / "mine.db"
    store.database.backup(target)
    say.person("Later")
    copy = Database(target, read_only=True)
    assert copy.rows("SELECT id FROM messages") == [(message.id,)]
    copy.close()
    assert [path.name for path in target.parent.iterdir()] == ["mine.db"]
    with pytest.raises(StoreError, match="exists already"):
        store.database.backup(target)
    with pytest.raises(StoreError):
        store.database.backup(data.database / "x.db")
