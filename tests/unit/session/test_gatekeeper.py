"""Who lets a conversation out: only to the address that was agreed to, and only what was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dict_vault import DictVault
from recording_server import Recorder, recording
from remote_desk import Reply
from replies import messages

from chatdesk.chat.provider import Deliver, Request, Run
from chatdesk.credentials import Keys
from chatdesk.errors import ProviderError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles
from chatdesk.providers.remote import RemoteProvider
from chatdesk.providers.scripted import ScriptedProvider
from chatdesk.session import Consents, Gatekeeper, Whereabouts
from chatdesk.store import Store, open_store


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data").create()


@pytest.fixture
def store(data: DataDir) -> Iterator[Store]:
    store = open_store(data)
    yield store
    store.close()


@pytest.fixture
def accounts(data: DataDir) -> Accounts:
    return Accounts(Profiles(data), Keys(data, vault=DictVault()))


@pytest.fixture
def remote(accounts: Accounts) -> Iterator[RemoteProvider]:
    provider = RemoteProvider(accounts)
    yield provider
    assert provider.close()


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def added(accounts: Accounts, base_url: str) -> Profile:
    return accounts.profiles.add("House", "custom", base_url=base_url, needs_key=False)


def request(profile: Profile | None = None) -> Request:
    model = None if profile is None else f"{profile.id}:small"
    return Request("one", messages("Secret"), model=model)


def test_what_nobody_agreed_to_is_refused(
    accounts: Accounts, store: Store, server: Recorder, remote: RemoteProvider
) -> None:
    house = added(accounts, server.base_url)
    gate = Gatekeeper(remote, accounts.profiles, Consents(store.state), Whereabouts(store.state))
    with pytest.raises(ProviderError, match="Nothing was sent"):
        gate.start(request(house), Reply().deliver)
    assert server.requests == []


def test_what_is_written_for_a_local_model_ends_the_agreement(
    accounts: Accounts, store: Store
) -> None:
    house = added(accounts, "https://house.example/v1")
    consents = Consents(store.state)
    consents.give("one", house.origin)
    Gatekeeper(
        ScriptedProvider(["Here"]), accounts.profiles, consents, Whereabouts(store.state)
    ).start(request(), Reply().deliver)
    assert not consents.given("one", house.origin)


def test_a_provider_that_moves_after_the_last_look_gets_nothing(
    accounts: Accounts, store: Store, server: Recorder, remote: RemoteProvider
) -> None:
    house = added(accounts, "https://house.example/v1")
    consents = Consents(store.state)
    consents.give("one", house.origin)

    class Moving:
        """Between the question and the request another process gives it another address."""

        def start(self, request: Request, deliver: Deliver) -> Run:
            accounts.profiles.change(replace(house, base_url=server.base_url))
            return remote.start(request, deliver)

    reply = Reply()
    Gatekeeper(Moving(), accounts.profiles, consents, Whereabouts(store.state)).start(
        request(house), reply.deliver
    )
    assert "Nothing was sent" in str(reply.wait().error)
    assert server.requests == []
