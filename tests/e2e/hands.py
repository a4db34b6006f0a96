"""A person at a computer: hands on keyboard and mouse, eyes on the screen, ears for the reader.

The application is a process of its own in a real window. What it saved is read through the command
line, as a person's script would.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

PATIENCE_S = 60.0  # how long something may take on a busy machine before the test gives up
PROGRAM = Path(sys.executable).with_name("chatdesk")
READER = Path(__file__).with_name("read_accessible_tree.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that has PyGObject

T = TypeVar("T")


def wait_until(
    look: Callable[[], T], what: str, *, timeout: float = PATIENCE_S, every: float = 0.1
) -> T:
    """The first truthy answer of look(); the test fails, saying what was waited for, otherwise."""
    deadline = time.monotonic() + timeout
    while not (answer := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"Waited {timeout:g} s in vain for: {what}")
        time.sleep(every)
    return answer


@dataclass
class Desk:
    """One person at one computer: a home, a data directory, at most one running Chatdesk.

    Coordinates are screen pixels. Every method that fails fails the test.
    """

    environment: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    window: str = ""
    _clipboards: list[subprocess.Popen[bytes]] = field(default_factory=list)

    # -- the process -----------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        return Path(self.environment["CHATDESK_DATA_DIR"])

    @property
    def output(self) -> str:
        """What the application wrote to its standard output and error so far."""
        path = self.folder / "output.txt"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self, *arguments: str, program: Path = PROGRAM, wait: bool = True) -> None:
        """Start Chatdesk and wait for its window, which then has the focus."""
        assert self.process is None or self.process.poll() is not None, "it is running already"
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [str(program), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if wait:
            self.window = wait_until(self._find_window, "the window")
            self.focus()

    def _find_window(self) -> str:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"Chatdesk ended with {self.process.returncode}:\n{self.output}")
        found = self.xdotool(
            "search", "--onlyvisible", "--pid", str(self.process.pid), "--name", ".+", check=False
        )
        return found.split()[0] if found.split() else ""

    def kill(self) -> None:
        """SIGKILL: as a crash or a power cut."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> int:
        """Close the window as its close button does; the exit code."""
        assert self.process is not None
        self.focus()
        self.xdotool("key", "alt+F4", check=False)  # the window may be gone before the key is up
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"Chatdesk does not end after its window was closed:\n{self.output}")

    # -- hands -----------------------------------------------------------------------------------

    def xdotool(self, *arguments: str, check: bool = True) -> str:
        result = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode != 0:
            pytest.fail(f"xdotool {' '.join(arguments)}: {result.stderr}\n{self.output}")
        return result.stdout

    def focus(self) -> None:
        self.xdotool("windowactivate", "--sync", self.window)

    def key(self, *keys: str) -> None:
        """Press keys one after the other: "Return", "ctrl+n", "Escape"."""
        self.xdotool("key", "--clearmodifiers", "--delay", "40", *keys)

    def type(self, text: str) -> None:
        """Type on the keyboard; other letters than ASCII are pasted, for xdotool loses some."""
        if text.isascii():
            self.xdotool("type", "--clearmodifiers", "--delay", "15", text)
        else:
            self.paste(text)

    def paste(self, text: str) -> None:
        self.set_clipboard(text)
        self.key("ctrl+v")

    def set_clipboard(self, text: str) -> None:
        process = subprocess.Popen(
            ["xclip", "-quiet", "-selection", "clipboard"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._clipboards.append(process)
        assert process.stdin is not None
        process.stdin.write(text.encode())
        process.stdin.close()
        wait_until(lambda: self.clipboard() == text, "the clipboard")

    def clipboard(self) -> str:
        result = subprocess.run(
            ["xclip", "-out", "-selection", "clipboard"],
            env=self.environment,
            capture_output=True,
            check=False,
        )
        return result.stdout.decode(errors="replace")

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.xdotool("mousemove", "--sync", str(x), str(y), "click", str(button))

    # -- eyes ------------------------------------------------------------------------------------

    def screenshot(self, path: Path) -> Path:
        """A picture of the whole screen."""
        subprocess.run(["import", "-window", "root", str(path)], env=self.environment, check=True)
        return path

    def title(self) -> str:
        return self.xdotool("getwindowname", self.window).strip()

    def accessible(self) -> list[dict[str, Any]]:
        """The accessible tree, parents first: role, name, description, id, states, box, text.

        id is the widget's objectName path as Qt tells it; box is x, y, width, height on the screen.
        """
        # The first look turns accessibility on in the application, which answers from then on.
        return list(wait_until(lambda: self._read("tree"), "the accessible tree"))

    def find(
        self, *, name: str | None = None, role: str | None = None, id: str | None = None
    ) -> list[dict[str, Any]]:
        """The showing elements of the accessible tree that match; id matches the last part."""
        return [
            element
            for element in wait_until(lambda: self._read("showing"), "the accessible tree")
            if "showing" in element["states"]
            and (name is None or element["name"] == name)
            and (role is None or element["role"] == role)
            and (id is None or element["id"].rpartition(".")[2] == id)
        ]

    def press(
        self, *, name: str | None = None, role: str | None = None, id: str | None = None
    ) -> None:
        """Click the middle of the first element that matches, when it is there and stays there."""
        boxes: list[list[int]] = []

        def rests() -> bool:
            found = self.find(name=name, role=role, id=id)
            boxes.append(found[0]["box"] if found else [])
            return bool(found) and boxes[-2:] == [boxes[-1]] * 2

        wait_until(rests, f"name={name} role={role} id={id}")
        x, y, width, height = boxes[-1]
        self.click(x + width // 2, y + height // 2)

    def _read(self, *arguments: str) -> Any:
        assert self.process is not None
        result = subprocess.run(
            [SYSTEM_PYTHON, str(READER), str(self.process.pid), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"The accessible tree cannot be read:\n{result.stderr}")
        return json.loads(result.stdout)

    # -- what was saved --------------------------------------------------------------------------

    def chatdesk(self, *arguments: str) -> Any:
        """Run a command of the command line with --json beside the window; what it printed."""
        result = subprocess.run(
            [str(PROGRAM), *arguments, "--json"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"chatdesk {' '.join(arguments)}: {result.stderr}")
        return json.loads(result.stdout)

    def chatdesk_plain(self, *arguments: str) -> str:
        """Run a command of the command line that has no --json; what it printed."""
        result = subprocess.run(
            [str(PROGRAM), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"chatdesk {' '.join(arguments)}: {result.stderr}")
        return result.stdout

    def draft(self) -> str:
        """The draft of the newest conversation as the database has it."""
        import apsw

        path = str(self.data / "chats.db")
        database = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            row = database.execute(
                "SELECT draft FROM conversations ORDER BY updated_at DESC"
            ).fetchone()
        finally:
            database.close()
        return str(row[0]) if row else ""

    def conversations(self) -> list[dict[str, Any]]:
        return list(self.chatdesk("conversations", "list"))

    def conversation(self, conversation_id: str) -> dict[str, Any]:
        return dict(self.chatdesk("conversations", "show", conversation_id))

    def messages(self, conversation_id: str | None = None) -> list[dict[str, Any]]:
        """The active path of a conversation (default: the newest one)."""
        if conversation_id is None:
            listed = self.conversations()
            if not listed:
                return []
            conversation_id = str(listed[0]["id"])
        return [m for m in self.conversation(conversation_id)["messages"] if m["active"]]

    def memory(self) -> int:
        """Bytes of RAM that the running application uses."""
        import psutil

        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def leave(self) -> None:
        """End everything this desk started."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for process in self._clipboards:
            process.kill()
            process.wait()
