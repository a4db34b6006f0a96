"""Databases of older versions are brought up to date, with a copy kept; newer ones are refused."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesk.errors import SchemaTooNew, StoreError
from chatdesk.paths import DataDir
from chatdesk.store import Database, open_store
from chatdesk.store.migrations import MIGRATIONS

RELEASED = ("551d2637154b079e", "212dc6a194e5056b")
NEXT = "ALTER TABLE state ADD COLUMN note TEXT; UPDATE state SET note = 'made by the update';"


def make_v1(path: Path) -> None:
    """A database as the first version left it, with a conversation in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Database(path, migrations=MIGRATIONS[:1]).close()
    connection = apsw.Connection(str(path))
    connection.execute(
        "INSERT INTO conversations (id, title, created_at, updated_at)"
        " VALUES ('c1', 'Old words', 1, 2)"
    )
    connection.execute(
        "INSERT INTO messages (id, conversation, role, status, created_at, content)"
        " VALUES ('m1', 1, 'user', 'complete', 1, 'Hello from version 1')"
    )
    connection.execute("INSERT INTO state VALUES ('sidebar', '250')")
    connection.close()


def test_released_migrations_never_change() -> None:
    found = tuple(hashlib.sha256(sql.encode()).hexdigest()[:16] for sql in MIGRATIONS)
    assert found[: len(RELEASED)] == RELEASED, "write a new migration instead"
    assert len(found) == len(RELEASED), "note the new migration's sum here"


def test_a_new_database_has_the_newest_version_and_no_copy(data: DataDir) -> None:
    data.create()
    database = Database(data.database)
    assert database.schema_version() == len(MIGRATIONS)
    assert database.check() == []
    database.close()
    assert list(data.backups.iterdir()) == []


def test_a_version_1_file_opens_with_everything_in_it(data: DataDir) -> None:
    make_v1(data.database)
    store = open_store(data)
    assert store.conversations.get("c1").title == "Old words"
    assert store.messages.load("c1")[0].content == "Hello from version 1"
    assert store.state.get("sidebar") == 250
    assert store.database.schema_version() == len(MIGRATIONS)
    store.close()


def test_an_update_keeps_a_copy_of_the_state_before(data: DataDir) -> None:
    make_v1(data.database)
    database = Database(data.database, migrations=(*MIGRATIONS[:1], NEXT))
    assert database.schema_version() == 2
    assert database.rows("SELECT * FROM state") == [("sidebar", "250", "made by the update")]
    database.close()
    (copy,) = data.backups.iterdir()
    assert copy.name.startswith("chats-v1-")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    old = Database(copy, migrations=MIGRATIONS[:1], read_only=True)
    assert old.schema_version() == 1
    assert old.rows("SELECT title FROM conversations") == [("Old words",)]
    assert old.rows("SELECT * FROM state") == [("sidebar", "250")]
    assert old.check() == []
    old.close()


def test_an_update_that_fails_changes_nothing(data: DataDir) -> None:
    make_v1(data.database)
    broken = NEXT + "INSERT INTO nowhere VALUES (1);"
    with pytest.raises(StoreError, match="brought up to date") as caught:
        Database(data.database, migrations=(*MIGRATIONS[:1], broken))
    assert str(data.backups) in str(caught.value)
    assert len(list(data.backups.glob("*.db"))) == 1
    database = Database(data.database, migrations=MIGRATIONS[:1])
    assert database.schema_version() == 1
    assert database.rows("SELECT * FROM state") == [("sidebar", "250")]
    database.close()


def test_an_update_that_would_break_links_is_taken_back(data: DataDir) -> None:
    make_v1(data.database)
    orphan = (
        "INSERT INTO messages (id, conversation, role, status, created_at, content)"
        " VALUES ('m2', 99, 'user', 'complete', 1, 'lost')"
    )
    with pytest.raises(StoreError, match="brought up to date"):
        Database(data.database, migrations=(*MIGRATIONS[:1], orphan))
    database = Database(data.database, migrations=MIGRATIONS[:1])
    assert database.rows("SELECT id FROM messages") == [("m1",)]
    database.close()


def test_no_update_without_a_copy(data: DataDir) -> None:
    make_v1(data.database)
    data.backups.write_text("in the way")
    with pytest.raises(StoreError):
        Database(data.database, migrations=(*MIGRATIONS[:1], NEXT))
    database = Database(data.database, migrations=MIGRATIONS[:1])
    assert database.schema_version() == 1
    database.close()


@settings(max_examples=20)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_any_way_through_the_versions_ends_at_the_same_schema(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int]
) -> None:
    steps = (
        *MIGRATIONS[:1],
        "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)",
        "ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = 'z'",
        "CREATE INDEX a_y ON a (y)",
    )

    def walk(name: str, versions: list[int]) -> tuple[list[object], int]:
        path = tmp_path_factory.mktemp(name) / "chats.db"
        for version in versions:
            database = Database(path, migrations=steps[:version])
            assert database.schema_version() == version
            database.close()
        database = Database(path, migrations=steps)
        schema = database.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
        content = database.rows("SELECT * FROM a")
        database.close()
        return [schema, content], len(list(path.parent.glob("backups/*.db")))

    straight, copies = walk("straight", [])
    assert copies == 0
    around, copies = walk("around", sorted(stops))
    assert around == straight
    assert copies == len({*stops, 4}) - 1


def test_a_newer_database_is_refused_and_left_as_it_is(data: DataDir) -> None:
    make_v1(data.database)
    connection = apsw.Connection(str(data.database))
    connection.execute("PRAGMA user_version = 999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = data.database.read_bytes()
    with pytest.raises(SchemaTooNew, match="newer Chatdesk") as caught:
        open_store(data)
    assert caught.value.advice
    assert data.database.read_bytes() == before
    assert list(data.backups.iterdir()) == []


def test_another_programs_database_is_refused_and_left_as_it_is(data: DataDir) -> None:
    data.create()
    connection = apsw.Connection(str(data.database))
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = data.database.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(data)
    assert data.database.read_bytes() == before


def test_reading_only_does_not_update(data: DataDir) -> None:
    make_v1(data.database)
    with pytest.raises(StoreError, match="older Chatdesk"):
        Database(data.database, read_only=True, migrations=(*MIGRATIONS, NEXT))


def test_several_processes_may_start_on_a_new_directory_at_once(data: DataDir) -> None:
    code = (
        "import sys; from pathlib import Path; from chatdesk.paths import DataDir\n"
        "from chatdesk.store import open_store\n"
        "store = open_store(DataDir(Path(sys.argv[1])))\n"
        "store.conversations.create('x'); store.close()\n"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", code, str(data.root)], env={**os.environ})
        for _ in range(4)
    ]
    assert [process.wait() for process in starts] == [0, 0, 0, 0]
    store = open_store(data)
    assert store.conversations.count() == 4
    store.close()
