"""A command line whose replies are scripted."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from dict_vault import DictVault

from chatdesk.cli.context import Chosen, Context, OnState
from chatdesk.cli.root import run
from chatdesk.credentials import Keys
from chatdesk.errors import NotFound
from chatdesk.headless import Pumped
from chatdesk.providers.remote import RemoteProvider
from chatdesk.providers.scripted import Script, ScriptedProvider


class ScriptedContext(Context):
    """A context in which every model but "nosuch" exists and says what the test wants."""

    scripts: tuple[Script, ...] = ()
    vault: DictVault

    def __init__(self) -> None:
        super().__init__()
        self.provider = ScriptedProvider()  # until there is something to be asked
        self.made: list[str] = []  # who was needed to answer

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.data, vault=self.vault)

    def choose_local(self, model: str | None) -> Chosen:
        if model == "nosuch":
            raise NotFound('There is no model "nosuch".', "See: chatdesk models list.")
        return Chosen(model or "scripted", model)

    def local_engine(self, on_state: OnState) -> Pumped:
        self.made.append("local")
        self.provider = ScriptedProvider(*self.scripts)
        return self.provider

    def remote_provider(self) -> RemoteProvider:
        self.made.append("remote")
        return super().remote_provider()


class Terminal(io.TextIOWrapper):
    """Standard input that a person sits at."""

    def isatty(self) -> bool:
        return True


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
    vault: DictVault = field(default_factory=DictVault)

    def __call__(self, *arguments: str, stdin: str | bytes = "", terminal: bool = False) -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        kind = Terminal if terminal else io.TextIOWrapper
        self.monkeypatch.setattr(sys, "stdin", kind(io.BytesIO(data), "utf-8"))
        self.context = ScriptedContext()
        self.context.scripts = self.scripts
        self.context.vault = self.vault
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
