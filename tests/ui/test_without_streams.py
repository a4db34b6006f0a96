"""A windowed program on Windows has no standard streams: sys.stdout and the others are None."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Opens the window as the frozen program does and closes it when a person could type.
WINDOW = """
import os, sys
for name in ("stdin", "stdout", "stderr"):
    setattr(sys, name, None)
    setattr(sys, f"__{name}__", None)
from chatdesk import app, cli
run = app.Program.run
app.Program.run = lambda self, files, on_ready: run(self, files, self.close)
os._exit(40 + cli.main(sys.argv[1:]))
"""
COMMAND = WINDOW.replace("from chatdesk import app, cli", "from chatdesk import cli")
COMMAND = "\n".join(line for line in COMMAND.splitlines() if "app." not in line)


def start(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("--verbose",)])
def test_the_window_opens_and_closes_without_streams(
    data_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = start(WINDOW, *arguments)
    assert (ended.returncode, ended.stderr) == (40, "")
    log = (data_path / "logs" / "chatdesk.log").read_text(encoding="utf-8")
    assert "ERROR" not in log and "Traceback" not in log


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("licences",), 0),
        (("models", "list"), 0),
        (("ask", "Hello", "--max-tokens", "4"), 0),
        (("chat", "--temporary"), 0),
        (("models", "info", "no such model"), 1),
        (("frobnicate",), 2),
    ],
)
def test_commands_end_as_ever_without_streams(arguments: tuple[str, ...], code: int) -> None:
    ended = start(COMMAND, *arguments)
    assert (ended.returncode, ended.stderr) == (40 + code, "")
