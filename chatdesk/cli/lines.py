"""What a person types in the terminal: lines with editing, and messages of more than one line.

A line that ends with a backslash goes on in the next; between two lines of three quotation marks
everything is one message; pasted lines stay together. Nothing typed is written to a history file.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import ModuleType

PROMPT = "> "
MORE = ". "
BLOCK = '"""'


class Lines:
    """Reads messages from standard input. Ctrl+C raises KeyboardInterrupt out of read()."""

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty()
        self._readline = _readline() if self.interactive else None
        if not self.interactive:
            # A terminal's encoding is right for it; a pipe may hold anything.
            reconfigure = getattr(sys.stdin, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")

    def read(self, beginning: str = "") -> str | None:
        """The next message; None at the end of the input. beginning: to be edited, if it can be."""
        line = self._line(PROMPT, beginning)
        if line is None:
            return None
        if line.strip() == BLOCK:
            return self._block()
        parts = []
        while line.endswith("\\"):
            parts.append(line[:-1])
            more = self._line(MORE)
            if more is None:
                break
            line = more
        else:
            parts.append(line)
        return "\n".join(parts)

    def confirmed(self, question: str) -> bool:
        """Ask at the terminal; anything but a yes is a no."""
        try:
            answer = input(question)
        except (EOFError, KeyboardInterrupt):
            return False
        return answer.strip().lower() in ("y", "yes")

    def _block(self) -> str:
        parts: list[str] = []
        while (line := self._line(MORE)) is not None and line.strip() != BLOCK:
            parts.append(line)
        return "\n".join(parts)

    def _line(self, prompt: str, beginning: str = "") -> str | None:
        if self._readline is not None and beginning:
            insert = self._readline.insert_text
            self._readline.set_startup_hook(lambda: insert(beginning))
        try:
            line = input(prompt if self.interactive else "")
        except EOFError:
            return None
        finally:
            if self._readline is not None:
                self._readline.set_startup_hook(None)
        return line.replace("\r\n", "\n").replace("\r", "\n")


def _readline() -> ModuleType | None:
    """The module that gives input() editing and a history; None where there is none."""
    with suppress(ImportError):
        import readline

        # Without this a terminal sends each pasted line as if Enter had been pressed.
        readline.parse_and_bind("set enable-bracketed-paste on")
        return readline
    return None
