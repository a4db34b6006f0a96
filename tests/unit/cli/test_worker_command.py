"""`chatdesk worker`: what it refuses before it answers anybody.

A worker at work is tested in tests/unit/cluster and, with the real model, in tests/model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nats_server import NatsServer

NOWHERE = "nats://127.0.0.1:9"
OneLine = Callable[[str], str]


def test_it_needs_to_know_a_server(cli: Any) -> None:
    result = cli("worker")
    assert result.code == 2 and "--nats" in result.err


@pytest.mark.parametrize(
    "url", ["", "localhost", "http://localhost:4222", "nats://", "nats://a:b", "nats://h:1/path"]
)
def test_what_is_no_address_is_refused(cli: Any, one_line: OneLine, url: str) -> None:
    result = cli("worker", "--nats", url)
    assert result.code == 1 and "no address of a NATS server" in one_line(result.err)


def test_a_key_in_an_address_is_refused_and_not_repeated(cli: Any, one_line: OneLine) -> None:
    result = cli("worker", "--nats", "nats://w1:opensesame@127.0.0.1:9")
    line = one_line(result.err)
    assert result.code == 1 and "--key-file" in line and "sesame" not in line


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_key_that_others_may_read_is_refused(cli: Any, one_line: OneLine, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("w1:opensesame")
    key.chmod(0o644)
    result = cli("worker", "--nats", NOWHERE, "--key-file", str(key))
    line = one_line(result.err)
    assert result.code == 1 and "chmod 600" in line and "sesame" not in line


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--subject", "a b", "cannot be a subject"),
        ("--queue", "a b", "cannot be a queue group"),
        ("--unlimited", "a.b", "user name"),
        ("--tls-ca", "nowhere.pem", "cannot be read"),
        ("--model", "nosuch", 'no model "nosuch"'),
    ],
)
def test_what_cannot_be_right_is_told(
    cli: Any, one_line: OneLine, option: str, value: str, words: str
) -> None:
    result = cli("worker", "--nats", NOWHERE, option, value)
    assert result.code == 1 and words in one_line(result.err)


@pytest.mark.parametrize("option", ["--parallel", "--line", "--user-tokens"])
def test_numbers_have_bounds(cli: Any, option: str) -> None:
    assert cli("worker", "--nats", NOWHERE, option, "-1").code == 2


def test_a_server_that_is_not_there_is_told(cli: Any, one_line: OneLine) -> None:
    result = cli("worker", "--nats", NOWHERE)
    assert result.code == 1 and "Nothing listens at 127.0.0.1:9" in one_line(result.err)


def test_a_key_that_the_server_does_not_know_is_told(
    cli: Any, one_line: OneLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = "authorization { users: [ { user: w1, password: right } ] }\n"
    server = NatsServer(tmp_path / "nats", config).start()
    try:
        monkeypatch.setenv("CHATDESK_NATS_KEY", "w1:opensesame")
        result = cli("worker", "--nats", server.url)
        line = one_line(result.err)
        assert result.code == 1 and "the key is wrong" in line and "sesame" not in line
    finally:
        server.stop()
