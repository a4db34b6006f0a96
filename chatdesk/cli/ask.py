"""`chatdesk ask`: one question, one answer, for a person in a hurry and for scripts."""

from __future__ import annotations

import sys
from typing import Any

import click

from chatdesk.chat.messages import Message, Status
from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.output import print_hint, print_json, print_text
from chatdesk.cli.parameters import given, model_option, sampling_options
from chatdesk.errors import ChatdeskError, UsageError


@click.command(short_help="Ask one question.")
@click.argument("prompt", required=False, metavar="[PROMPT|-]")
@model_option
@click.option("--system", metavar="TEXT", help="What the model is told before the question.")
@sampling_options
@click.option("--save", is_flag=True, help="Keep it among the conversations.")
@click.option("--json", "as_json", is_flag=True, help="Print the reply as one JSON document.")
@click.option("--nats", "url", metavar="URL", help="Ask a cluster, which keeps the conversation.")
@click.option("--user", metavar="NAME", help="Who asks the cluster. [default: as the key says]")
@click.option("--subject", metavar="S", help="The prefix of the cluster's subjects.")
@click.option("--tls-ca", metavar="FILE", help="Certificates to trust for --nats tls://...")
@click.option("--new", is_flag=True, help="Let the cluster forget what was said before.")
@pass_context
def ask(
    context: Context,
    /,
    prompt: str | None,
    model: str | None,
    system: str | None,
    save: bool,
    as_json: bool,
    url: str | None,
    user: str | None,
    subject: str | None,
    tls_ca: str | None,
    new: bool,
    **sampling: Any,
) -> int:
    """Ask one question; the reply is written to standard output as it comes.

    Without PROMPT, or with -, the question is read from standard input. Nothing is kept unless
    --save is given. Ctrl+C stops the reply. With --model PROVIDER:MODEL the question is sent to
    that provider (see: chatdesk providers). With --nats URL a cluster answers, which keeps one
    conversation for each user (see: chatdesk cluster); the key is taken from CHATDESK_NATS_KEY.
    """
    from chatdesk.cli.conversing import Screen, conversing

    parameters = given(**sampling)
    text = _read() if prompt is None or prompt == "-" else prompt
    if not text.strip():
        raise UsageError("There is no question.", "Give one as PROMPT or on standard input.")
    if url is not None:
        from chatdesk.cli.thin import Cluster, ask_cluster

        if model or system or save or as_json:
            raise UsageError(
                "With --nats the cluster chooses the model and the system prompt, and keeps the "
                "conversation.",
                "Leave out --model, --system, --save and --json.",
            )
        cluster = Cluster(url, user, subject, tls_ca)
        return ask_cluster(cluster, text, parameters, forget=new)
    if user or subject or tls_ca or new:
        raise UsageError(
            "--user, --subject, --tls-ca and --new belong to --nats.", "Give the server's URL, too."
        )
    chosen = context.choose_for_new(model)
    screen = Screen(show_text=not as_json)
    with (
        context.store() if save else context.temporary_store() as store,
        conversing(context, store, screen) as talk,
    ):
        conversation = talk.session.new_conversation(
            system_prompt=system, parameters=parameters, model=chosen.reference
        )
        if chosen.remote is not None:  # it was named, or is the default for what is new
            talk.consents.give(conversation.id, chosen.remote.profile.origin)
        reply = talk.follow(lambda: talk.session.send(conversation.id, text))
        failure = talk.why_failed(reply)
    return _finish(reply, failure, as_json)


def _read() -> str:
    if sys.stdin.isatty():
        print_hint("Type the question, then press Ctrl+D on an empty line.")
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\r\n")


def _finish(reply: Message, failure: ChatdeskError | None, as_json: bool) -> int:
    from chatdesk.cli.conversing import only_thought
    from chatdesk.cli.shapes import message_shape

    if as_json:
        print_json(message_shape(reply, active=True))
    elif reply.content and not reply.content.endswith("\n"):
        print_text("")
    if failure is not None:
        raise failure
    if only_thought(reply):
        print_hint(
            "The reply ended while the model was thinking. Allow a longer one with --max-tokens."
        )
    return 130 if reply.status is Status.STOPPED else 0
