"""ask, chat and conversations with models at providers. The servers are on this computer."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from recording_server import Recorder, recording

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def house(cli: CommandLine, server: Recorder) -> Recorder:
    """The provider "House" with the model "small", and what it is asked."""
    base = ("--base-url", server.base_url, "--no-key")
    assert cli("providers", "add", "House", *base, "--default-model", "small").code == 0
    return server


def said(recorder: Recorder) -> list[str]:
    """What the server was told in the newest request."""
    return [message["content"] for message in recorder.chat.body["messages"]]


# -- ask ------------------------------------------------------------------------------------------


def test_a_remote_model_answers_and_no_local_one_is_made(cli: CommandLine, house: Recorder) -> None:
    result = cli("ask", "Hello?", "--model", "house:big", "--system", "Be brief.")
    assert (result.code, result.out, result.err) == (0, "Yes.\n", "")
    assert cli.context.made == ["remote"]
    assert house.chat.body["model"] == "big"
    assert said(house) == ["Be brief.", "Hello?"]


def test_a_provider_alone_is_its_default_model(cli: CommandLine, house: Recorder) -> None:
    cli("ask", "Hello?", "--model", "House:")
    assert house.chat.body["model"] == "small"


def test_a_local_model_makes_nothing_that_talks_to_servers(
    cli: CommandLine, house: Recorder
) -> None:
    cli.says(["Here"])
    assert cli("ask", "Hello?").out == "Here\n"
    assert cli.context.made == ["local"]
    assert house.requests == []


def test_json_tells_model_and_provider(cli: CommandLine, house: Recorder) -> None:
    message = cli("ask", "Hello?", "--model", "house:big", "--json").json
    assert (message["content"], message["model"]) == ("Yes.", "big")
    assert (message["provider"], message["status"]) == ("House", "complete")
    assert message["usage"]["completion_tokens"] == 2
    assert cli("ask", "Hello?", "--json").json["provider"] is None


def test_an_unknown_provider_is_told_and_nobody_is_asked(
    cli: CommandLine, house: Recorder, one_line: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatdesk.cli.context import Context

    monkeypatch.setattr(type(cli.context), "choose_local", Context.choose_local)
    result = cli("ask", "Hello?", "--model", "hose:big")
    assert (result.code, result.out) == (1, "")
    assert 'no provider "hose"' in one_line(result.err)
    assert cli.context.made == []
    assert house.requests == []


def test_a_remote_default_answers_new_questions(cli: CommandLine, house: Recorder) -> None:
    cli("settings", "set", "model.default", "house:big")
    assert cli("ask", "Hello?", "--save").out == "Yes.\n"
    assert cli("conversations", "list", "--json").json[0]["model"] == "House:big"
    # A conversation of its own model stays with it when the default is another.
    cli("settings", "reset", "model.default")
    cli("chat", "--conversation", cli.only()["id"], stdin="And?\n")
    assert said(house) == ["Hello?", "Yes.", "And?"]


def test_the_list_of_local_models_says_that_another_is_used(
    cli: CommandLine, house: Recorder
) -> None:
    cli("settings", "set", "model.default", "house:big")
    result = cli("models", "list")
    assert result.code == 0 and "New conversations use big · House" in result.err
    assert not any(entry["default"] for entry in cli("models", "list", "--json").json)


def test_a_renamed_provider_goes_on_with_its_conversations(
    cli: CommandLine, house: Recorder
) -> None:
    cli("ask", "Hello?", "--save", "--model", "house:big")
    cli("providers", "rename", "House", "Home")
    assert cli.only()["model"] == "Home:big"
    cli("chat", "--conversation", cli.only()["id"], stdin="And?\n")
    assert house.chat.body["model"] == "big"


def test_a_removed_provider_is_told_and_nobody_answers_in_its_place(
    cli: CommandLine, house: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("ask", "Hello?", "--save", "--model", "house:big")
    before = len(house.requests)
    cli("providers", "remove", "House")
    from chatdesk.cli.context import Context

    # The real engine says what it does not find; no model is loaded for that.
    monkeypatch.setattr(type(cli.context), "local_engine", Context.local_engine)
    result = cli("chat", "--conversation", cli.only()["id"], stdin="And?\n")
    assert "There is no provider" in result.err
    assert len(house.requests) == before
    assert cli.only()["messages"][-1]["status"] == "failed"


def test_a_refused_reply_is_one_line(cli: CommandLine, one_line: OneLine) -> None:
    cli("providers", "add", "House", "--base-url", "https://localhost:9/v1", "--needs-key")
    result = cli("ask", "Hello?", "--model", "house:big")
    assert (result.code, result.out) == (1, "")
    assert "no key" in one_line(result.err)
    assert 'chatdesk keys set "House"' in result.err and "Settings" not in result.err


class Endless:
    """A server whose reply never ends; `gone` is set when the client has hung up."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.gone = threading.Event()
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        chunk = b'data: {"choices":[{"index":0,"delta":{"content":"more "}}]}\n\n'
        while not self.gone.is_set():
            connection, _ = self.listener.accept()
            if self.closing:
                connection.close()
                return
            # No time-out: on a busy machine it may be long until the client comes. It goes, at the
            # latest, with the command.
            with connection, suppress(OSError):
                head = connection.recv(65536)
                if not head:
                    continue  # it has thought better of it
                if head.startswith(b"GET"):
                    body = b'{"object":"list","data":[]}'
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                        b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
                    )
                    continue
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                    b"connection: close\r\n\r\n"
                )
                connection.sendall(chunk)
                os.kill(os.getpid(), signal.SIGINT)
                with suppress(ConnectionError):  # what was not read makes the end a reset
                    while connection.recv(65536):
                        pass
                self.gone.set()

    def close(self) -> None:
        self.closing = True
        if not self.gone.wait(30):
            socket.create_connection(self.listener.getsockname()).close()  # wakes accept()
        self.thread.join(30)
        self.listener.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself")
def test_ctrl_c_closes_the_connection_and_keeps_what_came(cli: CommandLine) -> None:
    server = Endless()
    cli("providers", "add", "House", "--base-url", server.base_url, "--no-key")
    result = cli("ask", "Go on", "--save", "--model", "house:big")
    server.close()
    assert server.gone.is_set()
    assert result.code == 130
    reply = cli.only()["messages"][-1]
    assert (reply["status"], reply["provider"]) == ("stopped", "House")
    assert reply["content"] in result.out + "more "


# -- chat -----------------------------------------------------------------------------------------


def test_a_new_conversation_with_a_provider_is_kept_with_it(
    cli: CommandLine, house: Recorder
) -> None:
    result = cli("chat", "--model", "house:big", stdin="Hello?\nAnd?\n")
    assert (result.code, result.out) == (0, "Yes.\nYes.\n")
    assert cli.only()["model"] == "House:big"
    assert cli.context.made == []  # of the last command, which only listed
    shown = cli("conversations", "show", cli.only()["id"]).out
    assert "[big · House]" in shown


def test_the_greeting_says_what_leaves_and_to_whom(cli: CommandLine, house: Recorder) -> None:
    result = cli("chat", "--model", "house:", stdin="", terminal=True)
    assert "small · House - what you write goes to House, another program" in result.err


def test_a_local_conversation_is_sent_only_after_a_yes(cli: CommandLine, house: Recorder) -> None:
    cli.says(["One"], ["Two"])
    cli("chat", stdin="Secret\n")
    conversation = cli.only()["id"]
    turn = "/model house:big\n{}\nMore\n"
    result = cli("chat", "--conversation", conversation, stdin=turn.format("n"), terminal=True)
    assert "the 2 earlier messages" in result.err
    assert "are sent to House, another program on this computer (127.0.0.1:" in result.err
    assert house.requests == []
    assert cli.only()["model"] is None
    result = cli("chat", "--conversation", conversation, stdin=turn.format("y"), terminal=True)
    assert result.code == 0
    assert said(house)[0] == "Secret" and said(house)[-1] == "More"
    assert cli.only()["model"] == "House:big"


def test_a_provider_that_answers_already_is_not_asked_about(
    cli: CommandLine, house: Recorder
) -> None:
    result = cli(
        *("chat", "--model", "house:big"),
        stdin="Hello?\n/model house:small\nAnd?\n",
        terminal=True,
    )
    assert "Send it?" not in result.out
    assert house.chat.body["model"] == "small"


def test_an_empty_conversation_has_nothing_to_ask_about(cli: CommandLine, house: Recorder) -> None:
    result = cli("chat", stdin="/model house:big\nHello?\n", terminal=True)
    assert "Send it?" not in result.out and "what you write goes to House" in result.err
    assert said(house) == ["Hello?"]


def test_another_provider_is_asked_about_too(cli: CommandLine, house: Recorder) -> None:
    cli("providers", "add", "Other", "--base-url", "http://127.0.0.1:9/v1", "--no-key")
    result = cli(
        *("chat", "--model", "house:big"), stdin="Hello?\n/model other:x\nn\n", terminal=True
    )
    assert "the 2 earlier messages" in result.err and "sent to Other" in result.err
    assert cli.only()["model"] == "House:big"


def test_without_a_terminal_only_the_command_line_can_choose(
    cli: CommandLine, house: Recorder
) -> None:
    cli.says(["One"], ["Two"])
    result = cli("chat", stdin="Secret\n/model house:big\nMore\n")
    assert "sent to House" in result.err and "--model" in result.err
    assert house.requests == []
    assert result.out == "One\nTwo\n"
    conversation = cli.only()["id"]
    result = cli("chat", "--conversation", conversation, "--model", "house:big", stdin="Third\n")
    assert "the 4 earlier messages" in result.err
    assert said(house) == ["Secret", "One", "More", "Two", "Third"]


def test_back_to_a_local_model_nothing_more_is_sent(cli: CommandLine, house: Recorder) -> None:
    cli.says(["Here"])
    cli("chat", "--model", "house:big", stdin="Hello?\n/model tiny\nSecret\n")
    assert said(house) == ["Hello?"]
    assert cli.only()["model"] == "tiny"


def test_models_are_listed_without_asking_the_server(cli: CommandLine, house: Recorder) -> None:
    out = cli("chat", stdin="/model\n").out
    assert "House:small" in out and "goes to House" in out
    assert house.requests == []


def test_opening_a_remote_conversation_says_where_it_goes(
    cli: CommandLine, house: Recorder
) -> None:
    cli("ask", "Hello?", "--save", "--model", "house:big")
    result = cli("chat", stdin="/open 1\n")
    assert "big · House - what you write goes to House" in result.err


# -- what was agreed to, and for how long ----------------------------------------------------------


def moved(cli: CommandLine, there: Recorder) -> None:
    assert cli("providers", "change", "House", "--base-url", there.base_url).code == 0


def test_a_provider_at_another_address_is_asked_about(cli: CommandLine, house: Recorder) -> None:
    cli("ask", "Secret", "--save", "--model", "house:big")
    go_on = ("chat", "--conversation", cli.only()["id"])
    with recording() as there:
        moved(cli, there)
        result = cli(*go_on, stdin="More\n")
        assert there.base_url.split("/")[2] in result.err and "--model" in result.err
        result = cli(*go_on, stdin="More\nn\n/regenerate\nn\n/continue\nn\n", terminal=True)
        assert result.err.count("the 2 earlier messages") == 3
        assert there.requests == []
        assert len(cli.only()["messages"]) == 2
        cli(*go_on, stdin="More\ny\nAnd more\n", terminal=True)
        assert said(there) == ["Secret", "Yes.", "More", "Yes.", "And more"]


def test_a_provider_that_moves_during_the_chat_is_asked_about(
    cli: CommandLine, house: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatdesk.cli.lines import Lines
    from chatdesk.providers.profiles import Profiles

    read = Lines.read

    with recording() as there:

        def read_and_move(lines: Lines, beginning: str = "") -> str | None:
            text = read(lines, beginning)
            if text == "More":
                profiles = Profiles(cli.context.data)
                profiles.change(replace(profiles.find("House"), base_url=there.base_url))
            return text

        monkeypatch.setattr(Lines, "read", read_and_move)
        result = cli("chat", "--model", "house:big", stdin="Secret\nMore\n")
        assert result.out == "Yes.\n"
        assert "To choose that" in result.err
        assert there.requests == []


def test_what_was_written_for_a_local_model_since_is_asked_about(
    cli: CommandLine, house: Recorder
) -> None:
    cli.says(["Here"])
    cli("chat", "--model", "house:big", stdin="Hello?\n/model tiny\nSecret\n")
    result = cli("chat", "--conversation", cli.only()["id"], stdin="/model house:big\nMore\n")
    assert "the 4 earlier messages" in result.err and "--model" in result.err
    assert said(house) == ["Hello?"]


def test_a_new_conversation_says_where_it_goes(cli: CommandLine, house: Recorder) -> None:
    result = cli("chat", "--model", "house:big", stdin="Hello?\n/new\nAnother\n")
    assert "big · House - what you write goes to House" in result.err
    assert said(house) == ["Another"]
