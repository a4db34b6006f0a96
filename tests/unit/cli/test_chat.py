"""chatdesk chat: a conversation in the terminal. Here standard input is a pipe: no prompts."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from chatdesk.chat.provider import Request, Run
from chatdesk.cli.carrier import Carrier
from chatdesk.errors import ProviderError
from chatdesk.providers.scripted import Line

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]


def said(conversation: dict[str, Any]) -> list[tuple[str, str]]:
    """The active path."""
    return [(m["role"], m["content"]) for m in conversation["messages"] if m["active"]]


def test_each_line_is_a_message_and_everything_is_kept(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"])
    result = cli("chat", stdin="First\nSecond\n")
    assert (result.code, result.out, result.err) == (0, "One\nTwo\n", "")
    assert said(cli.only()) == [
        ("user", "First"),
        ("assistant", "One"),
        ("user", "Second"),
        ("assistant", "Two"),
    ]


def test_the_model_is_told_what_was_said_before(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"])
    cli("chat", "--system", "Be brief.", stdin="First\nSecond\n")
    assert [m.content for m in cli.requests[1].messages] == ["Be brief.", "First", "One", "Second"]


def test_a_message_may_have_several_lines(cli: CommandLine) -> None:
    cli("chat", stdin='one \\\ntwo\n"""\nthree\n\n/four\n"""\nfive\\')
    sent = [request.messages[-1].content for request in cli.requests]
    assert sent == ["one \ntwo", "three\n\n/four", "five"]


def test_empty_lines_send_nothing(cli: CommandLine) -> None:
    assert cli("chat", stdin="\n   \n").code == 0
    assert cli.requests == []
    assert cli.conversations() == []


def test_two_slashes_send_one(cli: CommandLine) -> None:
    cli("chat", stdin="//etc is a folder\n")
    assert cli.requests[0].messages[-1].content == "/etc is a folder"


def test_temporary_keeps_nothing(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"])
    result = cli("chat", "--temporary", stdin="First\nSecond\n")
    assert result.out == "One\nTwo\n"
    assert cli.conversations() == []


def test_a_conversation_is_gone_on_with(cli: CommandLine) -> None:
    cli.says(["One"])
    cli("chat", stdin="First\n")
    conversation_id = cli.conversations()[0]["id"]
    cli.says(["Two"])
    result = cli("chat", "--conversation", conversation_id[:6], stdin="Second\n")
    assert "[you]\nFirst\n" in result.out
    assert result.out.endswith("Two\n")
    assert [m.content for m in cli.requests[0].messages] == ["First", "One", "Second"]
    assert len(said(cli.only())) == 4


def test_conversation_and_temporary_do_not_go_together(cli: CommandLine) -> None:
    assert cli("chat", "--conversation", "ab", "--temporary").code == 2


@pytest.mark.parametrize("arguments", [("--conversation", "ffff"), ("--model", "nosuch")])
def test_what_is_not_there_is_one_line(
    cli: CommandLine, one_line: OneLine, arguments: tuple[str, ...]
) -> None:
    result = cli("chat", *arguments, stdin="Hi\n")
    assert (result.code, result.out) == (1, "")
    assert arguments[1] in one_line(result.err)


def test_after_a_failed_reply_the_chat_goes_on(cli: CommandLine) -> None:
    cli.says([ProviderError("The model broke.", "Try again.")], ["Fine now"])
    result = cli("chat", stdin="First\nSecond\n")
    assert (result.code, result.out) == (0, "Fine now\n")
    assert "The model broke. Try again." in result.err


def pressing_ctrl_c(request: Request) -> Iterator[Line]:
    yield "Never "
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        yield "ending "


def endless(request: Request) -> Iterator[Line]:
    while True:
        yield "ending "


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself")
def test_ctrl_c_stops_the_reply_and_the_chat_goes_on(cli: CommandLine) -> None:
    cli.says(pressing_ctrl_c, ["Next"])
    result = cli("chat", stdin="First\nSecond\n")
    assert result.code == 0
    assert result.out.startswith("Never ")
    assert result.out.endswith("\nNext\n")
    replies = [m for m in cli.only()["messages"] if m["role"] == "assistant"]
    assert [m["status"] for m in replies] == ["stopped", "complete"]
    assert replies[0]["content"].startswith("Never ")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself")
@pytest.mark.parametrize("command", ["chat", "ask"])
def test_ctrl_c_while_a_reply_begins_stops_it_too(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    begin = Carrier.start

    def pressed(*given: Any) -> Run:
        os.kill(os.getpid(), signal.SIGINT)
        monkeypatch.setattr(Carrier, "start", begin)  # only for the first reply
        return begin(*given)

    monkeypatch.setattr(Carrier, "start", pressed)
    cli.says(endless, ["Next"])
    if command == "chat":
        assert cli("chat", stdin="First\nSecond\n").out.endswith("Next\n")
    else:
        assert cli("ask", "First", "--save").code == 130
    statuses = [m["status"] for m in cli.only()["messages"] if m["role"] == "assistant"]
    assert statuses == ["stopped", "complete"][: len(statuses)]


# -- commands -------------------------------------------------------------------------------------


def test_help_names_every_command(cli: CommandLine) -> None:
    from chatdesk.cli.chat_commands import COMMANDS

    out = cli("chat", stdin="/help\n").out
    assert all(f"/{command.name}" in out for command in COMMANDS)
    assert cli.conversations() == []


def test_an_unknown_command_is_told_and_not_sent(cli: CommandLine) -> None:
    result = cli("chat", stdin="/frobnicate\n")
    assert "/frobnicate" in result.err
    assert cli.requests == []


def test_new_list_and_open_go_between_conversations(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"], ["Three"])
    result = cli("chat", stdin="First\n/new\nSecond\n/list\n/open 2\nThird\n")
    assert result.code == 0
    assert "*  1  " in result.out
    by_title = {c["title"]: c["id"] for c in cli.conversations()}
    first = cli("conversations", "show", by_title["First"], "--json").json
    assert [content for _, content in said(first)] == ["First", "One", "Third", "Three"]


def test_regenerate_makes_a_variant_and_previous_goes_back(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"])
    result = cli("chat", stdin="Go\n/regenerate\n/previous\n")
    assert result.out.endswith("[scripted] (1/2)\nOne\n")
    assert said(cli.only())[-1] == ("assistant", "One")


def test_edit_begins_a_branch(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"])
    cli("chat", stdin="Go\n/edit Come\n")
    conversation = cli.only()
    assert said(conversation) == [("user", "Come"), ("assistant", "Two")]
    assert len(conversation["messages"]) == 4


def test_continue_goes_on_after_what_was_said(cli: CommandLine) -> None:
    cli.says(["Half "], ["whole"])
    result = cli("chat", stdin="Go\n/continue\n")
    assert result.out == "Half \nHalf whole\n"
    assert said(cli.only())[-1] == ("assistant", "Half whole")


def test_undo_takes_the_last_turn_back_and_redo_brings_it_again(cli: CommandLine) -> None:
    cli.says(["One"], ["Two"])
    cli("chat", stdin="First\nSecond\n/undo\n")
    assert said(cli.only()) == [("user", "First"), ("assistant", "One")]
    conversation_id = cli.conversations()[0]["id"]
    cli("chat", "--conversation", conversation_id, stdin="/undo\n/redo\n")
    assert said(cli.only()) == [("user", "First"), ("assistant", "One")]


def test_system_and_model_are_the_conversation_s_own(cli: CommandLine) -> None:
    cli("chat", stdin="/system Be brief.\n/model tiny\nHi\n/system Be long.\nHo\n")
    assert [m.content for m in cli.requests[0].messages] == ["Be brief.", "Hi"]
    assert cli.requests[1].messages[0].content == "Be long."
    assert cli.requests[1].model == "tiny"
    conversation = cli.only()
    assert (conversation["system_prompt"], conversation["model"]) == ("Be long.", "tiny")


def test_a_model_that_is_not_there_changes_nothing(cli: CommandLine) -> None:
    result = cli("chat", stdin="/model nosuch\nHi\n")
    assert "nosuch" in result.err
    assert cli.requests[0].model is None


def test_title_and_delete(cli: CommandLine) -> None:
    cli("chat", stdin="Hi\n/title A name\n")
    assert cli.only()["title"] == "A name"
    conversation_id = cli.conversations()[0]["id"]
    cli("chat", "--conversation", conversation_id, stdin="/delete\n")
    assert cli.conversations() == []


@pytest.mark.parametrize(
    "command", ["/regenerate", "/continue", "/undo", "/redo", "/open", "/next"]
)
def test_what_there_is_nothing_for_is_told(
    cli: CommandLine, one_line: OneLine, command: str
) -> None:
    result = cli("chat", stdin=f"{command}\n")
    assert (result.code, result.out) == (0, "")
    assert one_line(result.err)


def test_quit_leaves_the_rest_unread(cli: CommandLine) -> None:
    cli("chat", stdin="/quit\nHi\n")
    assert cli.requests == []
