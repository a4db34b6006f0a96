"""A command's login for NATS: from a file that only its owner reads, or from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chatdesk.cli.nats_key import VARIABLE, login_for, read_key
from chatdesk.errors import UsageError
from chatdesk.providers.nats.login import new_seed, read_login

posix = pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "worker.key"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_the_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " anna:pw\n")
    assert read_key(None) == "anna:pw"
    monkeypatch.delenv(VARIABLE)
    assert read_key(None) == ""


def test_the_key_is_read_from_a_file(tmp_path: Path) -> None:
    assert read_key(key_file(tmp_path, b"SUAKEY\n")) == "SUAKEY"


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="Others may read"):
        read_key(key_file(tmp_path, b"SUAKEY", mode))


@posix
def test_a_file_that_systemd_handed_over_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_key(key_file(tmp_path, b"SUAKEY", 0o440)) == "SUAKEY"


@pytest.mark.parametrize("content", [b"", b" \n", b"x" * 70_000])
def test_a_file_without_a_key_is_told_as_such(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="no key"):
        read_key(key_file(tmp_path, content))


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_key(str(tmp_path / "nowhere"))


def test_a_password_belongs_to_the_user_that_is_named() -> None:
    login = login_for("anna", "pw")
    assert (login.user, login.name, login.password) == ("anna", "anna", "pw")


def test_a_key_of_another_user_is_refused_without_being_shown() -> None:
    seed = new_seed()
    with pytest.raises(UsageError) as caught:
        login_for("anna", seed)
    assert seed not in str(caught.value)
    assert login_for(None, seed) == login_for(read_login(seed).user, seed)


def test_without_a_key_one_is_who_one_says() -> None:
    assert login_for("anna", "").user == "anna"
    assert login_for(None, "").user == "anyone"
