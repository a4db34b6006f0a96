"""`chatdesk providers`: set up, change, try and remove the providers of remote models.

No key is ever an argument: keys have commands of their own (keys.py).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.conversations import as_json_option
from chatdesk.cli.output import print_error, print_hint, print_json, print_table, print_text
from chatdesk.errors import UsageError

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile
    from chatdesk.providers.remote import RemoteModel

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_STEP_S = 0.1  # waiting in steps keeps Ctrl+C alive on Windows


@click.group(short_help="Set up, try and remove remote providers.")
def providers() -> None:
    """Set up, try and remove the providers of remote models.

    Nothing is sent to a provider unless one of its models is chosen, as PROVIDER:MODEL. Keys are
    kept in the system's keyring: see chatdesk keys.
    """


def _options(command: F) -> F:
    """What both add and change take."""
    for decorate in (
        click.option(
            "--allow-http/--forbid-http",
            default=None,
            help="Accept http:// or nats:// to another computer: others could read messages and "
            "key.",
        ),
        click.option(
            "--use-environment/--no-environment",
            default=None,
            help="Take the key from the kind's environment variable where the keyring has none.",
        ),
        click.option("--template", metavar="T", help="The prompt template (only for tgi)."),
        click.option(
            "--keep-requests/--no-keep-requests",
            default=None,
            help="While no worker is there, let the server keep requests (only for nats).",
        ),
        click.option(
            "--context-size",
            type=click.IntRange(min=0),
            metavar="N",
            help="Tokens a model can see, where the server does not say; 0: ask the server.",
        ),
        click.option(
            "--header",
            "headers",
            multiple=True,
            metavar='"NAME: VALUE"',
            help="Send this header too (never a key). May be repeated.",
        ),
        click.option(
            "--model",
            "models",
            multiple=True,
            metavar="M",
            help="A model that the server does not list. May be repeated.",
        ),
        click.option("--default-model", metavar="M", help="Answers where none is named."),
        click.option(
            "--needs-key/--no-key", default=None, help="Whether it answers only with a key."
        ),
        click.option("--base-url", metavar="URL", help="Where it is, as https://host/v1."),
    ):
        command = decorate(command)
    return command


@providers.command("list")
@as_json_option
@pass_context
def list_(context: Context, /, as_json: bool) -> None:
    """List the providers. The keyring is not asked: see chatdesk keys list."""
    found = context.profiles.list()
    if as_json:
        print_json([_shape(profile) for profile in found])
    elif found:
        print_table(
            ("NAME", "KIND", "BASE URL", "KEY", "DEFAULT MODEL"),
            [(p.name, p.kind, p.base_url, _key_words(p), p.default_model) for p in found],
        )
    else:
        print_hint("There are no providers. Add one: chatdesk providers add mistral")


@providers.command()
@click.argument("name", metavar="NAME")
@click.option("--kind", metavar="KIND", help="What it is; without it NAME says so.")
@_options
@pass_context
def add(context: Context, /, name: str, kind: str | None, **options: Any) -> None:
    """Add a provider: chatdesk providers add mistral

    KIND is one of openai, mistral, groq, openrouter, together, deepseek, ollama, lmstudio,
    llama-server, vllm, tgi, tgi-openai, nats for workers of your own, or custom for everything else
    that is OpenAI-compatible.
    """
    given = _given(options)
    profile = context.profiles.add(name, kind or _kind_of(name, given), **given)
    print_hint(
        f"Added: {profile.name} ({profile.base_url}). What you write {profile.remote_words}."
    )
    _warn(profile)
    preset = profile.preset
    if profile.needs_key and not profile.use_environment:
        print_hint(f'Give its key with: chatdesk keys set "{profile.name}". {preset.key_page}')
    elif preset.api == "nats":
        print_hint(f'If its server asks for a key: chatdesk keys set "{profile.name}".')
    print_hint(f'Try it: chatdesk providers test "{profile.name}"')


@providers.command()
@click.argument("name", metavar="NAME")
@_options
@pass_context
def change(context: Context, /, name: str, **options: Any) -> None:
    """Change a provider; what is not given stays as it is.

    --model and --header replace all that there were; empty ("") they remove them. With another
    base URL the key is deleted, because it belongs to the place that it was given for, and
    --use-environment and --allow-http have to be given again.
    """
    from chatdesk.credentials import Origin

    before = context.profiles.find(name)
    given = _given(options)
    if not given:
        raise UsageError("Nothing is to be changed.", "See: chatdesk providers change --help.")
    wanted = replace(before, **given)
    moved = "base_url" in given and Origin.of(given["base_url"]) != before.origin
    if moved:
        # What was allowed for the place before says nothing of this one.
        wanted = replace(
            wanted,
            use_environment=given.get("use_environment", False),
            allow_http=given.get("allow_http", False),
        )
    profile = context.accounts.change(wanted, allowed_anew=moved)
    print_hint(f"Changed: {profile.name} ({profile.base_url}).")
    _warn(profile)
    if moved:
        print_hint(f"What you write in conversations with it {profile.remote_words} from now on.")
        if profile.needs_key:
            print_hint(f'Give its key again: chatdesk keys set "{profile.name}"')


@providers.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@pass_context
def rename(context: Context, /, old: str, new: str) -> None:
    """Give a provider another name; its key and its conversations stay with it."""
    profile = context.accounts.change(replace(context.profiles.find(old), name=new))
    print_hint(f"It is called {profile.name} now.")


@providers.command()
@click.argument("name", metavar="NAME")
@click.option("--leave-key", is_flag=True, help="Even if its key cannot be deleted.")
@pass_context
def remove(context: Context, /, name: str, leave_key: bool) -> None:
    """Delete a provider and its key. Conversations stay; another model can go on with them."""
    from chatdesk.providers.profiles import split

    profile = context.profiles.find(name)
    default = split(context.settings.values.model.default, context.profiles)
    context.accounts.remove(profile, leave_key=leave_key)
    key = "Its key may still be in the keyring." if leave_key else "Its key is deleted."
    print_hint(f"Removed: {profile.name}. {key}")
    if default is not None and default.profile.id == profile.id:
        context.settings.reset("model.default")
        print_hint("New conversations use the model on this computer again.")


@providers.command()
@click.argument("name", metavar="NAME")
@click.option("--model", metavar="M", default="", help="Also ask this model for a word.")
@pass_context
def test(context: Context, /, name: str, model: str) -> int:
    """Try whether a provider answers, and say what is wrong if it does not."""
    profile = context.profiles.find(name)
    with closing(context.remote_provider()) as remote:
        check = _wait(remote.test(profile, model=model))
    print_text(check.in_terminal)
    return 0 if check.ok else 1


@providers.command()
@click.argument("name", metavar="NAME")
@as_json_option
@pass_context
def models(context: Context, /, name: str, as_json: bool) -> None:
    """List the models of a provider: what its server tells, and what was entered by hand."""
    from chatdesk.providers.remote import RemoteModel
    from chatdesk.providers.remote.problems import NoModelList

    profile = context.profiles.find(name)
    with closing(context.remote_provider()) as remote:
        try:
            told = _wait(remote.models(profile))
        except NoModelList as error:
            if not profile.models:
                raise
            told = ()
            print_error(error)
    listed = {model.id for model in told}
    entered = [RemoteModel(model, model) for model in profile.models if model not in listed]
    found = [*told, *entered]
    if as_json:
        print_json([_model_shape(profile, model) for model in found])
        return
    rows = [(f"{profile.name}:{m.id}", _context_words(m), _other_name(m)) for m in found]
    if rows:
        print_table(("MODEL", "CONTEXT", "NAME"), rows)
    else:
        print_hint(f"{profile.name} has no models.")


# -- inner ----------------------------------------------------------------------------------------


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as profiles have them."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if "models" in given:
        given["models"] = tuple(model for model in given["models"] if model)
    if "headers" in given:
        given["headers"] = tuple(_header(text) for text in given["headers"] if text)
    return given


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.BadParameter('write it as "Name: value".', param_hint="--header")
    return name.strip(), value.strip()


def _kind_of(name: str, given: dict[str, Any]) -> str:
    """What a name alone says: that of a preset, else any server whose address is given."""
    from chatdesk.providers.profiles import PRESETS

    for preset in PRESETS.values():
        if name.casefold() in (preset.kind, preset.name.casefold()):
            return preset.kind
    if "base_url" in given:
        return "custom"
    raise UsageError(f'What kind of provider is "{name}"?', f"Give --kind: {', '.join(PRESETS)}.")


def _warn(profile: Profile) -> None:
    if profile.allow_http and not profile.origin.secure:
        print_hint(
            f"Careful: {profile.origin.scheme}:// to {profile.place} is not encrypted. Others on "
            "the way can read every message, and the key."
        )


def _wait(future: Future[T]) -> T:
    while True:
        try:
            return future.result(_STEP_S)
        except TimeoutError:
            if future.done():  # it was the future's own
                raise


def _key_words(profile: Profile) -> str:
    if profile.use_environment:
        return f"keyring or {profile.preset.variable}"
    return "needed" if profile.needs_key else "not needed"


def _context_words(model: RemoteModel) -> str:
    return f"{model.context_size:,}" if model.context_size else ""


def _other_name(model: RemoteModel) -> str:
    return model.name if model.name != model.id else ""


def _model_shape(profile: Profile, model: RemoteModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "model": f"{profile.name}:{model.id}",
        "name": model.name,
        "context_size": model.context_size or profile.context_size or None,
        "default": model.id == profile.default_model,
        "entered": model.id in profile.models,
    }


def _shape(profile: Profile) -> dict[str, Any]:
    """A provider as JSON shows it. Scripts rely on it: only add to it."""
    return {
        "id": profile.id,
        "name": profile.name,
        "kind": profile.kind,
        "base_url": profile.base_url,
        "origin": str(profile.origin),
        "on_this_computer": profile.on_this_computer,
        "needs_key": profile.needs_key,
        "default_model": profile.default_model,
        "models": list(profile.models),
        "headers": dict(profile.headers),
        "context_size": profile.context_size,
        "template": profile.template,
        "environment_variable": profile.preset.variable,
        "use_environment": profile.use_environment,
        "allow_http": profile.allow_http,
        "keep_requests": profile.keep_requests,
    }
