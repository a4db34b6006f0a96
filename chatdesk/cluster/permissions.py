"""Who may do what at the NATS server, written as a part of its configuration.

The subjects carry the users' names (providers/nats/subjects.py); here stands what makes them true:
a user may publish and listen only where the own name stands. Workers and the dataflow serve all
users, so they may speak to every inbox; whoever runs them is trusted with the texts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from chatdesk.cluster.streams import answers_stream, prompts_stream
from chatdesk.cluster.worker.kept import kept_stream
from chatdesk.providers.nats.subjects import Subjects

Part = Literal["user", "worker", "cluster"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Subjects, with wildcards, to publish to and to listen to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def allowed(part: Part, name: str, subjects: Subjects) -> Allowed:
    """What a user (or a worker, or the dataflow) of this name may do."""
    own = f"{Subjects.inbox(name)}.>"
    inboxes = f"{Subjects.inbox('*')}.>"
    if part == "user":
        return Allowed(
            (*_asking(name, subjects), subjects.prompts(name)),
            (own, subjects.replies(name, "*")),
        )
    if part == "worker":
        return Allowed(
            (
                inboxes,
                *(subjects.chat("*"), subjects.line("*")),  # what a worker that ends hands on
                *(subjects.hand("*"), subjects.free),
                *_taking(kept_stream(subjects)),
            ),
            (
                own,
                *(subjects.chat("*"), subjects.line("*"), subjects.worker("*", "*")),
                *(subjects.run("*", "*"), subjects.models("*"), subjects.hand("*")),
                subjects.free,
            ),
        )
    prompts, answers = prompts_stream(subjects), answers_stream(subjects)
    streams = tuple(
        f"$JS.API.STREAM.{verb}.{stream}"
        for verb in ("CREATE", "INFO", "MSG.GET")
        for stream in (prompts, answers)
    )
    return Allowed(
        (
            *_asking(name, subjects),
            *(subjects.replies("*", "*"), subjects.answers("*", "*"), "$JS.API.INFO"),
            *streams,
        ),
        (own, subjects.prompts("*"), subjects.answers("*", "*")),
    )


def configuration(part: Part, name: str, public_key: str, subjects: Subjects) -> str:
    """One entry of the `users` of an account in nats-server.conf."""
    may = allowed(part, name, subjects)
    return (
        f"{{ nkey: {public_key}\n"
        "  permissions: {\n"
        f"    publish: {{ allow: {_listed(may.publish)} }}\n"
        f"    subscribe: {{ allow: {_listed(may.subscribe)} }}\n"
        "  } }\n"
    )


def _asking(name: str, subjects: Subjects) -> tuple[str, ...]:
    return (
        *(subjects.chat(name), subjects.line(name), subjects.worker("*", name)),
        *(subjects.run(name, "*"), subjects.models(name), subjects.kept(name)),
    )


def _taking(stream: str) -> tuple[str, ...]:
    """To make a stream, and to take messages out of it: of this one, not of the dataflow's."""
    return (
        *(f"$JS.API.STREAM.{verb}.{stream}" for verb in ("CREATE", "INFO")),
        *(f"$JS.API.CONSUMER.{verb}.{stream}.>" for verb in ("CREATE", "DURABLE.CREATE", "INFO")),
        *(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*", f"$JS.ACK.{stream}.>"),
    )


def _listed(subjects: tuple[str, ...]) -> str:
    inner = ",\n".join(f"      {json.dumps(subject)}" for subject in subjects)
    return f"[\n{inner}\n    ]"
