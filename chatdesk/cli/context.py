"""What every command starts from: the data directory and what is in it, opened when needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from chatdesk.cli.output import print_hint
from chatdesk.paths import DataDir, data_dir

if TYPE_CHECKING:
    from chatdesk.credentials import Keys
    from chatdesk.headless import Everyone, Pumped
    from chatdesk.library import Library
    from chatdesk.providers.llama import ModelState
    from chatdesk.providers.llama.choose import Chooser
    from chatdesk.providers.profiles import Accounts, Profiles, RemoteName
    from chatdesk.providers.remote import RemoteProvider
    from chatdesk.settings import SettingsFile
    from chatdesk.store import Store

OnState = Callable[["ModelState"], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model that was chosen and can be used, as far as that can be known before it is.

    name: as it is shown. reference: as a conversation keeps it, None for the default model. remote:
    where it is, None for a model on this computer.
    """

    name: str
    reference: str | None = None
    remote: RemoteName | None = None


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

    @cached_property
    def profiles(self) -> Profiles:
        """The remote providers; what was wrong in their file is told once, on standard error."""
        from chatdesk.providers.profiles import Profiles

        profiles = Profiles(self.data)
        for problem in profiles.problems:
            print_hint(problem)
        return profiles

    @cached_property
    def keys(self) -> Keys:
        """The providers' keys. The keyring is not asked for anything yet."""
        from chatdesk.credentials import Keys

        return Keys(self.data)

    @cached_property
    def accounts(self) -> Accounts:
        from chatdesk.providers.profiles import Accounts

        return Accounts(self.profiles, self.keys)

    def choose(self, model: str | None) -> Chosen:
        """The model that a name means: PROVIDER:MODEL, or one of this computer; None is the default
        of those.

        Raises NotFound or ModelError, before anything is loaded. No server is asked.
        """
        from chatdesk.providers.profiles import split

        remote = split(model, self.profiles)
        if remote is not None:
            return Chosen(remote.label, remote.reference, remote)
        return self.choose_local(model)

    def choose_local(self, model: str | None) -> Chosen:
        """As choose(), for what names no provider that is known."""
        choice = self.chooser.resolve(model)
        self.chooser.check(choice)
        return Chosen(choice.name, model and self.library.lasting(model))

    def lasting(self, model: str) -> str:
        """A model as settings keep it: a provider by its id, a path not relative; "" stays so.

        Raises NotFound where there is no such model here, and no such provider.
        """
        from chatdesk.providers.llama.choose import find_local
        from chatdesk.providers.profiles import split

        remote = split(model, self.profiles)
        if remote is not None:
            return remote.reference
        if model:
            find_local(self.library, model)
        return self.library.lasting(model)

    def choose_for_new(self, model: str | None) -> Chosen:
        """As choose(), for a new conversation: None is the default of the settings, wherever it is.

        A conversation keeps a remote default as its own model, so that changing the default later
        sends nothing elsewhere.
        """
        from chatdesk.providers.profiles import provider_of

        default = self.settings.values.model.default
        return self.choose(default if model is None and provider_of(default) else model)

    def engine(self, on_state: OnState) -> Everyone:
        """Who writes the replies, for headless.Worker."""
        from chatdesk.headless import Everyone

        return Everyone(lambda: self.local_engine(on_state), self.remote_provider, self.profiles)

    def local_engine(self, on_state: OnState) -> Pumped:
        """Who writes the replies of this computer's models."""
        from chatdesk.providers.llama import LlamaEngine

        return LlamaEngine(self.chooser.resolve, on_state, self.chooser.check)

    def pool_engine(self, parallel: int, on_state: OnState) -> Pumped:
        """Who writes the replies of a worker, so many at a time."""
        if parallel == 1:
            return self.local_engine(on_state)
        from chatdesk.providers.llama.parallel import ParallelEngine

        check = partial(self.chooser.check, sequences=parallel)
        return ParallelEngine(self.chooser.resolve, on_state, parallel, check)

    def remote_provider(self) -> RemoteProvider:
        """Who asks servers for replies."""
        from chatdesk.providers.remote import RemoteProvider

        return RemoteProvider(self.accounts)

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
