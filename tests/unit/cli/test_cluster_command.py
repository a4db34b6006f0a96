"""chatdesk cluster, and asking one: keys for users, exports, and what does not go together."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chatdesk.providers.nats.login import read_login
from chatdesk.store.exchanges import Exchanges, KeptExchange

if TYPE_CHECKING:
    from conftest import CommandLine


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    with Exchanges(tmp_path / "data" / "exchanges.db") as exchanges:
        exchanges.add(
            [
                KeptExchange("anna", "1", 1.0, "Hi", "Hello 日本", "m"),
                KeptExchange("bob", "1", 1.0, "Ho", "Hey", "m"),
            ]
        )
    return tmp_path / "data"


def test_what_was_said_is_exported_as_a_chat_on_each_line(cli: CommandLine, kept: Path) -> None:
    result = cli("cluster", "export", "--data", str(kept))
    chats = [json.loads(line)["messages"] for line in result.out.splitlines()]
    assert [chat[1]["content"] for chat in chats] == ["Hello 日本", "Hey"]


def test_one_users_conversations_are_exported_to_a_file(cli: CommandLine, kept: Path) -> None:
    out = kept / "chats.jsonl"
    assert (
        cli("cluster", "export", "--data", str(kept), "--user", "bob", "--to", str(out)).code == 0
    )
    assert [
        json.loads(line)["messages"][0]["content"] for line in out.read_text().splitlines()
    ] == ["Ho"]


def test_an_export_where_no_cluster_was_says_so(cli: CommandLine, tmp_path: Path) -> None:
    result = cli("cluster", "export", "--data", str(tmp_path))
    assert result.code == 1
    assert "no kept exchanges" in result.err


def test_a_new_users_key_is_written_for_its_owner_alone_and_never_printed(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("cluster", "user", "anna")
    assert result.code == 0
    seed = (tmp_path / "anna.key").read_text().strip()
    assert seed not in result.out + result.err
    assert f"nkey: {read_login(seed).user}" in result.out
    if os.name == "posix":
        assert (tmp_path / "anna.key").stat().st_mode & 0o077 == 0


def test_a_key_that_is_there_is_not_overwritten(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anna.key").write_text("old")
    result = cli("cluster", "user", "anna")
    assert result.code == 1
    assert (tmp_path / "anna.key").read_text() == "old"


@pytest.mark.parametrize("name", ["../anna", "a b", "", "a.b"])
def test_a_user_whose_name_is_none_gets_no_key(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("cluster", "user", name).code == 1
    assert list(tmp_path.glob("**/*.key")) == []


@pytest.mark.parametrize(
    "more", [("--model", "m"), ("--system", "s"), ("--save",), ("--json",)], ids=lambda m: m[0]
)
def test_what_the_cluster_decides_cannot_be_asked_of_it(
    cli: CommandLine, more: tuple[str, ...]
) -> None:
    result = cli("ask", "Hi", "--nats", "nats://127.0.0.1:1", *more)
    assert result.code == 1
    assert "cluster" in result.err


@pytest.mark.parametrize("more", [("--user", "a"), ("--subject", "s"), ("--new",)])
def test_a_clusters_options_need_a_cluster(cli: CommandLine, more: tuple[str, ...]) -> None:
    result = cli("ask", "Hi", *more)
    assert result.code == 1
    assert "--nats" in result.err


def test_a_server_that_is_not_there_is_told_in_words(cli: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"nats://127.0.0.1:{taken.getsockname()[1]}"
        result = cli("ask", "Hi", "--nats", url)
    assert result.code == 1
    assert "Nothing listens" in result.err


def test_a_cluster_with_a_subject_that_is_none_starts_nothing(
    cli: CommandLine, tmp_path: Path
) -> None:
    result = cli(
        *("cluster", "run", "--nats", "nats://127.0.0.1:1", "--data", str(tmp_path / "data")),
        *("--subject", "a b"),
    )
    assert result.code == 1
    assert "cannot be a subject" in result.err
    assert not (tmp_path / "data").exists()
