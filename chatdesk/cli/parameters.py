"""Command-line options made from the option table: the same bounds and words as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from chatdesk.errors import SettingsError

F = TypeVar("F", bound=Callable[..., Any])

model_option = click.option(
    "--model",
    metavar="M",
    help="A model of the library, the path of a GGUF file, or PROVIDER:MODEL.",
)


class Parameter(click.ParamType[Any]):
    """A sampling parameter, checked by its declaration."""

    def __init__(self, parameter: str, shown: str) -> None:
        self.parameter = parameter
        self.name = shown

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from chatdesk.settings import validate_parameter

        try:
            return validate_parameter(self.parameter, value)
        except SettingsError as error:
            self.fail(error.advice or error.what, param, ctx)


def sampling_options(command: F) -> F:
    """--max-tokens, --temperature, --seed and --stop; given() makes a dict of them."""
    for decorate in (
        click.option("--stop", multiple=True, metavar="S", help="End the reply before this text."),
        click.option("--seed", type=Parameter("seed", "N"), help="The same seed, the same reply."),
        click.option(
            "--temperature",
            type=Parameter("temperature", "X"),
            help="How freely words are chosen; 0: always the likeliest.",
        ),
        click.option(
            "--max-tokens",
            type=Parameter("max_tokens", "N"),
            help="End the reply after this many tokens; 0: no limit.",
        ),
    ):
        command = decorate(command)
    return command


def given(**options: Any) -> dict[str, Any]:
    """The options that were given, as a conversation keeps them. Raises click.BadParameter."""
    from chatdesk.settings import validate_parameter

    parameters = {name: value for name, value in options.items() if value not in (None, ())}
    if "stop" in parameters:
        texts = [text.replace("\\n", "\n").replace("\\t", "\t") for text in parameters["stop"]]
        try:
            parameters["stop"] = list(validate_parameter("stop", texts))
        except SettingsError as error:
            raise click.BadParameter(error.advice, param_hint="--stop") from error
    return parameters
