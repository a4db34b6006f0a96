"""chatdesk settings: the option table on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from chatdesk.settings import OPTIONS

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any


def test_every_setting_is_listed(cli: CommandLine) -> None:
    listed = cli("settings", "list", "--json").json
    assert [entry["key"] for entry in listed] == [option.key for option in OPTIONS]
    text = cli("settings", "list").out
    assert all(option.key in text for option in OPTIONS)


@pytest.mark.parametrize(
    ("key", "given", "value"),
    [
        ("sampling.temperature", "0.25", 0.25),
        ("sampling.seed", "none", None),
        ("sampling.stop", "END, \\n", ["END", "\n"]),
        ("appearance.theme", "dark", "dark"),
        ("composer.enter_sends", "off", False),
        ("model.gpu_layers", "-1", -1),
        ("appearance.text_size", "-4", -4),
        ("chat.system_prompt", "--be-brief", "--be-brief"),
    ],
)
def test_what_is_set_is_there_next_time(
    cli: CommandLine, key: str, given: str, value: object
) -> None:
    assert cli("settings", "set", key, given).code == 0
    shown = cli("settings", "get", key, "--json").json
    assert shown["value"] == value
    assert shown["set"] is True


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_what_get_prints_set_takes(cli: CommandLine, option: Any) -> None:
    printed = cli("settings", "get", option.key).out.removesuffix("\n")
    assert cli("settings", "set", option.key, printed).code == 0
    default = list(option.default) if isinstance(option.default, tuple) else option.default
    assert cli("settings", "get", option.key, "--json").json["value"] == default


def test_reset_goes_back_to_the_default(cli: CommandLine) -> None:
    assert cli("settings", "set", "sampling.top_k", "7").code == 0
    assert cli("settings", "reset", "sampling.top_k").code == 0
    assert cli("settings", "get", "sampling.top_k").out == "40\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("get", "sampling.temprature"), "sampling.temperature"),
        (("set", "sampling.temperature", "9"), "0 to 2"),
        (("set", "appearance.theme", "pink"), "light"),
    ],
)
def test_an_error_says_what_would_be_right(
    cli: CommandLine, one_line: Callable[[str], str], arguments: tuple[str, ...], word: str
) -> None:
    result = cli("settings", *arguments)
    assert (result.code, result.out) == (1, "")
    assert word in one_line(result.err)


def test_a_broken_settings_file_is_told_and_no_obstacle(cli: CommandLine) -> None:
    assert cli("settings", "set", "sampling.top_k", "7").code == 0
    cli.context.data.settings.write_text("{nonsense", encoding="utf-8")
    result = cli("settings", "get", "sampling.top_k")
    assert (result.code, result.out) == (0, "40\n")
    assert result.err != ""
