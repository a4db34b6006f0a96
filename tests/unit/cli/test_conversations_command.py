"""chatdesk conversations: list, show, delete, restore."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from chatdesk.paths import data_dir
from chatdesk.providers.scripted import ScriptedProvider
from chatdesk.session import Session
from chatdesk.settings import Settings
from chatdesk.store import open_store

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]


def test_without_conversations_a_list_is_empty(cli: CommandLine) -> None:
    result = cli("conversations", "list")
    assert (result.code, result.out) == (0, "")
    assert "no conversations" in result.err
    assert cli("conversations", "list", "--json").json == []


def test_the_newest_comes_first(cli: CommandLine) -> None:
    for question in ("First question", "Second question"):
        assert cli("ask", question, "--save").code == 0
    titles = [c["title"] for c in cli("conversations", "list", "--json").json]
    assert titles == ["Second question", "First question"]
    table = cli("conversations", "list").out.splitlines()
    assert table[0].split() == ["ID", "LAST", "USED", "TITLE"]
    assert table[1].endswith("Second question")
    assert len(cli("conversations", "list", "--limit", "1", "--json").json) == 1


def test_times_are_utc_in_a_form_that_sorts(cli: CommandLine) -> None:
    assert cli("ask", "Hi", "--save").code == 0
    (found,) = cli.conversations()
    assert found["created_at"].endswith("Z")
    assert found["created_at"] <= found["updated_at"]
    assert found["deleted_at"] is None


def test_an_id_may_be_shortened(cli: CommandLine) -> None:
    cli.says(["An answer"])
    assert cli("ask", "A question", "--save").code == 0
    (found,) = cli.conversations()
    shown = cli("conversations", "show", found["id"][:6])
    assert shown.code == 0
    assert "[you]\nA question\n" in shown.out
    assert "[scripted]\nAn answer\n" in shown.out


@pytest.mark.parametrize("command", ["show", "delete", "restore"])
def test_an_unknown_id_is_one_line(cli: CommandLine, one_line: OneLine, command: str) -> None:
    result = cli("conversations", command, "ffff")
    assert (result.code, result.out) == (1, "")
    assert "ffff" in one_line(result.err)


def test_deleting_moves_to_the_trash_and_restoring_takes_back(cli: CommandLine) -> None:
    assert cli("ask", "Keep me", "--save").code == 0
    conversation_id = cli.conversations()[0]["id"]
    told = cli("conversations", "delete", conversation_id)
    assert told.code == 0
    assert f"restore {conversation_id}" in told.err
    assert cli.conversations() == []
    (trashed,) = cli("conversations", "list", "--deleted", "--json").json
    assert trashed["deleted_at"] is not None
    assert cli("conversations", "restore", conversation_id[:8]).code == 0
    assert [c["id"] for c in cli.conversations()] == [conversation_id]


def test_several_are_deleted_all_or_none(cli: CommandLine) -> None:
    assert cli("ask", "Keep me", "--save").code == 0
    conversation_id = cli.conversations()[0]["id"]
    assert cli("conversations", "delete", conversation_id, "ffff").code == 1
    assert len(cli.conversations()) == 1


def branched_conversation() -> str:
    """A question with two answers, the first of them shown, and a stopped second turn."""
    store = open_store(data_dir())
    provider = ScriptedProvider(["One"], ["Two"], ["Never heard"])
    session = Session(store, provider, Settings)
    conversation = session.new_conversation(system_prompt="Count.")
    reply = session.send(conversation.id, "Go")
    provider.last.finish()
    session.regenerate(conversation.id, reply.id)
    provider.last.finish()
    session.select_variant(conversation.id, reply.id, 0)
    tree = session.tree(conversation.id)
    session.select_variant(conversation.id, tree.path()[-1].id, -1)
    session.send(conversation.id, "On")
    provider.last.steps(2)
    session.stop(conversation.id)
    provider.last.finish()
    session.close()
    store.close()
    return conversation.id


def test_json_has_every_branch_and_marks_the_path_that_is_shown(cli: CommandLine) -> None:
    found = cli("conversations", "show", branched_conversation(), "--json").json
    assert found["system_prompt"] == "Count."
    described = [(m["role"], m["content"], m["active"], m["status"]) for m in found["messages"]]
    assert described == [
        ("user", "Go", True, "complete"),
        ("assistant", "One", True, "complete"),
        ("assistant", "Two", False, "complete"),
        ("user", "On", True, "complete"),
        ("assistant", "Never heard", True, "stopped"),
    ]
    by_id = {message["id"]: message for message in found["messages"]}
    assert by_id[found["messages"][3]["parent_id"]]["content"] == "One"


def test_show_prints_the_active_path_and_how_a_reply_ended(cli: CommandLine) -> None:
    out = cli("conversations", "show", branched_conversation()).out
    assert "[system]\nCount.\n" in out
    assert "[scripted] (1/2)\nOne\n" in out
    assert "Two" not in out
    assert "[scripted] (stopped)\nNever heard\n" in out


def test_hostile_words_are_harmless_everywhere(cli: CommandLine) -> None:
    cli.says(["\x1b[2J"])
    assert cli("ask", "\x1b]0;pwned\x07 hello", "--save").code == 0
    conversation_id = cli.conversations()[0]["id"]
    for arguments in (("list",), ("show", conversation_id), ("delete", conversation_id)):
        result = cli("conversations", *arguments)
        assert "\x1b" not in result.out + result.err
        assert "\x07" not in result.out + result.err
