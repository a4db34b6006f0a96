"""`chatdesk doctor`: looks at everything Chatdesk needs and says, in words, what is wrong.

What it prints can be handed to somebody else: no message, no key, no home directory is in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from chatdesk import __version__
from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.conversations import as_json_option
from chatdesk.cli.output import print_json, print_text
from chatdesk.doctor import Check, checks
from chatdesk.errors import ChatdeskError, ProviderError


@click.command(short_help="Check that everything works.")
@click.option("--no-model", is_flag=True, help="Do not load the model and let it answer.")
@click.option(
    "--modules",
    is_flag=True,
    help="Check instead that no part of the program is missing: loads all of them.",
)
@as_json_option
@pass_context
def doctor(context: Context, /, no_model: bool, modules: bool, as_json: bool) -> int:
    """Check the installation, the data directory, the settings and the model.

    Changes no conversation and no setting. Exit code 1 where something does not work.
    """
    from chatdesk.diagnostics import redact

    found: list[Check] = []
    for check in _modules() if modules else _all(context, no_model):
        check = Check(check.name, check.ok, redact(check.text), redact(check.advice))
        found.append(check)
        if not as_json:
            text = f"{check.text.rstrip('.')}. {check.advice}" if check.advice else check.text
            print_text(f"{'ok ' if check.ok else 'BAD'}  {check.name:<16}{text}")
    ok = all(check.ok for check in found)
    if as_json:
        shapes = [check.to_dict() for check in found]
        print_json({"version": __version__, "ok": ok, "checks": shapes})
    return 0 if ok else 1


def _modules() -> list[Check]:
    from chatdesk.modules import module_checks

    return module_checks()


def _all(context: Context, no_model: bool) -> Iterator[Check]:
    found = checks(context.data)
    yield from found
    # A model or a llama.cpp that is known to be bad is not tried: it might end this process.
    if not no_model and all(check.ok for check in found if check.name in ("Model", "llama.cpp")):
        yield _reply(context)


def _reply(context: Context) -> Check:
    """Load the model and let it say a few words, as a message would."""
    try:
        speed = _tokens_per_second(context)
    except ChatdeskError as error:
        return Check("Reply", False, error.what.rstrip("."), error.terminal_advice)
    told = f", {speed:.0f} tokens a second" if speed is not None else ""
    return Check("Reply", True, f"the model answers{told}")


def _tokens_per_second(context: Context) -> float | None:
    from chatdesk.chat.events import Failed, Finished
    from chatdesk.chat.messages import Role, SamplingParameters
    from chatdesk.chat.provider import PromptMessage, Request
    from chatdesk.headless import Worker

    request = Request(
        conversation_id="doctor",
        messages=(PromptMessage(Role.USER, "Name the planets of the solar system."),),
        parameters=SamplingParameters(temperature=0.0, max_tokens=16),
    )
    with Worker(context.engine(lambda state: None)) as worker:
        for event in worker.events(request):
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                return event.usage.tokens_per_second
    raise ProviderError("The model said nothing.")
