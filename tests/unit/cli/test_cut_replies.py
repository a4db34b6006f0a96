"""A reply cut in its middle: its text is there, why it was cut too, and so is the way on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chatdesk.chat.events import Delta, Finished, Started
from chatdesk.errors import ReplyInterrupted

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]

STARTED = Started("open-mixtral-8x7b", 32768, 12, estimated=True, provider="Mistral")
CUT = ReplyInterrupted("The connection to Mistral was lost.", "Try again.")


def test_ask_prints_what_came_and_fails_with_the_reason(
    cli: CommandLine, one_line: OneLine
) -> None:
    cli.says([STARTED, "The keeper", CUT])
    result = cli("ask", "Hi")
    assert (result.code, result.out) == (1, "The keeper\n")
    assert one_line(result.err) == "The connection to Mistral was lost. Try again."


def test_the_reason_and_the_provider_are_kept_with_the_reply(cli: CommandLine) -> None:
    cli.says([STARTED, "The keeper", CUT])
    result = cli("ask", "Hi", "--save", "--json")
    assert result.code == 1
    reply = cli.only()["messages"][-1]
    assert result.json["status"] == reply["status"] == "interrupted"
    assert (reply["content"], reply["model"]) == ("The keeper", "open-mixtral-8x7b")
    assert reply["provider"] == result.json["provider"] == "Mistral"
    assert reply["error"] == "The connection to Mistral was lost. Try again."
    shown = cli("conversations", "show", cli.conversations()[0]["id"]).out
    assert (
        "[open-mixtral-8x7b · Mistral] (interrupted: The connection to Mistral was lost." in shown
    )


def test_a_reply_of_this_computer_has_no_provider(cli: CommandLine) -> None:
    cli.says(["Fine"])
    assert cli("ask", "Hi", "--json").json["provider"] is None


def test_the_chat_says_why_and_how_to_go_on(cli: CommandLine) -> None:
    cli.says([STARTED, "The keeper", CUT], ["climbed."])
    result = cli("chat", stdin="Hi\n/continue\n")
    assert result.code == 0
    assert "The connection to Mistral was lost. Try again.\n" in result.err
    assert "/continue goes on with it" in result.err
    replies = [m["content"] for m in cli.only()["messages"] if m["role"] == "assistant"]
    assert replies == ["The keeper", "The keeperclimbed."]


def test_a_reply_that_ended_in_its_reasoning_says_so(cli: CommandLine, one_line: OneLine) -> None:
    cli.says([STARTED, Delta("reasoning", "Let me see"), Finished("length")])
    result = cli("ask", "Hi")
    assert (result.code, result.out) == (0, "")
    assert "while the model was thinking" in one_line(result.err)
    result = cli("chat", stdin="Hi\n")
    assert "while the model was thinking" in result.err
