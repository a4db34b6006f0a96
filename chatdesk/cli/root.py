"""The root command: global options, which module has which command, errors and exit codes.

Exit codes: 0 done, 1 an expected error (one plain line on standard error), 2 wrong usage, 130
interrupted. A reader that closes the pipe early (`chatdesk ask ... | head -1`) is no error. A bug
is logged and shows its traceback.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from chatdesk import __version__
from chatdesk.cli.context import Context
from chatdesk.cli.output import prepare_streams, print_error, writing
from chatdesk.errors import ChatdeskError

_log = logging.getLogger(__name__)

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

# name: (module, function). The module is imported when the command is used or its help is shown.
COMMANDS: dict[str, tuple[str, str]] = {
    "chat": ("chatdesk.cli.chat", "chat"),
    "ask": ("chatdesk.cli.ask", "ask"),
    "conversations": ("chatdesk.cli.conversations", "conversations"),
    "models": ("chatdesk.cli.models", "models"),
    "keys": ("chatdesk.cli.keys", "keys"),
    "providers": ("chatdesk.cli.providers", "providers"),
    "worker": ("chatdesk.cli.worker", "worker"),
    "cluster": ("chatdesk.cli.cluster", "cluster"),
    "settings": ("chatdesk.cli.settings", "settings"),
    "doctor": ("chatdesk.cli.doctor", "doctor"),
    "licences": ("chatdesk.cli.licences", "licences"),
}
_WINDOW = ("chatdesk.cli.window", "window")


class Root(click.Group):
    """The group of all commands. What is no command but a file is opened in the window."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        return None if place is None else _load(place)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click itself would make it exit code 1
            _let_go_of_stdout()
            return DONE

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and _is_file(args[0]):
            return "window", _load(_WINDOW), ["--", *args]  # a name may begin with "-"
        return super().resolve_command(ctx, args)


def _load(place: tuple[str, str]) -> click.Command:
    module, name = place
    command: click.Command = getattr(import_module(module), name)
    return command


def _is_file(argument: str) -> bool:
    separators = (os.path.sep, os.path.altsep or os.path.sep)
    return argument.lower().endswith(".gguf") or any(part in argument for part in separators)


@click.group(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the window opens; where there is no display, a chat in the terminal.",
)
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Where conversations, settings and models are kept. [env: CHATDESK_DATA_DIR]",
)
@click.option("--verbose", is_flag=True, help="Also write the log to standard error.")
@click.version_option(__version__, prog_name="chatdesk", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, data_dir: str | None, verbose: bool) -> None:
    """Private AI chat on your own computer."""
    context = ctx.ensure_object(Context)
    context.data_option = data_dir or context.data_option
    context.verbose = verbose or context.verbose
    if ctx.invoked_subcommand is None:
        ctx.invoke(_load(_WINDOW), files=())


def run(arguments: Sequence[str] | None = None, context: Context | None = None) -> int:
    """Run a command line and return its exit code; what it prints is the command's own."""
    prepare_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    context = context or Context()
    with context.closing:
        try:
            return _run(given, context)
        except Exception:
            if logging.getLogger().handlers:  # the log is on already
                _log.critical("A bug:\n%s", _described_bug())
            raise


def _run(arguments: list[str], context: Context) -> int:
    try:
        result: Any = root.main(
            args=arguments, prog_name="chatdesk", standalone_mode=False, obj=context
        )
        with writing():
            sys.stdout.flush()
        return result if isinstance(result, int) else DONE
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ChatdeskError as error:
        print_error(error)
        if isinstance(error.__cause__, OSError):
            _let_go_of_stdout()  # if that is what failed, Python would try again at its end
        return FAILED
    except BrokenPipeError:
        _let_go_of_stdout()
        return DONE


def _described_bug() -> str:
    from chatdesk.diagnostics import describe_exception

    return describe_exception(*sys.exc_info())


def _let_go_of_stdout() -> None:
    """Nobody reads any more: what Python would flush at its end goes nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
