"""`chatdesk worker`: this computer's model answers for others, over a NATS server."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chatdesk.cli.context import Context, OnState, pass_context
from chatdesk.cli.nats_key import VARIABLE, checked_url, read_key
from chatdesk.cli.output import print_text
from chatdesk.errors import UsageError

if TYPE_CHECKING:
    from chatdesk.cluster.worker.life import PoolWorker, Settings
    from chatdesk.headless import Pumped

F = TypeVar("F", bound=Callable[..., Any])

_NUMBER = click.IntRange(0)


def _limit(name: str, default: int, words: str) -> Callable[[F], F]:
    return click.option(
        name, default=default, show_default=True, type=_NUMBER, help=f"{words}; 0: no limit."
    )


@click.command(short_help="Answer for others, over NATS.")
@click.option("--nats", "url", required=True, metavar="URL", help="nats://HOST:PORT or tls://...")
@click.option("--model", metavar="M", help="A model of the library, or the path of a GGUF file.")
@click.option("--parallel", default=1, show_default=True, type=click.IntRange(1, 256),
              help="Replies that are written at a time.")  # fmt: skip
@click.option("--subject", metavar="S", help="The prefix of all subjects. [default: chatdesk]")
@click.option("--queue", metavar="Q", help="The queue group of the pool. [default: workers]")
@click.option("--name", metavar="NAME", help="What the worker is called. [default: the computer]")
@click.option(
    "--key-file", metavar="FILE", help=f"The key for the server. [env: {VARIABLE} has the key]"
)
@click.option("--tls-ca", metavar="FILE", help="Certificates to trust in place of the system's.")
@click.option("--line", default=32, show_default=True, type=_NUMBER,
              help="Requests that may wait here when all slots are taken.")  # fmt: skip
@_limit("--request-bytes", 1_000_000, "Bytes of one request")
@_limit("--messages", 2_000, "Messages in one request")
@_limit("--max-tokens", 0, "Tokens of one reply")
@_limit("--user-runs", 8, "Replies of one user at a time, waiting ones too")
@_limit("--user-requests", 60, "Requests of one user in a minute")
@_limit("--user-tokens", 100_000, "Tokens of one user in a minute")
@click.option("--unlimited", metavar="NAME", multiple=True,
              help="A user without limits, such as the dataflow's own.")  # fmt: skip
@pass_context
def worker(context: Context, /, model: str | None, parallel: int, **options: Any) -> int:
    """Join a pool of workers at a NATS server and answer requests with a model of this computer.

    SIGTERM or Ctrl+C: nothing new is taken, waiting requests go to other workers, and what is
    being written is finished; a second time: at once, and other workers go on. Limits per user
    hold for users that the server knows by name. What is said is not logged.
    """
    import asyncio

    from chatdesk.cluster.worker.generation import Generation
    from chatdesk.cluster.worker.life import PoolWorker

    settings = _settings(parallel, **options)
    chosen = context.choose_local(model)

    def make(on_state: OnState) -> Pumped:
        return context.pool_engine(parallel, on_state)

    generation = Generation(make, chosen.name, chosen.reference)
    pool_worker = PoolWorker(settings, generation, _say)
    complete, interrupted = asyncio.run(_run(pool_worker))
    return 130 if interrupted and not complete else int(not complete)


def _say(line: str) -> None:
    # A worker goes on although nobody reads what it says.
    with suppress(OSError, UsageError):
        print_text(line)


async def _run(pool_worker: PoolWorker) -> tuple[bool, bool]:
    """Whether all was finished, and whether Ctrl+C ended it."""
    import asyncio

    loop = asyncio.get_running_loop()
    interrupts = 0

    def stop(number: int) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        pool_worker.stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    before: dict[signal.Signals, Any] = {}
    for number in numbers:
        # Not where it is ignored, as nohup does; where loops take no signals (Windows), plainly.
        if signal.getsignal(number) is signal.SIG_IGN:
            continue
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:
            before[number] = signal.signal(
                number, lambda got, _: loop.call_soon_threadsafe(stop, got)
            )
    try:
        return await pool_worker.run(), interrupts > 0
    finally:
        for number in numbers:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
        for number, handler in before.items():
            signal.signal(number, handler)


def _settings(parallel: int, **given: Any) -> Settings:
    """Raises UsageError for what cannot be right."""
    from chatdesk.cluster.worker.admission import Limits
    from chatdesk.cluster.worker.life import Settings
    from chatdesk.providers.nats.connection import trusting
    from chatdesk.providers.nats.login import read_login
    from chatdesk.providers.nats.subjects import (
        DEFAULT_PREFIX,
        DEFAULT_QUEUE,
        Subjects,
        checked_user,
    )

    queue = given["queue"] or DEFAULT_QUEUE
    if not queue.replace("-", "").replace("_", "").isalnum() or not queue.isascii():
        raise UsageError(
            f'"{queue[:80]}" cannot be a queue group.', "Use letters, digits, - and _."
        )
    return Settings(
        url=checked_url(given["url"]),
        login=read_login(read_key(given["key_file"])),
        tls=trusting(Path(given["tls_ca"]) if given["tls_ca"] else None),
        subjects=Subjects(given["subject"] or DEFAULT_PREFIX),
        queue=queue,
        parallel=parallel,
        line=given["line"],
        limits=Limits(
            request_bytes=given["request_bytes"],
            messages=given["messages"],
            max_tokens=given["max_tokens"],
            runs=given["user_runs"],
            requests=given["user_requests"],
            tokens=given["user_tokens"],
            unlimited=frozenset(checked_user(name) for name in given["unlimited"]),
        ),
        name=given["name"] or "",
    )
