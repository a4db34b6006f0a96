"""chatdesk ask: the reply on standard output, everything else on standard error."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from chatdesk.chat.events import Finished
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import Request
from chatdesk.errors import ProviderError
from chatdesk.providers.scripted import Line

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]


def test_the_reply_is_printed_with_a_line_break_at_its_end(cli: CommandLine) -> None:
    cli.says(["Hello", " there"])
    result = cli("ask", "Hi")
    assert (result.code, result.out, result.err) == (0, "Hello there\n", "")
    assert cli.requests[0].messages[-1].content == "Hi"


def test_a_reply_that_ends_its_line_gets_no_second_line_break(cli: CommandLine) -> None:
    cli.says(["one\n"])
    assert cli("ask", "Hi").out == "one\n"


@pytest.mark.parametrize("arguments", [("ask",), ("ask", "-")])
def test_standard_input_is_the_question_where_none_is_given(
    cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    assert cli(*arguments, stdin="What is\nthis?\n").code == 0
    assert cli.requests[0].messages[-1].content == "What is\nthis?"


def test_input_that_is_no_utf8_is_read_with_stand_ins(cli: CommandLine) -> None:
    assert cli("ask", stdin=b"caf\xe9").code == 0
    assert cli.requests[0].messages[-1].content == "caf\ufffd"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_no_question_is_an_error(cli: CommandLine, one_line: OneLine, text: str) -> None:
    result = cli("ask", stdin=text)
    assert (result.code, result.out) == (1, "")
    assert "no question" in one_line(result.err)


def test_nothing_is_kept_unless_asked_for(cli: CommandLine) -> None:
    assert cli("ask", "Hi").code == 0
    assert cli.conversations() == []


def test_save_keeps_the_question_and_the_reply(cli: CommandLine) -> None:
    cli.says(["Fine"])
    arguments = ("--system", "Be brief.", "--temperature", "0.5", "--seed", "7", "--model", "tiny")
    assert cli("ask", "How are you?", "--save", *arguments).code == 0
    conversation = cli.only()
    assert conversation["title"] == "How are you?"
    assert conversation["system_prompt"] == "Be brief."
    assert conversation["parameters"] == {"temperature": 0.5, "seed": 7}
    assert conversation["model"] == "tiny"
    assert [(m["role"], m["content"]) for m in conversation["messages"]] == [
        ("user", "How are you?"),
        ("assistant", "Fine"),
    ]


def test_options_reach_the_model(cli: CommandLine) -> None:
    options = ("--max-tokens", "9", "--stop", "\\n", "--stop", "END", "--system", "S")
    assert cli("ask", "Hi", *options).code == 0
    request: Request = cli.requests[0]
    assert request.parameters.max_tokens == 9
    assert request.parameters.stop == ("\n", "END")
    assert request.messages[0].role is Role.SYSTEM
    assert request.messages[0].content == "S"


def test_parameters_that_are_not_given_come_from_the_settings(cli: CommandLine) -> None:
    assert cli("settings", "set", "sampling.top_k", "3").code == 0
    assert cli("settings", "set", "chat.system_prompt", "Be kind.").code == 0
    assert cli("ask", "Hi").code == 0
    assert cli.requests[0].parameters.top_k == 3
    assert cli.requests[0].messages[0].content == "Be kind."


@pytest.mark.parametrize(
    "wrong", [("--temperature", "9"), ("--temperature", "hot"), ("--max-tokens", "-2"), ("--what",)]
)
def test_a_value_out_of_bounds_is_wrong_usage(cli: CommandLine, wrong: tuple[str, ...]) -> None:
    result = cli("ask", "Hi", *wrong)
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err


def test_an_unknown_model_is_one_line_and_nothing_is_kept(
    cli: CommandLine, one_line: OneLine
) -> None:
    result = cli("ask", "Hi", "--model", "nosuch", "--save")
    assert result.code == 1
    assert "nosuch" in one_line(result.err)
    assert cli.conversations() == []


def test_json_is_one_message_and_nothing_else(cli: CommandLine) -> None:
    cli.says(["Hel", "lo"])
    message = cli("ask", "Hi", "--json").json
    assert message["content"] == "Hello"
    assert message["role"] == "assistant"
    assert message["status"] == "complete"
    assert message["active"] is True
    assert message["usage"]["completion_tokens"] == 2
    assert message["error"] is None
    assert {"id", "parent_id", "reasoning", "model", "created_at"} <= set(message)


def test_a_failed_reply_prints_what_came_and_one_line_why(
    cli: CommandLine, one_line: OneLine
) -> None:
    cli.says(["Half a", ProviderError("The model broke.", "Try again.")])
    result = cli("ask", "Hi", "--save")
    assert (result.code, result.out) == (1, "Half a\n")
    assert one_line(result.err) == "The model broke. Try again."
    reply = cli.only()["messages"][1]
    assert (reply["status"], reply["content"]) == ("failed", "Half a")
    assert reply["error"] == "The model broke. Try again."


def test_a_failed_reply_is_json_too(cli: CommandLine, one_line: OneLine) -> None:
    cli.says([ProviderError("The model broke.")])
    result = cli("ask", "Hi", "--json")
    assert result.code == 1
    assert result.json["status"] == "failed"
    assert one_line(result.err) == "The model broke."


def pressing_ctrl_c(request: Request) -> Iterator[Line]:
    """A reply during which the person presses Ctrl+C; it would go on without end."""
    yield "The first "
    yield "words"
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        yield "."


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself")
def test_ctrl_c_stops_the_reply_and_keeps_what_was_said(cli: CommandLine) -> None:
    cli.says(pressing_ctrl_c)
    result = cli("ask", "Hi", "--save")
    assert result.code == 130
    assert result.out.startswith("The first words")
    assert result.out.endswith("\n")
    assert "Traceback" not in result.err
    reply = cli.only()["messages"][1]
    assert reply["status"] == "stopped"
    assert reply["content"].startswith("The first words")


def test_a_reader_that_went_away_is_no_error(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.says(["word "] * 50_000)
    read_end, write_end = os.pipe()
    os.close(read_end)
    gone = io.TextIOWrapper(io.FileIO(write_end, "w"), "utf-8", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", gone)
        result = cli("ask", "Hi", "--save")
    gone.close()
    assert (result.code, result.err) == (0, "")
    assert cli.only()["messages"][0]["content"] == "Hi"


def test_what_a_terminal_would_obey_is_made_visible(cli: CommandLine) -> None:
    cli.says(["\x1b", "]0;owned\x07", "\x9b31mred", "\r\x08", "plain\ttext\n"])
    out = cli("ask", "Hi").out
    assert out == "\u241b]0;owned\u2407\ufffd31mred\u2408plain\ttext\n"


def test_json_keeps_control_characters_and_escapes_them(cli: CommandLine) -> None:
    hostile = "\x1b]0;x\x07\x9b1m\x7f\u202e"
    cli.says([hostile])
    result = cli("ask", "Hi", "--json")
    assert result.json["content"] == hostile
    assert all(character.isprintable() or character == "\n" for character in result.out)


def test_a_reply_without_a_word_is_an_empty_line_less_output(cli: CommandLine) -> None:
    cli.says([Finished("stop")])
    result = cli("ask", "Hi")
    assert (result.code, result.out) == (0, "")
