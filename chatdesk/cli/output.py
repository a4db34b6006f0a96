"""What commands print, so that people and scripts can both rely on it.

With --json standard output has one JSON document and nothing else. Without it, it has plain text
with no control characters from anyone's words. Errors, progress and hints go to standard error; an
expected error is one line.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from chatdesk.errors import ChatdeskError, UsageError
from chatdesk.terminal_text import safe_line, safe_text

# Escaped in JSON too, though JSON allows them: a terminal obeys them as well.
_ESCAPED = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def prepare_streams() -> None:
    """Print every character or a stand-in, whatever the terminal's encoding is.

    A stream that is closed (by a script, or in a windowed application) is an empty one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # It lives as long as the process, as the one it stands in for would.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def writing() -> Iterator[None]:
    """Raise UsageError where standard output cannot be written to, but for a reader that left."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(
            f"The output could not be written: {error.strerror or error}.",
            "Check the space on the disk it goes to.",
        ) from error


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    with writing():
        click.echo(_ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text))


def print_text(text: str, *, end: str = "\n") -> None:
    """Text on standard output, at once."""
    with writing():
        click.echo(safe_text(text) + end, nl=False)


def print_hint(text: str) -> None:
    """One line on standard error."""
    click.echo(safe_line(text), err=True)


def print_error(error: ChatdeskError) -> None:
    """An expected error: one plain line on standard error."""
    print_hint(error.in_terminal)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings, in columns. The last column wraps in a terminal, runs on in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        last = number == len(headings) - 1
        table.add_column(heading, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for row in rows:
        table.add_row(*(Text(safe_line(cell)) for cell in row))
    if sys.stdout.isatty():
        Console(highlight=False, markup=False, emoji=False).print(table)
        return
    lines = io.StringIO()
    Console(file=lines, width=100_000, highlight=False, markup=False, emoji=False).print(table)
    with writing():
        click.echo("\n".join(line.rstrip() for line in lines.getvalue().splitlines()))


def iso(moment: float | None) -> str | None:
    """Unix seconds as JSON shows a time: "2026-01-31T12:00:00.000Z"."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def local_time(moment: float) -> str:
    """Unix seconds as a person reads a time, in the computer's time zone."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M")


class Progress:
    """One line on standard error that changes and goes away; nothing where nobody watches."""

    def __init__(self) -> None:
        self._shown = ""
        self._watched = sys.stderr.isatty()

    def show(self, text: str) -> None:
        line = safe_line(text)
        if self._watched and line != self._shown:
            self._shown = line
            click.echo(f"\r\x1b[K{line}", nl=False, err=True)

    def clear(self) -> None:
        if self._shown:
            self._shown = ""
            click.echo("\r\x1b[K", nl=False, err=True)
