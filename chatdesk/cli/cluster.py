"""`chatdesk cluster`: one conversation for each user, kept by a dataflow over NATS."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.nats_key import VARIABLE, checked_url, read_key
from chatdesk.cli.output import print_hint, print_text
from chatdesk.errors import NotFound, StoreError, UsageError

if TYPE_CHECKING:
    from chatdesk.cluster.permissions import Part

_DATA = click.option(
    "--data",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the recovery store and the kept exchanges are.",
)


@click.group(short_help="Keep one conversation per user, over NATS.")
def cluster() -> None:
    """Run the dataflow that keeps one conversation for each user, and export what was said."""


@cluster.command()
@click.option("--nats", "url", required=True, metavar="URL", help="nats://HOST:PORT or tls://...")
@_DATA
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option("--subject", metavar="S", help="The prefix of all subjects. [default: chatdesk]")
@click.option("--system", metavar="TEXT", help="The system prompt of all users.")
@click.option(
    "--key-file", metavar="FILE", help=f"The key for the server. [env: {VARIABLE} has the key]"
)
@click.option("--tls-ca", metavar="FILE", help="Certificates to trust in place of the system's.")
@click.option("--waiting", default=16, show_default=True, type=click.IntRange(0),
              help="Prompts of one user that may wait; 0: no limit.")  # fmt: skip
@click.option("--per-minute", default=30, show_default=True, type=click.IntRange(0),
              help="Prompts of one user in a minute; 0: no limit.")  # fmt: skip
@click.option("--tokens-per-day", default=0, show_default=True, type=click.IntRange(0),
              help="Tokens of one user in a day; 0: no limit.")  # fmt: skip
@pass_context
def run(
    context: Context,
    /,
    url: str,
    data: Path,
    processes: int,
    subject: str | None,
    system: str | None,
    key_file: str | None,
    tls_ca: str | None,
    waiting: int,
    per_minute: int,
    tokens_per_day: int,
) -> None:
    """Run the dataflow until Ctrl+C or SIGTERM; what was begun then is taken up by the next run.

    Workers (chatdesk worker) answer; thin clients (chatdesk ask --nats URL --user NAME) ask. Needs
    chatdesk[cluster] and Python 3.11 or 3.12.
    """
    import asyncio

    from chatdesk.cluster import configuration as names
    from chatdesk.cluster.runtime import prepare
    from chatdesk.cluster.supervisor import Supervisor, check_bytewax

    check_bytewax()
    environment = {
        names.URL: checked_url(url),
        names.DATA: str(data.resolve()),
        names.KEY: read_key(key_file),
        names.SUBJECT: subject or "",
        names.SYSTEM: system or "",
        names.CA: str(Path(tls_ca).resolve()) if tls_ca else "",
        names.WAITING: str(waiting),
        names.PER_MINUTE: str(per_minute),
        names.PER_DAY: str(tokens_per_day),
    }
    # What is wrong is told before anything is started.
    asyncio.run(prepare(names.from_environment(environment)))
    supervisor = Supervisor(data, environment, processes, print_hint)
    before = {
        number: signal.signal(number, lambda *_: supervisor.stop())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        supervisor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@cluster.command()
@_DATA
@click.option("--user", metavar="NAME", help="Only this user's conversations.")
@click.option(
    "--to", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Not to stdout."
)
@pass_context
def export(context: Context, /, data: Path, user: str | None, to: Path | None) -> None:
    """Write what was said as fine-tuning data: a JSON line for each conversation.

    A line is {"messages": [{"role", "content"}, ...]}. No user is named in it.
    """
    from chatdesk.store.exchanges import Exchanges

    path = data / "exchanges.db"
    if not path.is_file():
        raise NotFound(f"There are no kept exchanges in {data}.", "Is it the cluster's --data?")
    with Exchanges(path) as exchanges:
        if to is None:
            exchanges.export(sys.stdout, user)
            return
        try:
            # For their owner alone, as the database is.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(to, flags, 0o600), "w", encoding="utf-8") as file:
                lines = exchanges.export(file, user)
        except OSError as error:
            raise StoreError(f"{to.name} cannot be written.", detail=str(error)) from error
    print_hint(f"{lines} conversations are in {to}.")


@cluster.command()
@click.argument("name")
@click.option("--for", "part", default="user", show_default=True,
              type=click.Choice(["user", "worker", "cluster"]), help="What it may do.")  # fmt: skip
@click.option("--subject", metavar="S", help="The prefix of all subjects. [default: chatdesk]")
@pass_context
def user(context: Context, /, name: str, part: Part, subject: str | None) -> None:
    """Make the key of a new user, and print what goes into nats-server.conf for it.

    The key, an NKey seed, is written to NAME.key in this folder; give it to the user over a safe
    way. The server learns only its public half, and by that the user is called everywhere.
    """
    from chatdesk.cluster.permissions import configuration
    from chatdesk.providers.nats.login import new_seed, read_login
    from chatdesk.providers.nats.subjects import DEFAULT_PREFIX, Subjects, checked_user

    seed = new_seed()
    public = read_login(seed).user
    path = Path(f"{checked_user(name)}.key")
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{seed}\n")
    except FileExistsError:
        raise UsageError(
            f"{path} is there already.", "Move it away, or choose another name."
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written.", detail=str(error)) from error
    print_text(f"# {name}")
    print_text(configuration(part, public, public, Subjects(subject or DEFAULT_PREFIX)))
    print_hint(f"The key is in {path}.")
