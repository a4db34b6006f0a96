"""`chatdesk settings`: every setting of the option table, listed, read and changed."""

from __future__ import annotations

from typing import Any

import click

from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.conversations import as_json_option
from chatdesk.cli.output import print_hint, print_json, print_table, print_text


@click.group(short_help="List, read and change settings.")
def settings() -> None:
    """List, read and change settings. A running window takes changes over at once."""


@settings.command("list")
@as_json_option
@pass_context
def list_(context: Context, /, as_json: bool) -> None:
    """List the settings with their values."""
    from chatdesk.settings import OPTIONS

    if as_json:
        print_json([_shape(context, option.key) for option in OPTIONS])
        return
    rows = [
        (option.key, _shown(context, option.key), f"{option.label}: {option.accepts}")
        for option in OPTIONS
    ]
    print_table(("KEY", "VALUE", "WHAT"), rows)


@settings.command()
@click.argument("key", metavar="KEY")
@as_json_option
@pass_context
def get(context: Context, /, key: str, as_json: bool) -> None:
    """Print the value of one setting."""
    if as_json:
        print_json(_shape(context, key))
    else:
        print_text(_shown(context, key))


# Values such as -1 are no options.
@settings.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("key", metavar="KEY")
@click.argument("value", metavar="VALUE")
@pass_context
def set_(context: Context, /, key: str, value: str) -> None:
    """Change a setting."""
    from chatdesk.settings import option

    if option(key).kind == "model":
        value = context.lasting(value)
    context.settings.set(key, value)
    print_hint(f"{key} is now {_shown(context, key) or 'empty'}.")


@settings.command()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@pass_context
def reset(context: Context, /, keys: tuple[str, ...]) -> None:
    """Go back to the default."""
    context.settings.reset(*keys)
    for key in keys:
        print_hint(f"{key} is now {_shown(context, key) or 'empty'}.")


def _value(context: Context, key: str) -> Any:
    """The value in force; a remote model is named as it is typed."""
    from chatdesk.settings import option

    value = context.settings.get(key)
    if option(key).kind == "model" and ":" in value:
        from chatdesk.providers.profiles import typed

        return typed(value, context.profiles)
    return value


def _shown(context: Context, key: str) -> str:
    from chatdesk.settings import option

    return option(key).text(_value(context, key))


def _shape(context: Context, key: str) -> dict[str, Any]:
    from chatdesk.settings import option

    entry = option(key)
    value, default = (
        list(found) if isinstance(found, tuple) else found
        for found in (_value(context, key), entry.default)
    )
    return {
        "key": entry.key,
        "value": value,
        "default": default,
        "set": context.settings.is_set(key),
        "kind": entry.kind,
        "label": entry.label,
        "help": entry.help,
        "minimum": entry.minimum,
        "maximum": entry.maximum,
        "choices": list(entry.choices),
    }
