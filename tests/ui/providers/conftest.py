"""The dialog of the providers over a keyring and servers that the test holds in its hands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from dict_vault import DictVault
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from chatdesk.credentials import Keys, Secret
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.remote import Check, RemoteModel
from chatdesk.ui.providers import ProvidersDialog
from chatdesk.ui.providers.question import Question
from chatdesk.ui.theme import Theme

PATIENCE_MS = 5_000


class HeldVault(DictVault):
    """A keyring whose question stays open until the test lets go of it."""

    def __init__(self) -> None:
        super().__init__()
        self.unlocked = threading.Event()
        self.unlocked.set()
        self.asking = threading.Event()

    def open(self) -> None:
        self.asking.set()
        self.unlocked.wait(30)
        if self.failing is not None:
            raise self.failing


class HeldServers:
    """Servers that answer when the test says so. asked: what the newest question was about."""

    def __init__(self) -> None:
        self.asked: tuple[Profile, Secret | None, str] | None = None
        self.test_future: Future[Check] = Future()
        self.models_future: Future[tuple[RemoteModel, ...]] = Future()

    def test(self, profile: Profile, key: Secret | None = None, model: str = "") -> Future[Check]:
        self.asked = (profile, key, model)
        self.test_future = Future()
        return self.test_future

    def models(
        self, profile: Profile, key: Secret | None = None
    ) -> Future[tuple[RemoteModel, ...]]:
        self.asked = (profile, key, "")
        self.models_future = Future()
        return self.models_future


class Hands:
    """A person at the dialog."""

    def __init__(self, qtbot: QtBot, dialog: ProvidersDialog, vault: HeldVault) -> None:
        self.qtbot = qtbot
        self.dialog = dialog
        self.vault = vault
        self.editor = dialog.editor
        self.form = dialog.editor.form
        self.key = self.form.key

    def find(self, name: str) -> Any:
        found = self.dialog.findChild(QWidget, name)
        assert found is not None, name
        return found

    def shows(self, name: str) -> bool:
        return bool(self.find(name).isVisibleTo(self.dialog))

    def type(self, field: QLineEdit, text: str) -> None:
        """Replace what stands in a field, key by key."""
        field.setFocus()
        field.selectAll()
        self.qtbot.keyClick(field, Qt.Key.Key_Delete)
        self.qtbot.keyClicks(field, text)

    def click(self, name: str) -> None:
        button = self.find(name)
        assert button.isVisibleTo(self.dialog), name
        assert button.isEnabled(), name
        button.click()

    def begin(self, kind: str, *, name: str = "", url: str = "", key: str = "") -> None:
        """Choose a kind of provider and fill in the form."""
        self.dialog.add()
        self.dialog.chooser.chosen.emit(kind)
        if name:
            self.type(self.form.name_line, name)
        if url:
            self.type(self.form.address.line, url)
        if key:
            self.type(self.key.entry, key)

    def save(self) -> None:
        self.click("saveProviderButton")
        self.wait()

    def wait(self) -> None:
        """Until everything that goes on beside the window has ended and is shown."""
        self.qtbot.waitUntil(lambda: not self.editor.busy, timeout=PATIENCE_MS)
        with self.qtbot.waitSignal(self.editor.work.found, timeout=PATIENCE_MS):
            self.editor.look()

    def question(self) -> Question:
        def is_open() -> bool:
            return any(q.isVisible() for q in self.dialog.findChildren(Question))

        self.qtbot.waitUntil(is_open, timeout=PATIENCE_MS)
        return next(q for q in self.dialog.findChildren(Question) if q.isVisible())

    def answer(self, name: str) -> None:
        self.question().choices[name].click()

    def row_texts(self) -> list[str]:
        rows = self.dialog.rows
        role = Qt.ItemDataRole.AccessibleTextRole
        return [str(rows.index(at).data(role)) for at in range(rows.rowCount())]


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    yield theme
    theme.deleteLater()


@pytest.fixture
def vault() -> Iterator[HeldVault]:
    vault = HeldVault()
    yield vault
    vault.unlocked.set()


@pytest.fixture
def data(data_path: Path) -> DataDir:
    return DataDir(data_path).create()


@pytest.fixture
def accounts(data: DataDir, vault: HeldVault, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    for name in ("OPENAI_API_KEY", "MISTRAL_API_KEY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Accounts(Profiles(data), Keys(data, vault=vault))


@pytest.fixture
def servers() -> HeldServers:
    return HeldServers()


@pytest.fixture
def opened(
    qtbot: QtBot, theme: Theme, accounts: Accounts, vault: HeldVault, servers: HeldServers
) -> Callable[[], Hands]:
    kept = []

    def make(remote: Any = servers) -> Hands:
        dialog = ProvidersDialog(accounts, remote, theme)
        kept.append(dialog)
        qtbot.addWidget(dialog, before_close_func=_without_question)
        with qtbot.waitExposed(dialog):
            dialog.show()
        hands = Hands(qtbot, dialog, vault)
        hands.wait()
        return hands

    return make


def _without_question(dialog: ProvidersDialog) -> None:
    """What a test left unsaved may go."""
    dialog.editor.forget()


@pytest.fixture
def hands(opened: Callable[[], Hands]) -> Hands:
    return opened()
