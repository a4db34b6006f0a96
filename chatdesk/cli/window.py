"""Opens the window; where there is no display, says so and starts the chat in the terminal."""

from __future__ import annotations

import gc
import os
import re
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path

import click

from chatdesk.cli.context import Context, pass_bare_context
from chatdesk.cli.output import print_hint
from chatdesk.errors import NotFound

_LOCAL_DISPLAY = re.compile(r"^(?:unix)?:(\d+)(?:\.\d+)?$")


@click.command(hidden=True)
@click.argument("files", nargs=-1, metavar="FILE...")
@click.pass_context
@pass_bare_context
def window(context: Context, ctx: click.Context, /, files: tuple[str, ...]) -> int:
    """Open the window, with these model files (paths or file: addresses)."""
    paths = [str(Path(_path(name)).absolute()) for name in files]
    reason = why_no_window()
    # Who double-clicked a file sees no standard error: there the window tells what is wrong.
    if reason is not None or _in_terminal():
        for path in paths:
            if not Path(path).is_file():
                raise NotFound(f"There is no file {path}.", "Check the path.")
    if reason is None:
        # Nothing made while starting is garbage, and looking for some takes a tenth of the start.
        # The window turns collection on again (ui/housekeeping.py).
        gc.disable()
        try:
            from chatdesk.app import main
        except ImportError as error:
            # Qt, or a system library that it is linked with, is not there.
            gc.enable()
            reason = f"The window cannot be opened ({error.msg})"
        else:
            context.data.create()
            return main(context.data, context.verbose, paths)
    print_hint(f"{reason}, so Chatdesk starts in the terminal.")
    return _chat(ctx, paths[0] if paths else None)


def _chat(ctx: click.Context, model: str | None) -> int:
    from chatdesk.cli.chat import chat

    code = ctx.invoke(chat, model=model, system=None, conversation=None, temporary=False)
    return int(code or 0)


def _path(argument: str) -> str:
    """The file that is meant: file managers may give its address instead of its path."""
    if not argument.lower().startswith("file:/"):
        return argument
    from urllib.parse import unquote_to_bytes, urlsplit

    path = os.fsdecode(unquote_to_bytes(urlsplit(argument).path))
    return path.removeprefix("/") if sys.platform == "win32" else path


def _in_terminal() -> bool:
    """Whether somebody reads standard error where the command was typed."""
    return sys.stderr.isatty() and (sys.platform != "win32" or _is_console(sys.stderr.fileno()))


def _is_console(descriptor: int) -> bool:
    """Windows: whether this is a console, and not the null device, which is a terminal there too.

    A program without a console of its own, as the window is, has the null device instead.
    """
    if sys.platform != "win32":
        return False
    import ctypes
    import msvcrt

    mode = ctypes.c_uint32()
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    return bool(ctypes.windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode)))


def why_no_window() -> str | None:
    """What speaks against a window, as the beginning of a sentence; None where nothing does."""
    if not sys.platform.startswith(("linux", "freebsd", "openbsd", "netbsd")):
        return None
    if os.environ.get("QT_QPA_PLATFORM") or os.environ.get("WAYLAND_DISPLAY"):
        return None
    display = os.environ.get("DISPLAY")
    if not display:
        return "There is no display"
    # Qt would end the process if it could not connect.
    if not _answers(display):
        return f"The display {display} does not answer"
    return None


def _answers(display: str) -> bool:
    """Whether an X server listens; a display of another machine is taken to."""
    local = _LOCAL_DISPLAY.match(display)
    if local is None:
        return True
    path = f"/tmp/.X11-unix/X{local.group(1)}"
    for address in (path, f"\0{path}"):
        with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(address)
            return True
    return False
