"""chatdesk keys: in through a hidden prompt or standard input, out never."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nkeys
import pytest
from dict_vault import DictVault

from chatdesk.credentials import KeyringTimeout, NoKeyring, UnsafeKeyring
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profiles

if TYPE_CHECKING:
    from conftest import CommandLine

KEY = "sk-the-key-nobody-sees"


@pytest.fixture
def vault(cli: CommandLine) -> DictVault:
    """The keyring of the commands."""
    return cli.vault


@pytest.fixture
def profiles(data_path: Path) -> Profiles:
    profiles = Profiles(DataDir(data_path).create())
    profiles.add("Mistral", "mistral")
    profiles.add("Ollama", "ollama")
    return profiles


def texts(vault: DictVault) -> list[str]:
    return list(vault.stored.values())


@pytest.mark.usefixtures("profiles")
def test_a_key_is_set_from_the_first_line_of_standard_input(
    cli: CommandLine, vault: DictVault
) -> None:
    result = cli("keys", "set", "mistral", stdin=f"{KEY}\r\nmore\n")
    assert result.code == 0 and result.out == ""
    assert "https://api.mistral.ai only" in result.err and KEY not in result.err
    assert texts(vault) == [KEY]


@pytest.mark.usefixtures("profiles")
def test_the_key_of_a_windows_shell_begins_with_no_mark(cli: CommandLine, vault: DictVault) -> None:
    assert cli("keys", "set", "mistral", stdin=f"\ufeff{KEY}\n").code == 0
    assert texts(vault) == [KEY]


@pytest.mark.usefixtures("profiles", "vault")
@pytest.mark.parametrize(
    "stdin", ["", "\n", "  \n", b"\xff\xfe\n", "sk-a\x00b\n", "sk-\u2026\n", "x" * 100_000]
)
def test_what_is_no_key_is_refused_without_repeating_it(
    cli: CommandLine, stdin: str | bytes
) -> None:
    result = cli("keys", "set", "mistral", stdin=stdin)
    assert result.code == 1 and len(result.err.splitlines()) == 1
    assert "sk-" not in result.err and "xxxx" not in result.err


@pytest.mark.usefixtures("profiles", "vault")
def test_a_key_is_no_argument(cli: CommandLine) -> None:
    for given in ([KEY], ["--key", KEY], [f"--key={KEY}"], [KEY, KEY]):
        result = cli("keys", "set", "mistral", *given)
        assert result.code == 2
        assert KEY not in result.out + result.err
    assert "shell keeps" in cli("keys", "set", "mistral", KEY).err
    assert "shell keeps" not in cli("keys", "set", "--help").out


def test_the_listing_tells_where_keys_are_and_nothing_of_them(
    cli: CommandLine, vault: DictVault, profiles: Profiles, monkeypatch: Any
) -> None:
    cli("keys", "set", "mistral", stdin=KEY)
    profiles.add("Hub", "openai", use_environment=True)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    listed = cli("keys", "list")
    assert listed.code == 0 and KEY not in listed.out and "sk-of" not in listed.out
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    assert "in the keyring" in lines["Mistral"] and "https://api.mistral.ai" in lines["Mistral"]
    assert "none needed" in lines["Ollama"] and "from OPENAI_API_KEY" in lines["Hub"]
    documents = cli("keys", "list", "--json").json
    assert {d["provider"]: d["place"] for d in documents} == {
        "Hub": "environment",
        "Mistral": "keyring",
        "Ollama": "none",
    }
    assert set(documents[0]) == {"id", "provider", "origin", "needs_key", "place"}


def test_without_providers_the_listing_says_so(cli: CommandLine) -> None:
    assert "no providers" in cli("keys", "list").err
    assert cli("keys", "list", "--json").json == []


@pytest.mark.usefixtures("profiles")
def test_a_deleted_key_is_gone_and_deleting_none_is_fine(
    cli: CommandLine, vault: DictVault
) -> None:
    cli("keys", "set", "mistral", stdin=KEY)
    assert "is deleted" in cli("keys", "delete", "MISTRAL").err
    assert vault.stored == {}
    again = cli("keys", "delete", "mistral")
    assert again.code == 0 and "no key" in again.err


@pytest.mark.usefixtures("vault")
def test_deleting_tells_that_the_environment_still_has_one(
    cli: CommandLine, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    profiles.add("Hub", "openai", use_environment=True)
    result = cli("keys", "delete", "Hub")
    assert result.code == 0 and "OPENAI_API_KEY" in result.err and "sk-of" not in result.err


@pytest.mark.parametrize("command", ["set", "delete"])
@pytest.mark.usefixtures("vault", "profiles")
def test_a_provider_that_does_not_exist_is_told_with_near_names(
    cli: CommandLine, command: str
) -> None:
    result = cli("keys", command, "mistrla", stdin=KEY)
    assert result.code == 1 and "Did you mean Mistral?" in result.err and KEY not in result.err


@pytest.mark.usefixtures("profiles")
def test_a_refused_keyring_is_told_before_a_key_is_asked_for(
    cli: CommandLine, vault: DictVault, data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(prompt: str) -> str:
        pytest.fail("it asked for a key that it cannot keep")

    monkeypatch.setattr("chatdesk.cli.keys._typed", typed)
    vault.failing = UnsafeKeyring("It keeps nothing.", "Remove it.")
    result = cli("keys", "set", "mistral", stdin=KEY)
    assert (result.code, result.err) == (1, "It keeps nothing. Remove it.\n")
    for path in data_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (NoKeyring("There is no keyring.", "Install one."), 2),
        (KeyringTimeout("It did not answer.", "Try again."), 1),  # the second would take as long
    ],
)
def test_a_listing_without_a_keyring_tells_what_it_can_and_fails(
    cli: CommandLine,
    vault: DictVault,
    profiles: Profiles,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    asked: int,
) -> None:
    profiles.add("Hub", "openai")
    for name in ("Mistral", "Hub"):
        cli("keys", "set", name, stdin=KEY)
    seen: list[str] = []

    def fail(service: str, account: str) -> bool:
        seen.append(account)
        raise error

    monkeypatch.setattr(vault, "has", fail)
    result = cli("keys", "list", "--json")
    assert result.code == 1 and result.err == f"{error}\n" and len(seen) == asked
    assert {d["provider"]: d["place"] for d in result.json}["Mistral"] == "unknown"
    assert "cannot be told" in cli("keys", "list").out


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("typed", [KEY, None], ids=["typed", "ctrl-d"])
def test_at_a_terminal_the_key_is_asked_for_unseen(
    cli: CommandLine, vault: DictVault, monkeypatch: Any, typed: str | None
) -> None:
    prompts: list[str] = []

    def getpass(prompt: str) -> str:
        prompts.append(prompt)
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("getpass.getpass", getpass)
    monkeypatch.setattr("chatdesk.cli.keys._at_terminal", lambda: True)
    result = cli("keys", "set", "mistral")
    assert prompts == ["Key of Mistral for https://api.mistral.ai: "]
    assert (result.code, texts(vault)) == ((0, [KEY]) if typed else (1, []))


@pytest.mark.usefixtures("profiles", "vault")
def test_at_a_terminal_that_cannot_hide_it_no_key_is_typed(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import getpass
    import warnings

    def unhidden(prompt: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return KEY

    monkeypatch.setattr("getpass.getpass", unhidden)
    monkeypatch.setattr("chatdesk.cli.keys._at_terminal", lambda: True)
    result = cli("keys", "set", "mistral")
    assert result.code == 1 and "cannot hide" in result.err


# -- credentials files of NATS servers -------------------------------------------------------------

CLAIMS = base64.urlsafe_b64encode(b'{"name":"anna"}').decode().rstrip("=")
JWT = f"eyJ0eXAiOiJKV1QifQ.{CLAIMS}.c2lnbmF0dXJl-_"
SEED = bytes(nkeys.encode_seed(b"\x07" * 32, nkeys.PREFIX_BYTE_USER)).decode()
CREDENTIALS = f"""-----BEGIN NATS USER JWT-----
{JWT}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.

-----BEGIN USER NKEY SEED-----
{SEED}
------END USER NKEY SEED------

*************************************************************
"""


@pytest.fixture
def lab(profiles: Profiles) -> None:
    profiles.add("Lab", "nats")


@pytest.mark.usefixtures("lab")
def test_a_credentials_file_is_given_whole(cli: CommandLine, vault: DictVault) -> None:
    result = cli("keys", "set", "Lab", stdin=CREDENTIALS.replace("\n", "\r\n"))
    assert result.code == 0
    assert texts(vault) == [f"{JWT} {SEED}"]
    assert SEED not in result.err and JWT not in result.err


@pytest.mark.usefixtures("lab")
def test_a_credentials_file_that_is_pasted_goes_to_no_shell(
    cli: CommandLine, vault: DictVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasted = iter(CREDENTIALS.splitlines())
    monkeypatch.setattr("chatdesk.cli.keys._at_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(pasted))
    assert cli("keys", "set", "Lab").code == 0
    assert texts(vault) == [f"{JWT} {SEED}"]
    assert list(pasted) == CREDENTIALS.splitlines()[-2:]


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("key", ["anna:", "not a name:secret", "-----BEGIN x\nsecret"])
def test_a_nats_key_that_cannot_be_one_is_refused_without_repeating_it(
    cli: CommandLine, vault: DictVault, key: str
) -> None:
    result = cli("keys", "set", "Lab", stdin=key)
    assert result.code == 1 and "secret" not in result.err
    assert texts(vault) == []
