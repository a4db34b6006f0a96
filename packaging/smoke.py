"""Does this Chatdesk work? Runs a built or installed one as a person would, in a home of its own.

    python3 packaging/smoke.py .venv/bin/chatdesk

Standard library only: it is also run where nothing but the built application is. Each step is a
line; exit code 1 where one fails. The window is tried where there is a display.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WINDOW_S = 8.0  # a window that is still there then has opened


class Smoke:
    """The steps, for one program in one home."""

    def __init__(self, program: str, home: Path) -> None:
        self.program = program
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CHATDESK_"))},
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "share"),
            "CHATDESK_DATA_DIR": str(home / "data"),
        }

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What a command printed; fails unless it exits with 0."""
        result = subprocess.run(
            [self.program, *arguments],
            input=stdin,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"exit code {result.returncode}: {result.stderr.strip()}"
        return result.stdout

    def parsed(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def version(self) -> str:
        return self.run("--version").strip()

    def doctor(self) -> str:
        report = self.parsed("doctor")
        assert report["ok"], report
        return f"{len(report['checks'])} checks"

    def modules(self) -> str:
        report = self.parsed("doctor", "--modules")
        assert report["ok"], report
        return ", ".join(check["text"] for check in report["checks"])

    def licences(self) -> str:
        notice = self.run("licences")
        assert "Lesser General Public License" in notice, notice
        return f"{len(notice.splitlines())} lines"

    def ask(self) -> str:
        question = "Name the planets of the solar system"
        reply = self.parsed("ask", question, "--save", "--max-tokens", "32", "--temperature", "0")
        assert reply["status"] == "complete" and reply["content"], reply
        speed = reply["usage"]["tokens_per_second"]
        return f"{reply['model']}, {speed:.0f} tokens a second"

    def saved(self) -> str:
        (summary,) = self.parsed("conversations", "list")
        messages = self.parsed("conversations", "show", summary["id"])["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant"], messages
        return str(summary["title"])

    def chat(self) -> str:
        assert self.run("chat", "--temporary", stdin="Say hello.\n").strip()
        return "one message"

    def window(self) -> str:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            return "not tried: no display"
        process = subprocess.Popen([self.program], env=self.environment, stderr=subprocess.PIPE)
        try:
            _, error = process.communicate(timeout=WINDOW_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=WINDOW_S)
            return "opened and closed"
        raise AssertionError(f"it ended at once: {error.decode(errors='replace').strip()}")


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: smoke.py PROGRAM", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="chatdesk-smoke-") as folder:
        smoke = Smoke(str(Path(sys.argv[1]).absolute()), Path(folder))
        steps: tuple[Callable[[], str], ...] = (
            smoke.version,
            smoke.doctor,
            smoke.modules,
            smoke.licences,
            smoke.ask,
            smoke.saved,
            smoke.chat,
            smoke.window,
        )
        for step in steps:
            start = time.monotonic()
            try:
                told = step()
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
                print(f"FAILED  {step.__name__}: {error}", file=sys.stderr)
                return 1
            print(f"ok      {step.__name__} ({time.monotonic() - start:.1f} s): {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
