"""Several servers asked at once put one question to the keyring, not one each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dict_vault import DictVault

from chatdesk.credentials import KeyringDismissed, Keys, Secret
from chatdesk.errors import ChatdeskError, KeyringError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.remote import RemoteProvider

NOWHERE = "http://127.0.0.1:9/v1"  # nobody answers there
SERVERS = 4


class LockedVault(DictVault):
    """Asks for its password, once it is locked, and waits for the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.locked = False
        self.questions = 0
        self.answer = threading.Semaphore(0)
        self.put = threading.Semaphore(0)
        self.unlocks = True

    def get(self, service: str, account: str) -> str | None:
        if self.locked:
            self.questions += 1
            self.put.release()
            assert self.answer.acquire(timeout=30)
            if not self.unlocks:
                raise KeyringDismissed("Its question was closed.")
            self.locked = False
        return super().get(service, account)


@pytest.fixture
def vault() -> LockedVault:
    return LockedVault()


@pytest.fixture
def accounts(tmp_path: Path, vault: LockedVault) -> Accounts:
    data = DataDir(tmp_path / "data").create()
    return Accounts(Profiles(data), Keys(data, vault=vault))


@pytest.fixture
def remote(accounts: Accounts) -> Iterator[RemoteProvider]:
    provider = RemoteProvider(accounts)
    yield provider
    assert provider.close()


@pytest.fixture
def profiles(accounts: Accounts, vault: LockedVault) -> list[Profile]:
    made = []
    for number in range(SERVERS):
        profile = accounts.profiles.add(f"House {number}", "custom", base_url=NOWHERE)
        accounts.set_key(profile, Secret(f"sk-key-of-house-{number}"))
        made.append(profile)
    vault.locked = True
    return made


def errors_of(remote: RemoteProvider, profiles: list[Profile], vault: LockedVault) -> list[object]:
    lists = [remote.models(profile) for profile in profiles]
    assert vault.put.acquire(timeout=30)
    for _ in range(SERVERS):
        vault.answer.release()
    return [each.exception(timeout=30) for each in lists]


def test_one_password_is_enough_for_all(
    remote: RemoteProvider, profiles: list[Profile], vault: LockedVault
) -> None:
    found = errors_of(remote, profiles, vault)
    assert vault.questions == 1
    assert all(isinstance(e, ChatdeskError) and not isinstance(e, KeyringError) for e in found)


def test_closing_the_question_closes_it_for_all(
    remote: RemoteProvider, profiles: list[Profile], vault: LockedVault
) -> None:
    vault.unlocks = False
    found = errors_of(remote, profiles, vault)
    assert vault.questions == 1
    assert all(isinstance(error, KeyringDismissed) for error in found)
    # Whoever asks again is asked again.
    vault.unlocks = True
    vault.answer.release()
    assert not isinstance(remote.models(profiles[0]).exception(timeout=30), KeyringError)
    assert vault.questions == 2
