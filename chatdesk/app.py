"""The composition root of the window: what is made, in which order, and in which order it ends.

Start: one window for each data directory, logging, settings, database, window; the model is loaded
once the window is on the screen, so that a person can type at once. End: no new runs, the replies
being written are saved as interrupted, connections to servers are closed and the threads joined,
the database is closed, the loop stopped.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from chatdesk import __version__
from chatdesk.chat.provider import Deliver, Request, Run
from chatdesk.credentials import Keys
from chatdesk.diagnostics import install_hooks, setup_logging
from chatdesk.errors import ChatdeskError, ProviderError
from chatdesk.library import Library
from chatdesk.paths import DataDir
from chatdesk.providers.llama import LlamaEngine
from chatdesk.providers.llama.choose import Chooser
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.router import Router
from chatdesk.settings import SettingsFile
from chatdesk.store import Store, open_store
from chatdesk.ui import launch
from chatdesk.ui.bridge import CarriedProvider, ModelWorker, WorkerProvider
from chatdesk.ui.controller.desk import Desk
from chatdesk.ui.crash import CrashReporter
from chatdesk.ui.housekeeping import Housekeeping
from chatdesk.ui.main_window import MainWindow
from chatdesk.ui.signals import QuitSignals
from chatdesk.ui.single_instance import SingleInstance
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import TranscriptView
from chatdesk.ui.warmup import WarmUp

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.remote import Check, RemoteModel, RemoteProvider

_log = logging.getLogger(__name__)


def make_application(arguments: Sequence[str] = ()) -> QApplication:
    """The QApplication with its name, icon and the settings that must come before any window."""
    launch.identify()
    application = QApplication(["chatdesk", *arguments])
    application.setApplicationName("Chatdesk")
    application.setApplicationDisplayName("Chatdesk")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("chatdesk")
    # The window ends the program itself, after everything is saved.
    application.setQuitOnLastWindowClosed(False)
    return application


def main(
    data_dir: DataDir,
    verbose: bool = False,
    files: Sequence[str] = (),
    *,
    on_ready: Callable[[], object] | None = None,
) -> int:
    """Open the window and run until it is closed; the process's exit code. Main thread only.

    files: model files to add and use. on_ready is called once when a person can type. A second
    start with the same data directory hands over to the first and returns 0.
    """
    token = launch.token()
    application = make_application()
    try:
        data_dir.create()
        instance = SingleInstance(data_dir)
        if not instance.start(files, token):
            launch.end_busy_pointer()
            return 0
    except ChatdeskError as error:
        print(f"chatdesk: {error}", file=sys.stderr)
        return 1
    undo_logging = setup_logging(data_dir, verbose)
    crashes = CrashReporter(data_dir)
    undo_hooks = install_hooks(crashes.report)
    try:
        store = open_store(data_dir)
    except ChatdeskError as error:
        _log.error("The database cannot be opened: %s", error.detail or type(error).__name__)
        crashes.tell_and_end(error)
        return 1
    else:
        program = Program(application, data_dir, store)
        crashes.attach(program.window, program.theme, program.close)
        instance.activated.connect(lambda asked: program.desk.activate(asked.files, asked.token))
        opened = launch.OpenedFiles(application)
        opened.opened.connect(program.desk.activate)
        return program.run(files, on_ready)
    finally:
        instance.close()
        undo_hooks()
        undo_logging()


class Program:
    """Everything of one run of the window, from the first widget to the closed database."""

    def __init__(
        self,
        application: QApplication,
        data: DataDir,
        store: Store,
    ) -> None:
        self._store = store
        settings = SettingsFile(data.settings)
        self.theme = theme = Theme(application)
        # The event loop exists before anything can start a coroutine in it.
        self._loop = qasync.QEventLoop(application)
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_loop_exception)
        self._closed = asyncio.Event()
        self._worker = ModelWorker()
        library = Library(data)
        chooser = Chooser(library, lambda: settings.values)
        engine = LlamaEngine(chooser.resolve, self._worker.tell_state, chooser.check)
        self._worker.use(engine)
        profiles = Profiles(data)
        accounts = Accounts(profiles, Keys(data))
        self._remote = LateServers(accounts)
        self._carried = CarriedProvider(self._remote)
        transcript = TranscriptView(theme)
        self.window = MainWindow(theme, transcript)
        self.desk = Desk(
            self.window,
            transcript,
            theme,
            data,
            settings,
            store,
            library,
            engine,
            Router(WorkerProvider(self._worker), self._carried, profiles),
            accounts,
            self._remote,
        )
        theme.apply(application)
        self._worker.state_changed.connect(self.desk.models.on_state)
        self.desk.closing.connect(self._closed.set)
        application.commitDataRequest.connect(self.desk.flush)
        self._housekeeping = Housekeeping(self.desk.streaming, application)
        self._warmup = WarmUp(self.desk.streaming, application)
        self._signals = QuitSignals(self.window.close, application)

    def close(self) -> None:
        """Close the window as its close button does."""
        self.window.close()

    def run(self, files: Sequence[str], on_ready: Callable[[], object] | None) -> int:
        """Show the window; returns when it is closed and everything is saved."""
        self.desk.start()
        self.window.show()
        # What is not needed to type comes after the first frame: loading the model begins with
        # importing llama.cpp, which takes longer than everything before it.
        QTimer.singleShot(0, lambda: self._when_shown(files, on_ready))
        with self._loop:
            self._loop.run_until_complete(self._closed.wait())
            self._end()
        return 0

    def _when_shown(self, files: Sequence[str], on_ready: Callable[[], object] | None) -> None:
        if on_ready is not None:
            on_ready()
        self._worker.start()
        if files:
            self.desk.models.add(list(files))
        else:
            self.desk.models.load()
        handle = self.window.windowHandle()
        if handle is not None:
            self._housekeeping.start(handle)
        self._warmup.start()

    def _end(self) -> None:
        self._warmup.stop()
        self._housekeeping.stop()
        try:
            self.desk.close()
            self._loop.run_until_complete(self.desk.tasks.ended())
        finally:  # whatever went wrong: a thread that still runs would abort the process
            self._carried.close()
            if not self._remote.close():
                _log.error("The connections to servers did not end in time")
            if not self._worker.close():
                _log.error("The model's thread did not end in time")
            self._store.close()
            self.window.hide()
            self.window.deleteLater()
            # Last: until here a second SIGTERM must not cut the saving short.
            self._signals.close()


class LateServers:
    """The provider of remote models, made when it is first needed: typing does not wait for it.

    GUI thread only; after that as RemoteProvider says.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._made: RemoteProvider | None = None
        self._closed = False

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Start a reply."""
        return self._get().start(request, deliver)

    def models(
        self, profile: Profile, key: Secret | None = None
    ) -> Future[tuple[RemoteModel, ...]]:
        """The models that a server offers."""
        return self._get().models(profile, key)

    def test(self, profile: Profile, key: Secret | None = None, model: str = "") -> Future[Check]:
        """Whether a server can be used."""
        return self._get().test(profile, key, model)

    def close(self) -> bool:
        """End all connections; False where their thread did not end in time."""
        self._closed = True
        return self._made is None or self._made.close()

    def _get(self) -> RemoteProvider:
        from chatdesk.providers import remote

        if self._closed:
            raise ProviderError("Chatdesk is closing.", "Start it again.")
        if self._made is None:
            self._made = remote.RemoteProvider(self._accounts)
        return self._made


def _loop_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception that no coroutine caught is a bug: to the log and the crash dialog."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        _log.error("The event loop reports: %s", context.get("message"))
