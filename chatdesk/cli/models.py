"""`chatdesk models`: which model files there are, what they say about themselves, add, remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.conversations import as_json_option
from chatdesk.cli.output import print_hint, print_json, print_table, print_text
from chatdesk.errors import NotFound

if TYPE_CHECKING:
    from chatdesk.library import BrokenModel, ModelInfo


@click.group(short_help="List, inspect, add and remove models.")
def models() -> None:
    """List, inspect, add and remove models.

    M is a name from the list or the path of a GGUF file. What models a provider has is shown by
    chatdesk providers models.
    """


@models.command("list")
@as_json_option
@pass_context
def list_(context: Context, /, as_json: bool) -> None:
    """List the models. The one marked * answers unless another is chosen."""
    from chatdesk.library import ModelInfo
    from chatdesk.providers.profiles import split

    default = _default(context)
    entries = context.library.list()
    if as_json:
        print_json([_shape(entry, entry.path == default) for entry in entries])
        return
    if not entries:
        print_hint("There are no models. Add one: chatdesk models add PATH")
        return
    rows = [
        (
            f"{entry.name}{' *' if entry.path == default else ''}",
            _size(entry) if isinstance(entry, ModelInfo) else "",
            _kind(entry) if isinstance(entry, ModelInfo) else f"{entry.what} {entry.advice}",
        )
        for entry in entries
    ]
    print_table(("NAME", "SIZE", "WHAT"), rows)
    wanted = context.settings.values.model.default
    if (remote := split(wanted, context.profiles)) is not None:
        where = remote.profile.remote_words
        print_hint(f"New conversations use {remote.label}: what you write there {where}.")


@models.command()
@click.argument("model", metavar="M")
@as_json_option
@pass_context
def info(context: Context, /, model: str, as_json: bool) -> None:
    """Show what a model file says about itself and whether it fits this computer."""
    from chatdesk.library import check_chat, fits, inspect, size_text

    path = context.library.find(model)
    found = context.library.named(inspect(path))
    options = context.settings.values.model
    fit = fits(found, options.context_size)
    if as_json:
        shape = _shape(found, found.path == _default(context))
        print_json({**shape, "needed_bytes": fit.needed_bytes, "free_bytes": fit.free_bytes})
        return
    parameters = f"{found.parameters:,}" if found.parameters else "not told"
    context_length = f"{found.context_length:,} tokens" if found.context_length else "not told"
    free = f"; {size_text(fit.free_bytes)} are free" if fit.free_bytes is not None else ""
    lines = (
        ("Name", found.name),
        ("File", str(found.path)),
        ("Size", size_text(found.size_bytes)),
        ("Architecture", found.architecture),
        ("Parameters", parameters),
        ("Quantisation", found.quantisation or "not told"),
        ("Context", context_length),
        ("Chat template", "its own" if found.has_chat_template else "none"),
        ("Licence", found.licence or "not told"),
        ("Memory", f"needs about {size_text(fit.needed_bytes)}{free}"),
    )
    for label, value in lines:
        print_text(f"{label:<14}{_one_line(value)}")
    check_chat(found, options.chat_format)


@models.command()
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--copy", is_flag=True, help="Copy the file into the models folder.")
@pass_context
def add(context: Context, /, path: Path, copy: bool) -> None:
    """Make a GGUF file known. It stays where it is unless --copy is given."""
    added = context.library.add(path, copy=copy)
    print_hint(f"Added: {added.name}.")


@models.command()
@click.argument("model", metavar="M")
@pass_context
def remove(context: Context, /, model: str) -> None:
    """Forget a model. No file is deleted: one in the models folder goes to its trash."""
    place = context.library.remove(model)
    print_hint(f"Removed. Take it back with: chatdesk models add {place}")


def _default(context: Context) -> Path | None:
    from chatdesk.providers.llama.choose import find_local

    try:
        return find_local(context.library, context.settings.values.model.default)
    except NotFound:  # it is at a provider, for one
        return None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _size(entry: ModelInfo) -> str:
    from chatdesk.library import size_text

    return size_text(entry.size_bytes)


def _kind(entry: ModelInfo) -> str:
    parts = [entry.architecture, entry.quantisation]
    if entry.problem:
        parts.append(entry.problem)
    return ", ".join(part for part in parts if part)


def _shape(entry: ModelInfo | BrokenModel, default: bool) -> dict[str, Any]:
    from chatdesk.library import BrokenModel, ModelInfo

    shape: dict[str, Any] = {
        "name": entry.name,
        "path": str(entry.path),
        "source": entry.source,
        "default": default,
    }
    known = entry if isinstance(entry, ModelInfo) else None
    shape["problem"] = (
        f"{entry.what} {entry.advice}".strip() if isinstance(entry, BrokenModel) else entry.problem
    )
    for name in (
        "architecture",
        "size_bytes",
        "parameters",
        "quantisation",
        "context_length",
        "has_chat_template",
        "licence",
    ):
        shape[name] = getattr(known, name, None)
    return shape
