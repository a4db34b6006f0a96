"""The file of version 1 that a person has kept (files/chats-v1.db, made by that version's code)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from chatdesk.chat.messages import Status, Usage
from chatdesk.errors import StoreError
from chatdesk.paths import DataDir
from chatdesk.store import Database, Store, open_store
from chatdesk.store.migrations import MIGRATIONS

KEPT = Path(__file__).with_name("files") / "chats-v1.db"
COLUMNS_V1 = (
    "key, id, conversation, parent, role, status, created_at, owner, model, measured,"
    " prompt_tokens, cached_tokens, completion_tokens, first_token_ms, tokens_per_second, error,"
    " finish_reason, content, reasoning"
)


@pytest.fixture
def old(data: DataDir) -> DataDir:
    """A data directory with the old file in it."""
    data.create()
    shutil.copyfile(KEPT, data.database)
    return data


@pytest.fixture
def updated(old: DataDir) -> Iterator[Store]:
    store = open_store(old)
    yield store
    store.close()


def test_every_conversation_is_there(updated: Store) -> None:
    lisbon = updated.conversations.get("c-lisbon")
    assert (lisbon.title, lisbon.titled, lisbon.active_leaf) == ("Trip to Lisbon", True, "m-cut")
    assert lisbon.system_prompt == "Answer briefly."
    assert lisbon.parameters == {"temperature": 0.2, "stop": ["END"]}
    assert lisbon.model == "SmolLM2-135M-Instruct.Q4_1"
    assert lisbon.draft == "And the tram?"
    assert [c.id for c in updated.conversations.list(deleted=True)] == ["c-trash"]
    assert updated.state.get("context.c-lisbon") == [2048, 1, "m-ask"]


def test_every_word_is_there_and_came_from_chatdesk_itself(updated: Store) -> None:
    found = {message.id: message for message in updated.messages.load("c-lisbon")}
    assert set(found) == {"m-ask", "m-complete", "m-stopped", "m-again", "m-failed", "m-cut"}
    reply = found["m-complete"]
    assert reply.content == "The castle, the river and 電車."
    assert reply.reasoning == "A city by the sea.\n"
    assert reply.usage == Usage(31, 12, 9, 210.5, 41.25, estimated=False)
    assert found["m-stopped"].usage == Usage(31, 31, 3, 20.0, None)
    assert found["m-failed"].error.startswith("The model does not fit in memory.")
    assert (found["m-cut"].finish_reason, found["m-cut"].usage) == ("length", Usage())
    assert {message.provider for message in found.values()} == {None}


def test_a_deleted_branch_can_still_be_restored(updated: Store) -> None:
    updated.messages.restore_branch("m-removed")
    assert updated.messages.load("c-lisbon")[-1].content == "Never mind"


def test_a_reply_that_was_being_written_is_kept_as_interrupted(updated: Store) -> None:
    reply = updated.messages.get("m-growing")
    assert (reply.status, reply.content) == (Status.INTERRUPTED, "The keeper climbed")
    assert (reply.model, reply.provider) == ("SmolLM2 135M Instruct", None)


def test_the_finished_rows_of_the_old_file_never_change_either(updated: Store) -> None:
    for change in ("provider = 'Mistral'", "estimated = 1", "content = ''"):
        with pytest.raises(apsw.ConstraintError), updated.database.transaction():
            updated.database.rows(f"UPDATE messages SET {change} WHERE id = 'm-complete'")


def test_a_copy_of_the_file_before_the_update_is_kept(updated: Store, old: DataDir) -> None:
    (copy,) = old.backups.iterdir()
    assert copy.name.startswith("chats-v1-")
    before = Database(copy, migrations=MIGRATIONS[:1], read_only=True)
    kept = Database(_readable(old.root / "kept.db"), migrations=MIGRATIONS[:1], read_only=True)
    query = f"SELECT {COLUMNS_V1} FROM messages ORDER BY key"
    assert before.rows(query) == kept.rows(query)
    assert before.check() == []
    before.close()
    kept.close()


def test_the_updated_file_has_the_schema_of_a_new_one(updated: Store, tmp_path: Path) -> None:
    new = Database(tmp_path / "new.db")
    query = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
    assert updated.database.rows(query) == new.rows(query)
    assert updated.database.check() == []
    new.close()


def test_reading_only_does_not_update_the_file(old: DataDir) -> None:
    before = old.database.read_bytes()
    with pytest.raises(StoreError, match="older Chatdesk"):
        Database(old.database, read_only=True)
    assert old.database.read_bytes() == before


def _readable(path: Path) -> Path:
    """The kept file, as a copy: opening a database may write beside it."""
    shutil.copyfile(KEPT, path)
    return path
