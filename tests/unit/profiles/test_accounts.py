"""Providers with their keys: a key goes nowhere but to the place that it was given for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dict_vault import DictVault

from chatdesk.credentials import NoKeyring, Secret
from chatdesk.errors import KeyringError, UsageError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profile, Profiles

KEY = "sk-the-key-of-this-test"
OTHER = "https://api.example.com/v1"


def text(key: Secret | None) -> str | None:
    return None if key is None else key.reveal()


@pytest.fixture
def mistral(profiles: Profiles) -> Profile:
    return profiles.add("Mistral", "mistral")


@pytest.fixture
def with_key(accounts: Accounts, mistral: Profile) -> Profile:
    accounts.set_key(mistral, Secret(KEY))
    return mistral


def test_a_key_is_kept_in_the_keyring_and_in_no_file(
    accounts: Accounts, with_key: Profile, vault: DictVault, data: DataDir
) -> None:
    assert text(accounts.key(with_key)) == KEY
    assert vault.texts == [KEY]
    assert accounts.place(with_key) == "keyring"
    for path in data.root.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_a_key_for_this_run_only_is_not_in_the_keyring(
    accounts: Accounts, mistral: Profile, vault: DictVault
) -> None:
    accounts.set_key(mistral, Secret(KEY), remember=False)
    assert text(accounts.key(mistral)) == KEY
    assert (accounts.place(mistral), vault.texts) == ("memory", [])


def test_without_a_key_the_keyring_is_not_even_asked(
    accounts: Accounts, mistral: Profile, vault: DictVault
) -> None:
    assert accounts.key(mistral) is None
    assert vault.asked == 0


def test_a_server_that_needs_no_key_may_have_one(accounts: Accounts, profiles: Profiles) -> None:
    server = profiles.add("llama-server", "llama-server")
    accounts.set_key(server, Secret(KEY))
    assert text(accounts.key(server)) == KEY


def test_renaming_keeps_the_key(accounts: Accounts, with_key: Profile) -> None:
    renamed = accounts.change(replace(with_key, name="Another"))
    assert text(accounts.key(renamed)) == KEY


def test_another_path_at_the_same_origin_keeps_the_key(
    accounts: Accounts, with_key: Profile
) -> None:
    changed = accounts.change(replace(with_key, base_url="https://api.mistral.ai/v2"))
    assert text(accounts.key(changed)) == KEY


@pytest.mark.parametrize(
    "base_url",
    [
        OTHER,
        "https://api.mistral.ai:8443/v1",
        "https://mistral.ai/v1",
        "http://localhost:8000/v1",
    ],
)
def test_another_origin_loses_the_key(
    accounts: Accounts, with_key: Profile, vault: DictVault, base_url: str
) -> None:
    changed = accounts.change(replace(with_key, base_url=base_url))
    assert accounts.key(changed) is None
    assert vault.texts == []
    # Nor does it come back by going back.
    assert accounts.key(accounts.change(with_key)) is None


def test_a_copy_with_another_address_has_no_key(accounts: Accounts, with_key: Profile) -> None:
    """What a dialog tests before anything is saved."""
    assert accounts.key(replace(with_key, base_url=OTHER)) is None


def test_no_key_needed_any_more_deletes_it(
    accounts: Accounts, with_key: Profile, vault: DictVault
) -> None:
    accounts.change(replace(with_key, needs_key=False))
    assert vault.texts == []


def test_a_change_that_is_refused_deletes_no_key(
    accounts: Accounts, with_key: Profile, profiles: Profiles
) -> None:
    profiles.add("Other", "openai")
    for wrong in (
        replace(with_key, base_url=OTHER, name="other"),
        replace(with_key, base_url="nonsense"),
        replace(with_key, base_url="http://10.0.0.1/v1"),
    ):
        with pytest.raises(UsageError):
            accounts.change(wrong)
    assert text(accounts.key(with_key)) == KEY


def test_where_the_keyring_fails_the_address_stays(
    accounts: Accounts, with_key: Profile, vault: DictVault, profiles: Profiles
) -> None:
    vault.failing = NoKeyring("There is no keyring.", "Start one.")
    with pytest.raises(KeyringError):
        accounts.change(replace(with_key, base_url=OTHER))
    assert profiles.find("Mistral").base_url == with_key.base_url


def test_removing_deletes_the_key(
    accounts: Accounts, with_key: Profile, vault: DictVault, profiles: Profiles
) -> None:
    accounts.remove(with_key)
    assert (vault.texts, profiles.list()) == ([], [])
    assert accounts.key(profiles.add("Mistral", "mistral")) is None


def test_where_the_key_cannot_be_deleted_nothing_is_removed(
    accounts: Accounts, with_key: Profile, vault: DictVault, profiles: Profiles
) -> None:
    vault.failing = NoKeyring("There is no keyring.", "Start one.")
    with pytest.raises(KeyringError, match="not removed") as refused:
        accounts.remove(with_key)
    assert refused.value.advice == "Start one."
    assert profiles.list() == [with_key]
    accounts.remove(with_key, leave_key=True)
    assert profiles.list() == []


def test_without_a_key_no_keyring_is_needed_to_remove(
    accounts: Accounts, mistral: Profile, vault: DictVault, profiles: Profiles
) -> None:
    vault.failing = NoKeyring("There is no keyring.", "Start one.")
    accounts.remove(mistral)
    assert profiles.list() == []


# -- environment variables ------------------------------------------------------------------------


@pytest.fixture
def opted_in(profiles: Profiles, environment: dict[str, str]) -> Profile:
    environment["MISTRAL_API_KEY"] = f" {KEY}\n"
    return profiles.add("Mistral", "mistral", use_environment=True)


def test_a_variable_is_used_only_after_opting_in(
    accounts: Accounts, mistral: Profile, environment: dict[str, str]
) -> None:
    environment["MISTRAL_API_KEY"] = KEY
    assert accounts.key(mistral) is None
    opted = accounts.change(replace(mistral, use_environment=True))
    assert text(accounts.key(opted)) == KEY
    assert accounts.place(opted) == "environment"


def test_the_keyring_goes_before_the_environment(accounts: Accounts, opted_in: Profile) -> None:
    accounts.set_key(opted_in, Secret("sk-from-the-keyring"))
    assert text(accounts.key(opted_in)) == "sk-from-the-keyring"


def test_a_keyring_out_of_order_leaves_the_environment(
    accounts: Accounts, opted_in: Profile, vault: DictVault
) -> None:
    accounts.set_key(opted_in, Secret("sk-from-the-keyring"))
    vault.failing = NoKeyring("There is no keyring.", "Start one.")
    assert text(accounts.key(opted_in)) == KEY


def test_another_origin_is_not_opted_in(accounts: Accounts, opted_in: Profile) -> None:
    changed = accounts.change(replace(opted_in, base_url=OTHER))
    assert not changed.use_environment
    assert accounts.key(changed) is None


def test_a_copy_with_another_address_gets_nothing_from_the_environment(
    accounts: Accounts, opted_in: Profile
) -> None:
    assert accounts.key(replace(opted_in, base_url=OTHER)) is None


def test_opting_in_for_the_new_address_counts(accounts: Accounts, opted_in: Profile) -> None:
    changed = accounts.change(replace(opted_in, base_url=OTHER), allowed_anew=True)
    assert text(accounts.key(changed)) == KEY


def test_plain_http_is_allowed_for_one_address_only(accounts: Accounts, profiles: Profiles) -> None:
    first = profiles.add("Mine", "custom", base_url="http://10.0.0.1/v1", allow_http=True)
    with pytest.raises(UsageError, match="not encrypted"):
        accounts.change(replace(first, base_url="http://10.0.0.2/v1"))
    changed = accounts.change(replace(first, base_url="http://10.0.0.2/v1"), allowed_anew=True)
    assert changed.allow_http


def test_a_variable_that_holds_no_key_is_told_without_its_text(
    accounts: Accounts, opted_in: Profile, environment: dict[str, str]
) -> None:
    environment["MISTRAL_API_KEY"] = "hunter\x07two"
    with pytest.raises(UsageError, match="MISTRAL_API_KEY") as refused:
        accounts.key(opted_in)
    assert "hunter" not in f"{refused.value} {refused.value.detail}"
    environment["MISTRAL_API_KEY"] = "   "
    assert accounts.key(opted_in) is None


# -- an address that was changed in the file -------------------------------------------------------


def moved_in_the_file(data: DataDir, profiles: Profiles, to: str) -> None:
    path = data.root / "providers.json"
    path.write_text(path.read_text().replace("https://api.mistral.ai/v1", to))
    profiles.reload_if_changed()


def test_removing_deletes_the_key_of_every_address_it_had(
    accounts: Accounts, with_key: Profile, profiles: Profiles, vault: DictVault, data: DataDir
) -> None:
    moved_in_the_file(data, profiles, OTHER)
    accounts.remove(profiles.find("Mistral"))
    assert vault.texts == []
    assert accounts.key(profiles.add("Mistral", "mistral")) is None


def test_moving_on_deletes_the_key_of_every_address_it_had(
    accounts: Accounts, with_key: Profile, profiles: Profiles, vault: DictVault, data: DataDir
) -> None:
    accounts.set_key(with_key, Secret(KEY), remember=False)
    moved_in_the_file(data, profiles, OTHER)
    accounts.change(replace(profiles.find("Mistral"), base_url="https://third.example/v1"))
    assert vault.texts == []
    assert accounts.key(accounts.change(with_key)) is None


def test_a_key_of_another_provider_stays(
    accounts: Accounts, with_key: Profile, profiles: Profiles, vault: DictVault
) -> None:
    other = profiles.add("Mistral 2", "mistral")
    accounts.set_key(other, Secret(f"{KEY}-2"))
    accounts.remove(with_key)
    assert text(accounts.key(other)) == f"{KEY}-2"


def test_what_another_process_moved_a_moment_ago_loses_its_new_key_too(
    accounts: Accounts, with_key: Profile, vault: DictVault, data: DataDir
) -> None:
    there = Accounts(Profiles(data), accounts.keys)
    there.set_key(there.change(replace(with_key, base_url=OTHER)), Secret(f"{KEY}-2"))
    accounts.remove(with_key)
    assert vault.texts == []
