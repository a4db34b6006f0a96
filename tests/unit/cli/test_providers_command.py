"""chatdesk providers: what is kept, what is told, and that no key is ever part of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from recording_server import Recorder, recording

from chatdesk.credentials import NoKeyring

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]
KEY = "sk-the-key-of-this-test"


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def only(cli: CommandLine) -> dict[str, Any]:
    (shape,) = cli("providers", "list", "--json").json
    return dict(shape)


def test_a_preset_needs_no_more_than_its_name(cli: CommandLine) -> None:
    result = cli("providers", "add", "mistral")
    assert (result.code, result.out) == (0, "")
    assert "leaves this computer and goes to api.mistral.ai" in result.err
    assert 'chatdesk keys set "mistral"' in result.err
    shape = only(cli)
    assert shape["id"].startswith("mistral-")
    assert (shape["name"], shape["kind"]) == ("mistral", "mistral")
    assert shape["base_url"] == "https://api.mistral.ai/v1"
    assert (shape["needs_key"], shape["use_environment"]) == (True, False)


def test_everything_can_be_said_and_changed(cli: CommandLine) -> None:
    cli(
        *("providers", "add", "House", "--kind", "tgi", "--base-url", "http://localhost:8081/"),
        *("--no-key", "--default-model", "a", "--model", "a", "--model", "b", "--header"),
        *("X-Title: Chat: desk", "--context-size", "4096", "--template", "chatml"),
        "--use-environment",
    )
    shape = only(cli)
    wanted = {
        "base_url": "http://localhost:8081",
        "origin": "http://localhost:8081",
        "on_this_computer": True,
        "needs_key": False,
        "default_model": "a",
        "models": ["a", "b"],
        "headers": {"X-Title": "Chat: desk"},
        "context_size": 4096,
        "template": "chatml",
        "environment_variable": "HF_TOKEN",
        "use_environment": True,
        "allow_http": False,
    }
    assert {name: shape[name] for name in wanted} == wanted
    result = cli(
        *("providers", "change", "house", "--model", "", "--header", "", "--context-size", "0"),
        *("--needs-key", "--no-environment", "--default-model", "b"),
    )
    assert result.code == 0
    changed = only(cli)
    assert (changed["models"], changed["headers"], changed["context_size"]) == ([], {}, 0)
    assert (changed["needs_key"], changed["use_environment"]) == (True, False)
    assert (changed["default_model"], changed["template"]) == ("b", "chatml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "Somebody"), "--kind"),
        (("add", "Somebody", "--kind", "nosuch"), "nosuch"),
        (("add", "Somebody", "--base-url", "http://10.0.0.1/v1"), "--allow-http"),
        (("add", "a:b", "--kind", "openai"), "colon"),
        (("add", "C", "--kind", "openai"), "path"),
        (("add", "mistral", "--header", "Authorization: x"), "keyring"),
        (("change", "nosuch", "--no-key"), "nosuch"),
        (("rename", "nosuch", "other"), "nosuch"),
        (("remove", "nosuch"), "nosuch"),
        (("test", "nosuch"), "nosuch"),
        (("models", "nosuch"), "nosuch"),
    ],
)
def test_what_cannot_be_is_one_line(
    cli: CommandLine, one_line: OneLine, arguments: tuple[str, ...], words: str
) -> None:
    result = cli("providers", *arguments)
    assert (result.code, result.out) == (1, "")
    assert words in one_line(result.err)
    assert cli("providers", "list", "--json").json == []


def test_a_header_without_a_colon_is_wrong_usage(cli: CommandLine) -> None:
    assert cli("providers", "add", "mistral", "--header", "nonsense").code == 2


def test_nothing_to_change_is_told(cli: CommandLine, one_line: OneLine) -> None:
    cli("providers", "add", "mistral")
    result = cli("providers", "change", "mistral")
    assert result.code == 1
    assert "--help" in one_line(result.err)


def test_plain_http_to_another_computer_is_warned_of(cli: CommandLine) -> None:
    arguments = ("--kind", "vllm", "--base-url", "http://10.0.0.1:8000/v1", "--allow-http")
    assert "not encrypted" in cli("providers", "add", "House", *arguments).err
    # Another address has to be allowed again.
    moved = ("providers", "change", "House", "--base-url", "http://10.0.0.2:8000/v1")
    assert cli(*moved).code == 1
    assert only(cli)["base_url"] == "http://10.0.0.1:8000/v1"
    result = cli(*moved, "--allow-http")
    assert result.code == 0 and "not encrypted" in result.err
    assert "goes to 10.0.0.2:8000 from now on" in result.err


def test_the_key_survives_a_new_name_and_not_a_new_place(cli: CommandLine) -> None:
    cli("providers", "add", "mistral", "--use-environment")
    assert cli("keys", "set", "mistral", stdin=f"{KEY}\n").code == 0
    cli("providers", "rename", "mistral", "Work")
    cli("providers", "change", "work", "--base-url", "https://api.mistral.ai/v2")
    assert cli.vault.texts == [KEY]
    assert only(cli)["use_environment"]
    result = cli("providers", "change", "work", "--base-url", "https://api.example.com/v1")
    assert 'chatdesk keys set "Work"' in result.err
    assert cli.vault.texts == []
    assert not only(cli)["use_environment"]


def test_removing_deletes_the_key_and_the_default(cli: CommandLine) -> None:
    cli("providers", "add", "mistral")
    cli("keys", "set", "mistral", stdin=KEY)
    cli("settings", "set", "model.default", "mistral:small")
    assert cli("settings", "get", "model.default").out == "mistral:small\n"
    result = cli("providers", "remove", "mistral")
    assert result.code == 0 and "on this computer again" in result.err
    assert cli.vault.texts == []
    assert cli("settings", "get", "model.default", "--json").json["set"] is False


def test_where_the_key_cannot_be_deleted_the_provider_stays(
    cli: CommandLine, one_line: OneLine
) -> None:
    cli("providers", "add", "mistral")
    cli("keys", "set", "mistral", stdin=KEY)
    cli.vault.failing = NoKeyring("There is no keyring.", "Start one.")
    result = cli("providers", "remove", "mistral")
    assert result.code == 1 and "not removed" in one_line(result.err)
    assert only(cli)["name"] == "mistral"
    assert "may still be in the keyring" in cli("providers", "remove", "mistral", "--leave-key").err
    assert cli("providers", "list", "--json").json == []


def test_listing_asks_neither_keyring_nor_server(cli: CommandLine) -> None:
    cli("providers", "add", "mistral", "--default-model", "small")
    cli("providers", "add", "Ollama")
    cli("providers", "add", "openai", "--use-environment")
    out = cli("providers", "list").out
    assert "small" in out and "not needed" in out and "keyring or OPENAI_API_KEY" in out
    assert cli.vault.asked == 0
    assert cli.context.made == []


def test_without_providers_it_says_how_to_add_one(cli: CommandLine) -> None:
    assert "chatdesk providers add" in cli("providers", "list").err


def test_a_file_that_is_broken_is_told(cli: CommandLine, data_path: Any) -> None:
    cli("providers", "add", "mistral")
    (data_path / "providers.json").write_text("{")
    result = cli("providers", "list", "--json")
    assert result.json == [] and "not valid JSON" in result.err


# -- asking the server ----------------------------------------------------------------------------


def test_a_server_is_tried(cli: CommandLine, server: Recorder) -> None:
    cli("providers", "add", "House", "--base-url", server.base_url, "--no-key")
    result = cli("providers", "test", "house")
    assert result.code == 0 and "House" in result.out
    assert {request.path for request in server.requests} == {"/v1/models"}
    assert "authorization" not in server.requests[0].headers


def test_a_server_that_is_not_there_is_told(cli: CommandLine) -> None:
    cli("providers", "add", "House", "--base-url", "http://127.0.0.1:9/v1", "--no-key")
    result = cli("providers", "test", "house")
    assert result.code == 1
    assert "Traceback" not in result.err + result.out
    assert len(result.out.splitlines()) == 1


def test_a_missing_key_is_told(cli: CommandLine, server: Recorder) -> None:
    cli("providers", "add", "House", "--base-url", server.base_url)
    result = cli("providers", "test", "house")
    assert result.code == 1 and 'chatdesk keys set "House"' in result.out
    assert server.requests == []


def test_models_entered_by_hand_are_listed_with_the_server_s(
    cli: CommandLine, server: Recorder
) -> None:
    base = ("--base-url", server.base_url, "--no-key")
    cli("providers", "add", "House", *base, "--model", "mine", "--default-model", "mine")
    (model,) = cli("providers", "models", "house", "--json").json
    assert model == {
        "id": "mine",
        "model": "House:mine",
        "name": "mine",
        "context_size": None,
        "default": True,
        "entered": True,
    }
    assert "House:mine" in cli("providers", "models", "house").out


def test_the_key_goes_to_the_server_and_nowhere_else(
    cli: CommandLine, server: Recorder, data_path: Any
) -> None:
    cli("providers", "add", "House", "--base-url", server.base_url)
    cli("keys", "set", "House", stdin=KEY)
    results = [
        cli("--verbose", "providers", "test", "House"),
        cli("providers", "list", "--json"),
        cli("keys", "list", "--json"),
    ]
    assert [result.code for result in results] == [0, 0, 0]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps([(result.out, result.err) for result in results])
    for path in data_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


# -- workers over NATS ---------------------------------------------------------------------------


def test_a_pool_of_workers_is_a_provider(cli: CommandLine) -> None:
    result = cli(
        *("providers", "add", "Lab", "--kind", "nats", "--keep-requests"),
        *("--base-url", "tls://nats.example.com/lab"),
    )
    assert result.code == 0
    assert "goes to nats.example.com:4222 and on to the workers there" in result.err
    assert 'If its server asks for a key: chatdesk keys set "Lab"' in result.err
    shape = only(cli)
    assert (shape["base_url"], shape["kind"]) == ("tls://nats.example.com:4222/lab", "nats")
    assert shape["keep_requests"] and not shape["on_this_computer"]
    cli("providers", "change", "Lab", "--no-keep-requests")
    assert not only(cli)["keep_requests"]


def test_workers_over_an_unencrypted_way_are_warned_of(cli: CommandLine, one_line: OneLine) -> None:
    arguments = ("providers", "add", "Lab", "--kind", "nats", "--base-url", "nats://lab.example")
    assert "--allow-http" in one_line(cli(*arguments).err)
    result = cli(*arguments, "--allow-http")
    assert "Careful: nats:// to lab.example:4222 is not encrypted." in result.err
