"""A person at the whole window, over a real database, with replies that the test delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import qasync
from dict_vault import DictVault
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from chatdesk.chat.events import Delta, Finished
from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Deliver, Provider, Request
from chatdesk.credentials import Keys
from chatdesk.library import Library
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profiles
from chatdesk.providers.remote import RemoteProvider
from chatdesk.providers.remote.backoff import Backoff, Patience
from chatdesk.providers.router import Router
from chatdesk.settings import SettingsFile
from chatdesk.store import open_store
from chatdesk.ui.bridge import CarriedProvider
from chatdesk.ui.controller.desk import Desk
from chatdesk.ui.main_window import MainWindow
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import TranscriptView


class HeldRun:
    def __init__(self, request: Request, deliver: Deliver) -> None:
        self.id = request.run_id
        self.request = request
        self.deliver = deliver
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def say(self, text: str) -> None:
        self.deliver(Delta("text", text))

    def finish(self, text: str = "") -> None:
        if text:
            self.say(text)
        self.deliver(Finished("stop", Usage(10, 0, 5, 200.0, 41.0)))


class HeldProvider:
    """A provider, and an engine as far as the window asks for one."""

    def __init__(self) -> None:
        self.runs: list[HeldRun] = []
        self.loads = 0
        self.cancelled_loads = 0

    def start(self, request: Request, deliver: Deliver) -> HeldRun:
        self.runs.append(HeldRun(request, deliver))
        return self.runs[-1]

    def load(self, model: str | None) -> None:
        self.loads += 1

    def cancel_load(self) -> None:
        self.cancelled_loads += 1

    @property
    def last(self) -> HeldRun:
        return self.runs[-1]


class Person:
    """One window; start() again after end() is the next start of the application.

    connected: replies of remote models come from their servers, and not from the held provider.
    """

    def __init__(
        self, folder: Path, qtbot: QtBot, loop: qasync.QEventLoop, connected: bool = False
    ) -> None:
        self.data = DataDir(folder)
        self.data.create()
        self.qtbot = qtbot
        self.loop = loop
        self.connected = connected
        self.vault = DictVault()
        self.start()

    def start(self) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self.provider = HeldProvider()
        self.store = open_store(self.data)
        self.settings = SettingsFile(self.data.settings)
        self.theme = Theme()
        self.theme.apply(application)
        self.transcript = TranscriptView(self.theme)
        self.accounts = Accounts(Profiles(self.data), Keys(self.data, vault=self.vault))
        self.servers = RemoteProvider(
            self.accounts, patience=Patience(Backoff(first_s=0.0, most_s=0.0))
        )
        provider: Provider = self.provider
        if self.connected:
            provider = Router(self.provider, CarriedProvider(self.servers), self.accounts.profiles)
        self.window = MainWindow(self.theme, self.transcript)
        self.desk = Desk(
            self.window,
            self.transcript,
            self.theme,
            self.data,
            self.settings,
            self.store,
            Library(self.data),
            self.provider,  # type: ignore[arg-type]
            provider,
            self.accounts,
            self.servers,
        )
        self.desk.start()
        self.window.show()
        self.qtbot.waitExposed(self.window)

    def end(self) -> None:
        self.window.close()
        self.desk.close()
        # What was cancelled has cleaned up once the loop has come round.
        self.qtbot.waitUntil(lambda: not self.desk.tasks.busy)
        assert self.servers.close()
        self.store.close()
        self.window.deleteLater()
        QApplication.processEvents()

    def type(self, text: str) -> None:
        self.qtbot.keyClicks(self.window.composer.field, text)

    def key(self, key: Qt.Key) -> None:
        self.qtbot.keyClick(self.window.composer.field, key)

    def send(self, text: str) -> HeldRun:
        """Write a message in place of what stands in the composer, and send it."""
        self.window.composer.field.set_text(text)
        self.key(Qt.Key.Key_Return)
        return self.provider.last

    def act(self, index: int, action: str) -> None:
        """Do an action with a message of the transcript."""
        self.transcript.action_requested.emit(self.transcript.entries()[index].id, action)

    def shown(self) -> list[str]:
        """The texts of the transcript's messages."""
        return [self.transcript.text_of(entry.id) for entry in self.transcript.entries()]

    @property
    def text(self) -> str:
        """What stands in the composer."""
        return self.window.composer.text

    @property
    def toasts(self) -> str:
        """All that the toasts say."""
        return " | ".join(self.window.toasts.texts)

    @property
    def current(self) -> str:
        current = self.desk.conversations.current
        assert current is not None
        return current


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    """The window's event loop: coroutines go on while Qt's events are processed."""
    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    asyncio._set_running_loop(loop)
    yield loop
    asyncio._set_running_loop(None)
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def person(tmp_path: Path, qtbot: QtBot, loop: qasync.QEventLoop) -> Iterator[Person]:
    person = Person(tmp_path / "data", qtbot, loop)
    yield person
    person.end()


@pytest.fixture
def connected(tmp_path: Path, qtbot: QtBot, loop: qasync.QEventLoop) -> Iterator[Person]:
    """A person whose remote models are at servers."""
    person = Person(tmp_path / "data", qtbot, loop, connected=True)
    yield person
    person.end()
