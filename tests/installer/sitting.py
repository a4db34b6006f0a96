"""Ann at her computer: she opens Chatdesk from the menu, types, reads and closes the window.

The computer is a clean root. Its display, the window manager and Ann's hands (xdotool) and eyes
(import) are outside, so that their libraries are not in the root.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from clean_root import HOME, CleanRoot
from hands import wait_until

# The first start on a busy computer reads the whole application from the disk.
PATIENCE_S = 180.0
QUESTION = "Tell me a long story about a lighthouse"


def menu_command(entry: str, *files: str) -> list[str]:
    """What a desktop runs for a .desktop entry's text, with files opened by it.

    https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html
    """
    (line,) = [line for line in entry.splitlines() if line.startswith("Exec=")]
    command = []
    for word in shlex.split(line.removeprefix("Exec=")):
        if word in ("%F", "%U", "%f", "%u"):
            command += files
        else:
            command.append(word.replace("%%", "%"))
    return command


class Sitting:
    """Ann at a clean computer, with at most one Chatdesk running.

    program: what runs Chatdesk's command line there. output: a file for what the window prints.
    """

    def __init__(
        self, root: CleanRoot, display: Mapping[str, str], output: Path, *program: str
    ) -> None:
        self.root = root
        self.program = program
        self._display = dict(display)
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._window = ""

    # -- the window ------------------------------------------------------------------------------

    def open(self, *command: str) -> None:
        """Run what the menu runs and wait for the window, which then has the focus."""
        self.leave()
        self._process = self.root.start(
            *command, output=self._output, environment={"DISPLAY": self._display["DISPLAY"]}
        )
        self._window = wait_until(self._find, "the window", timeout=PATIENCE_S, every=0.3)
        self._xdotool("windowactivate", "--sync", self._window)
        wait_until(self._is_painted, "the window's content", timeout=PATIENCE_S, every=0.3)

    def _is_painted(self) -> bool:
        # A window that is not painted yet is of one colour.
        found = subprocess.run(
            ["sh", "-c", f"import -window {self._window} png:- | identify -format %k -"],
            env={**os.environ, **self._display},
            capture_output=True,
            text=True,
            check=False,
        )
        return found.stdout.isdigit() and int(found.stdout) > 100

    def _find(self) -> str:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"Chatdesk ended with {self._process.returncode}:\n{self.printed}")
        found = self._xdotool("search", "--onlyvisible", "--class", "chatdesk").split()
        return found[0] if found else ""

    @property
    def printed(self) -> str:
        """What the windows wrote to standard output and error."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def type(self, text: str) -> None:
        """Type a message and send it."""
        self._xdotool("windowfocus", "--sync", self._window)
        self._xdotool("type", "--clearmodifiers", "--delay", "20", text)
        self._xdotool("key", "Return")

    def title(self) -> str:
        return self._xdotool("getwindowname", self._window).strip()

    def screenshot(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["import", "-window", "root", str(file)],
            env={**os.environ, **self._display},
            check=True,
        )

    def close(self) -> int:
        """Close the window as its close button does; the exit code."""
        assert self._process is not None
        self._xdotool("windowactivate", "--sync", self._window)
        self._xdotool("key", "alt+F4")
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"Chatdesk does not end after its window was closed:\n{self.printed}")

    def leave(self) -> None:
        """End what is still running."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _xdotool(self, *arguments: str) -> str:
        return subprocess.run(
            ["xdotool", *arguments],
            env={**os.environ, **self._display},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    # -- a visit ---------------------------------------------------------------------------------

    def ask_and_come_back(self, command: Sequence[str], picture: Path) -> None:
        """Ask from the menu, see the reply come, close the window, and find the chat again."""
        self.open(*command)
        self.type(QUESTION)
        states = self.wait_for_reply()
        self.screenshot(picture)
        assert states[-1] == "complete", states
        assert "streaming" in states, states  # what was saved grew while it was written
        said = self.messages()
        assert said[0]["content"] == QUESTION and len(said[1]["content"]) > 40, said
        assert self.close() == 0
        self.open(*command)
        assert self.messages() == said
        assert self.close() == 0
        assert "Traceback" not in self.printed

    # -- what was saved --------------------------------------------------------------------------

    def told(self, *arguments: str) -> Any:
        """What a command of the command line says with --json, in the root."""
        printed = self.root.run(*self.program, *arguments, "--json")
        return json.loads(printed)

    def messages(self) -> list[dict[str, Any]]:
        """The newest conversation's messages; none before there is one."""
        listed = self.told("conversations", "list")
        if not listed:
            return []
        return list(self.told("conversations", "show", listed[0]["id"])["messages"])

    def wait_for_reply(self) -> list[str]:
        """Wait until the newest conversation's last reply is whole; the states it went through."""
        seen: list[str] = []

        def is_whole() -> bool:
            messages = self.messages()
            if messages and messages[-1]["role"] == "assistant" and messages[-1]["content"]:
                seen.append(messages[-1]["status"])
            return bool(seen) and seen[-1] != "streaming"

        wait_until(is_whole, "a whole reply", timeout=PATIENCE_S, every=0.2)
        return seen

    @property
    def data(self) -> Path:
        """Ann's data directory, seen from outside."""
        return self.root.path(f"{HOME}/.local/share/Chatdesk")
