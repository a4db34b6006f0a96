"""A command line whose replies are scripted."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatdesk.cli.context import Chosen, Context, OnState
from chatdesk.cli.root import run
from chatdesk.errors import NotFound
from chatdesk.headless import Pumped
from chatdesk.providers.scripted import Script, ScriptedProvider


class ScriptedContext(Context):
    """A context in which every model but "nosuch" exists and says what the test wants."""

    scripts: tuple[Script, ...] = ()

    def __post_init__(self) -> None:
        self.provider = ScriptedProvider()  # until there is something to be asked

    def choose_local(self, model: str | None) -> Chosen:
        if model == "nosuch":
            raise NotFound('There is no model "nosuch".', "See: chatdesk models list.")
        return Chosen(model or "scripted", model)

    def local_engine(self, on_state: OnState) -> Pumped:
        self.provider = ScriptedProvider(*self.scripts)
        return self.provider


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class CommandLine:
    """Runs commands in this process, with the test's own data directory."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    scripts: tuple[Script, ...] = ()
    context: ScriptedContext = field(default_factory=ScriptedContext)

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        self.context = ScriptedContext()
        self.context.scripts = self.scripts
        code = run(list(arguments), self.context)
        captured = self.capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def says(self, *scripts: Script) -> None:
        """What the model says from now on."""
        self.scripts = scripts

    @property
    def requests(self) -> list[Any]:
        """What the model of the last command was asked."""
        return self.context.provider.requests

    def conversations(self) -> list[dict[str, Any]]:
        return list(self("conversations", "list", "--json").json)

    def only(self) -> dict[str, Any]:
        """The only conversation, whole."""
        (summary,) = self.conversations()
        return dict(self("conversations", "show", summary["id"], "--json").json)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


@pytest.fixture
def one_line() -> Callable[[str], str]:
    """Checks that an error is one plain line, and returns it."""

    def check(text: str) -> str:
        assert text.endswith("\n") and text.count("\n") == 1, text
        assert "Traceback" not in text
        return text.strip()

    return check
