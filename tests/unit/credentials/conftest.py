"""A keyring in memory that can hold its answers back, fail, or be locked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatdesk.credentials import Keys, Origin, Secret
from chatdesk.credentials.vault import Condition
from chatdesk.paths import DataDir

GRACE_S = 20.0


class MemoryVault:
    """Stands for the keyring of the system. calls: what was asked, in order."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], str] = {}
        self.calls: list[str] = []
        self.failing: Exception | None = None
        self.now: Condition = "usable"
        self._held: dict[str, threading.Event] = {}
        self._reached: dict[str, threading.Event] = {}

    def __call__(self) -> MemoryVault:
        return self

    @property
    def name(self) -> str:
        return "Memory"

    @contextmanager
    def holding(self, call: str) -> Iterator[threading.Event]:
        """Calls of this name wait inside until the block ends; the event says that one is there.

        What waits has ended when the block is left.
        """
        before = set(threading.enumerate())
        held = self._held[call] = threading.Event()
        reached = self._reached[call] = threading.Event()
        try:
            yield reached
        finally:
            self._held.pop(call, None)
            held.set()
            for thread in set(threading.enumerate()) - before:
                thread.join(GRACE_S)

    def let_others_pass(self, call: str) -> None:
        """Later calls of this name do not wait; those that are inside still do."""
        self._held.pop(call)

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        held = self._held.get(call)
        if held is not None:
            self._reached[call].set()
            held.wait(GRACE_S)
        if self.failing is not None:
            raise self.failing

    def open(self) -> None:
        self._enter("open")

    def get(self, service: str, account: str) -> str | None:
        self._enter("get")
        return self.stored.get((service, account))

    def set(self, service: str, account: str, text: str) -> None:
        self._enter("set")
        self.stored[service, account] = text

    def delete(self, service: str, account: str) -> None:
        self._enter("delete")
        self.stored.pop((service, account), None)

    def has(self, service: str, account: str) -> bool | None:
        self._enter("has")
        return (service, account) in self.stored

    def condition(self) -> Condition:
        self._enter("condition")
        return self.now

    @property
    def texts(self) -> list[str]:
        return list(self.stored.values())


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
def keys(data: DataDir, vault: MemoryVault) -> Keys:
    return Keys(data, vault=vault)


@pytest.fixture
def origin() -> Origin:
    return Origin.of("https://api.mistral.ai/v1")


@pytest.fixture
def key() -> Secret:
    return Secret("sk-the-key-of-the-tests")
