"""What every command starts from: the data directory and what is in it, opened when needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from chatdesk.cli.output import print_hint
from chatdesk.paths import DataDir, data_dir

if TYPE_CHECKING:
    from chatdesk.headless import Pumped
    from chatdesk.library import Library
    from chatdesk.providers.llama import ModelChoice, ModelState
    from chatdesk.providers.llama.choose import Chooser
    from chatdesk.settings import SettingsFile
    from chatdesk.store import Store

OnState = Callable[["ModelState"], None]


@dataclass
class Context:
    """The global options, and what they lead to. Belongs to the main thread."""

    data_option: str | None = None
    verbose: bool = False
    closing: ExitStack = field(default_factory=ExitStack, repr=False)  # left when the run ends

    _log_started: bool = field(default=False, repr=False)

    def start_log(self) -> None:
        """Make the data directory and log in it, as the window does. Raises StoreError."""
        if self._log_started:
            return
        from chatdesk.diagnostics import install_hooks, setup_logging

        self._log_started = True
        self.data.create()  # first, so that no folder is made with other rights
        self.closing.callback(setup_logging(self.data, self.verbose))
        self.closing.callback(install_hooks())

    @cached_property
    def data(self) -> DataDir:
        return data_dir(self.data_option)

    @cached_property
    def settings(self) -> SettingsFile:
        """The settings; what was wrong in their file is told once, on standard error."""
        from chatdesk.settings import SettingsFile

        settings = SettingsFile(self.data.settings)
        for problem in settings.problems:
            print_hint(problem)
        return settings

    @cached_property
    def library(self) -> Library:
        from chatdesk.library import Library

        return Library(self.data)

    @cached_property
    def chooser(self) -> Chooser:
        """Which file is meant by a model's name, and whether it can be used."""
        from chatdesk.providers.llama.choose import Chooser

        return Chooser(self.library, lambda: self.settings.values)

    def lasting(self, model: str | None) -> str | None:
        """A model as a conversation keeps it: a path is not left relative."""
        return model and self.library.lasting(model)

    def choose(self, model: str | None) -> ModelChoice:
        """The model that would answer. Raises NotFound or ModelError, before anything is loaded."""
        choice = self.chooser.resolve(model)
        self.chooser.check(choice)
        return choice

    def engine(self, on_state: OnState) -> Pumped:
        """Who writes the replies, for headless.Worker."""
        from chatdesk.providers.llama import LlamaEngine

        return LlamaEngine(self.chooser.resolve, on_state, self.chooser.check)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The person's conversations."""
        from chatdesk.cli.carrier import terminations
        from chatdesk.store import open_store

        with terminations():
            store = open_store(self.data)
            try:
                yield store
            finally:
                store.close()

    @contextmanager
    def temporary_store(self) -> Iterator[Store]:
        """An empty store that is gone afterwards; in memory where the system has such a folder."""
        from chatdesk.cli.carrier import terminations
        from chatdesk.store import open_store

        memory = Path("/dev/shm")
        folder = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
        with (
            terminations(),
            tempfile.TemporaryDirectory(
                prefix="chatdesk-", dir=folder, ignore_cleanup_errors=True
            ) as name,
        ):
            store = open_store(DataDir(Path(name)))
            try:
                yield store
            finally:
                store.close()


P = ParamSpec("P")
R = TypeVar("R")

# For a command that starts nothing by itself.
pass_bare_context = click.make_pass_decorator(Context, ensure=True)


def pass_context(command: Callable[Concatenate[Context, P], R]) -> Callable[P, R]:
    """Give a command the context, with the log started.

    Not before: wrong usage and --help make no data directory.
    """

    @pass_bare_context
    @wraps(command)
    def started(context: Context, /, *arguments: P.args, **options: P.kwargs) -> R:
        context.start_log()
        return command(context, *arguments, **options)

    return started
