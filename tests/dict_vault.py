"""The simplest keyring: a dictionary, which may be out of order."""

from __future__ import annotations

from chatdesk.credentials.vault import Condition
from chatdesk.errors import KeyringError


class DictVault:
    """Stands for the keyring of the system. asked: how often it was asked for anything."""

    name = "Dictionary"

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.failing: KeyringError | None = None

    def __call__(self) -> DictVault:
        self.asked += 1
        if self.failing is not None:
            raise self.failing
        return self

    @property
    def texts(self) -> list[str]:
        return list(self.stored.values())

    def open(self) -> None: ...

    def get(self, service: str, account: str) -> str | None:
        return self.stored.get((service, account))

    def set(self, service: str, account: str, text: str) -> None:
        self.stored[service, account] = text

    def delete(self, service: str, account: str) -> None:
        self.stored.pop((service, account), None)

    def has(self, service: str, account: str) -> bool | None:
        return (service, account) in self.stored

    def condition(self) -> Condition:
        return "usable"
