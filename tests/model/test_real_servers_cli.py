"""The command line and Chat at real servers, as a person or a script uses them.

There is no keyring here: the key comes from the environment, which each provider was allowed. What
a real keyring does is for the tests in tests/e2e.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from real_servers import CONTEXT, KEY, MODEL, RealServer

from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profiles
from chatdesk.settings import SettingsFile

CHATDESK = Path(sys.executable).with_name("chatdesk")
QUESTION = "Name the planets of the solar system."
LONG = "Write a very long story about a lighthouse keeper and the sea."


def chatdesk(*arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and check its exit code, and that no key stands in what it says."""
    result = subprocess.run(
        [str(CHATDESK), *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert result.returncode == code, result.stderr
    assert KEY not in result.stdout + result.stderr
    return result


def parsed(*arguments: str) -> Any:
    return json.loads(chatdesk(*arguments, "--json").stdout)


def only_conversation() -> dict[str, Any]:
    (summary,) = parsed("conversations", "list")
    return dict(parsed("conversations", "show", summary["id"]))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, any_server: RealServer) -> RealServer:
    """A provider "House", each server in turn, its key in the environment."""
    return add(monkeypatch, any_server)


@pytest.fixture
def llama_house(monkeypatch: pytest.MonkeyPatch, llama_server: RealServer) -> RealServer:
    """The same, only llama.cpp's server, where one is enough."""
    return add(monkeypatch, llama_server)


def add(monkeypatch: pytest.MonkeyPatch, server: RealServer) -> RealServer:
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    data = DataDir(Path(os.environ["CHATDESK_DATA_DIR"]))
    data.create()
    Profiles(data).add(
        "House",
        "openai",
        base_url=server.base_url,
        context_size=CONTEXT,
        use_environment=True,
    )
    return server


def test_a_provider_is_added_tried_and_its_models_listed(
    monkeypatch: pytest.MonkeyPatch, llama_server: RealServer
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    options = ("--kind", "openai", "--base-url", llama_server.base_url, "--use-environment")
    chatdesk("providers", "add", "House", *options)
    assert "House" in chatdesk("providers", "test", "House", "--model", MODEL).stdout
    (model,) = parsed("providers", "models", "House")
    assert (model["id"], model["context_size"]) == (MODEL, CONTEXT)
    (listed,) = parsed("providers", "list")
    assert (listed["name"], listed["base_url"]) == ("House", llama_server.base_url)
    (key,) = parsed("keys", "list")
    assert key["place"] == "environment"


def test_a_question_is_answered_by_the_server(house: RealServer) -> None:
    before = len(house.log)
    result = chatdesk("ask", QUESTION, "--model", "house:", "--max-tokens", "12")
    assert result.stdout.strip()
    house.wait_for_request(after=before)


def test_a_reply_says_where_it_comes_from(llama_house: RealServer) -> None:
    arguments = ("--model", f"House:{MODEL}", "--max-tokens", "6", "--save")
    reply = parsed("ask", QUESTION, *arguments)
    assert (reply["model"], reply["provider"], reply["status"]) == (MODEL, "House", "complete")
    saved = only_conversation()
    assert saved["model"] == f"House:{MODEL}"
    assert saved["messages"][1]["provider"] == "House"
    chatdesk("providers", "rename", "House", "Home")
    assert only_conversation()["model"] == f"Home:{MODEL}"
    assert only_conversation()["messages"][1]["provider"] == "House"  # as it was called then


def test_the_model_on_this_computer_still_answers_who_names_none(llama_house: RealServer) -> None:
    data = DataDir(Path(os.environ["CHATDESK_DATA_DIR"]))
    SettingsFile(data.settings).set_many({"model.threads": 1, "model.context_size": 1024})
    before = len(llama_house.log)
    reply = parsed("ask", QUESTION, "--max-tokens", "4")
    assert reply["provider"] is None
    assert "POST" not in llama_house.log[before:]


def test_a_wrong_key_is_one_line_and_exit_code_1(
    house: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key-that-is-wrong")
    result = chatdesk("ask", "Hi", "--model", f"House:{MODEL}", code=1)
    assert result.stdout == ""
    assert "key" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "sk-another" not in result.stderr
    assert "key" in chatdesk("providers", "test", "House", code=1).stdout


def test_a_model_at_no_provider_is_named_and_nothing_is_sent() -> None:
    result = chatdesk("ask", "Hi", "--model", "nowhere:gpt-9", code=1)
    assert "nowhere" in result.stderr
    assert result.stderr.count("\n") == 1


def test_ctrl_c_ends_with_130_and_the_server_stops_writing(house: RealServer) -> None:
    before = len(house.log)
    process = subprocess.Popen(
        [str(CHATDESK), "ask", LONG, "--save", "--model", f"House:{MODEL}", "--max-tokens", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    begun = os.read(process.stdout.fileno(), 64)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err
    house.wait_for_stop(after=before)
    reply = only_conversation()["messages"][1]
    assert reply["status"] == "stopped"
    assert reply["content"].strip() == (begun + out).decode().strip()


def test_a_chat_with_a_server_remembers(llama_house: RealServer) -> None:
    data = DataDir(Path(os.environ["CHATDESK_DATA_DIR"]))
    SettingsFile(data.settings).set_many({"sampling.max_tokens": 8})
    chatdesk("chat", "--model", "House:", stdin="My name is Ada.\nWhat is my name?\n")
    conversation = only_conversation()
    assert [m["status"] for m in conversation["messages"]] == ["complete"] * 4
    assert conversation["model"].startswith("House:")
    assert {m["provider"] for m in conversation["messages"][1::2]} == {"House"}
    chatdesk("chat", "--conversation", conversation["id"], stdin="Thank you.\n")
    assert only_conversation()["messages"][-1]["provider"] == "House"


def test_what_it_does_in_detail_has_no_key_in_it(llama_house: RealServer) -> None:
    assert chatdesk("--verbose", "ask", "Hi", "--model", "House:", "--max-tokens", "2").stdout


def test_a_server_that_is_gone_is_named() -> None:
    """Nothing listens there; it is tried again for a moment, then told."""
    chatdesk("providers", "add", "Gone", "--no-key", "--base-url", "http://127.0.0.1:9/v1")
    result = chatdesk("ask", "Hi", "--model", "Gone:m", code=1)
    assert "Gone" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_chat_in_python(llama_house: RealServer) -> None:
    code = f"""
import sys
from chatdesk import Chat
with Chat(system="Answer concisely.", model="House:{MODEL}", max_tokens=8) as chat:
    pieces = list(chat.stream("Name the planets"))
    assert len(pieces) > 2, pieces
    assert chat.send("Reverse the list").strip()
    assert [m["role"] for m in chat.messages] == ["system", *["user", "assistant"] * 2]
    for piece in chat.stream("Write a very long story"):
        break
assert "PySide6" not in sys.modules and "llama_cpp" not in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
