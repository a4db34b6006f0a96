"""The command line as a person runs it: real processes, the real model, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHATDESK = Path(sys.executable).with_name("chatdesk")
PLANETS = "Name the planets of the solar system."

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pseudo-terminals")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Two threads on two busy cores can be twenty times slower than one."""
    for key, value in {"model.threads": "1", "model.context_size": "1024"}.items():
        chatdesk("settings", "set", key, value)


def chatdesk(*arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and check its exit code."""
    result = subprocess.run(
        [str(CHATDESK), *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert result.returncode == code, result.stderr
    return result


def parsed(*arguments: str) -> Any:
    return json.loads(chatdesk(*arguments, "--json").stdout)


def only_conversation() -> dict[str, Any]:
    (summary,) = parsed("conversations", "list")
    return dict(parsed("conversations", "show", summary["id"]))


def as_in_a_terminal() -> None:
    """What runs the tests may ignore signals (nohup does), which children inherit."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(*arguments: str, **named: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(CHATDESK), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=as_in_a_terminal,
        **named,
    )


def first_bytes(process: subprocess.Popen[bytes]) -> bytes:
    """Wait until the reply is being written."""
    assert process.stdout is not None
    return process.stdout.read1(64)  # type: ignore[attr-defined,no-any-return]


def test_a_question_is_answered() -> None:
    result = chatdesk("ask", PLANETS, "--temperature", "0", "--max-tokens", "40")
    assert result.stdout.strip()
    assert result.stderr == ""


def test_the_same_seed_gives_the_same_reply() -> None:
    arguments = ("ask", "Write one line.", "--seed", "11", "--max-tokens", "12")
    first, second = (parsed(*arguments) for _ in range(2))
    assert first["content"] == second["content"]
    assert first["usage"]["completion_tokens"] == second["usage"]["completion_tokens"] <= 12


def test_ctrl_c_ends_with_130_and_keeps_what_was_said() -> None:
    with start("ask", "Write a very long story.", "--save") as process:
        begun = first_bytes(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err
    reply = only_conversation()["messages"][1]
    assert reply["status"] == "stopped"
    assert reply["content"].strip() == (begun + out).decode().strip()


def test_a_killed_reply_comes_back_as_interrupted() -> None:
    with start("ask", "Write a very long story.", "--save") as process:
        begun = first_bytes(process)
        time.sleep(1)
        process.kill()
        process.communicate()
    reply = only_conversation()["messages"][1]
    assert reply["status"] == "interrupted"
    assert reply["content"].startswith(begun.decode()[:1])


def test_a_reader_that_went_away_is_no_error() -> None:
    command = f'"{CHATDESK}" ask "Write a very long story." | head -c 5; exit "${{PIPESTATUS[0]}}"'
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


def test_a_chat_remembers_and_is_gone_on_with() -> None:
    chatdesk("settings", "set", "sampling.max_tokens", "16")
    first = chatdesk("chat", stdin="My name is Ada.\nWhat is my name?\n")
    assert first.stdout.count("\n") >= 2
    conversation = only_conversation()
    assert [m["status"] for m in conversation["messages"]] == ["complete"] * 4
    chatdesk("chat", "--conversation", conversation["id"][:5], stdin="Thank you.\n")
    assert len(only_conversation()["messages"]) == 6


def test_doctor_finds_nothing_wrong_and_lets_the_model_answer() -> None:
    report = parsed("doctor")
    assert report["ok"] is True, report
    assert "Reply" in [check["name"] for check in report["checks"]]


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "letter.gguf").write_text("Dear Sir or Madam")
    for arguments in (
        ("ask", "Hi", "--model", str(tmp_path / "letter.gguf")),
        ("models", "add", str(tmp_path / "letter.gguf")),
        ("models", "info", str(tmp_path / "letter.gguf")),
    ):
        result = chatdesk(*arguments, code=1)
        assert result.stdout == ""
        assert "letter.gguf" in result.stderr
        assert result.stderr.count("\n") == 1


def test_models_are_listed_added_used_and_removed(tmp_path: Path) -> None:
    (bundled,) = [model for model in parsed("models", "list") if model["source"] == "bundled"]
    assert bundled["default"] is True
    assert bundled["problem"] is None
    assert bundled["has_chat_template"] is True
    assert parsed("models", "info", bundled["name"])["needed_bytes"] > bundled["size_bytes"]
    copy = tmp_path / "mine.gguf"
    copy.symlink_to(bundled["path"])
    assert chatdesk("models", "remove", bundled["name"], code=1).stderr.count("\n") == 1
    arguments = ("--max-tokens", "3", "--temperature", "0", "--model")
    assert parsed("ask", "Hi", *arguments, str(copy))["status"] == "complete"
    assert parsed("ask", "Hi", *arguments, bundled["name"])["model"] == bundled["name"]


# -- in a terminal -----------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal in which Chatdesk runs."""

    def __init__(self, *arguments: str) -> None:
        import pty

        self.seen = ""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(CHATDESK, [str(CHATDESK), *arguments])

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until the text was shown (after what was waited for before)."""
        while text not in self.seen:
            try:
                self.seen += os.read(self.descriptor, 4096).decode("utf-8", "replace")
            except OSError:
                pytest.fail(f"{text!r} never came: {self.seen!r}")
        self.seen = self.seen[self.seen.index(text) + len(text) :]

    def end(self) -> int:
        """The exit code, once it has ended by itself."""
        while True:
            try:
                if not os.read(self.descriptor, 4096):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal("chat")
    yield terminal
    os.close(terminal.descriptor)


def test_a_person_in_a_terminal_stops_a_reply_and_leaves(terminal: Terminal) -> None:
    terminal.wait_for("Ctrl+D leaves.")
    terminal.wait_for("> ")
    terminal.type("Write a very long story.\r")
    terminal.wait_for("\n")
    terminal.wait_for(" ")  # the reply is being written
    while only_conversation_or_none() is None:
        time.sleep(0.1)
    terminal.type("\x03")
    terminal.wait_for("(stopped")
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.end() == 0
    messages = only_conversation()["messages"]
    assert [m["status"] for m in messages] == ["complete", "stopped"]


def only_conversation_or_none() -> dict[str, Any] | None:
    return only_conversation() if parsed("conversations", "list") else None


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="temporary stores lie elsewhere")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_not_to_be_kept_is_gone_also_after_a_request_to_end(number: int) -> None:
    def stores() -> set[Path]:
        return set(Path("/dev/shm").glob("chatdesk-*"))

    before = stores()
    process = start("ask", "Write a very long story.")
    first_bytes(process)
    assert stores() - before
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    assert not stores() - before


def test_a_reply_ended_with_the_terminal_is_saved_as_interrupted() -> None:
    process = start("ask", "Write a very long story.", "--save")
    first_bytes(process)
    process.send_signal(signal.SIGHUP)
    process.communicate()
    messages = only_conversation()["messages"]
    assert messages[-1]["status"] == "interrupted" and messages[-1]["content"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("settings get sampling.top_p >&-", 0),
        ("settings get nosuch 2>&-", 1),
        ("ask <&-", 1),
        ("chat --temporary <&-", 0),
    ],
)
def test_closed_streams_are_empty_ones(command: str, code: int) -> None:
    shell = f'"{CHATDESK}" {command}'
    result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert result.returncode == code
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
@pytest.mark.parametrize("arguments", ["settings list", "settings list --json", "ask Hi"])
def test_output_that_cannot_be_written_is_told_in_one_line(arguments: str) -> None:
    shell = f'"{CHATDESK}" {arguments} >/dev/full'
    result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "could not be written" in result.stderr


def test_a_model_given_by_a_relative_path_is_found_from_anywhere(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.gguf").symlink_to(model_path)
    monkeypatch.chdir(tmp_path)
    chatdesk("ask", "Hi", "--save", "--max-tokens", "1", "--model", "mine.gguf")
    assert only_conversation()["model"] == str(tmp_path / "mine.gguf")
    chatdesk("settings", "set", "model.default", "./mine.gguf")
    assert parsed("settings", "get", "model.default")["value"] == str(tmp_path / "mine.gguf")
    chatdesk("settings", "set", "model.default", "SmolLM2-135M-Instruct")
    chatdesk("settings", "set", "model.default", "no such model", code=1)
    assert parsed("settings", "get", "model.default")["value"] == "SmolLM2-135M-Instruct"
