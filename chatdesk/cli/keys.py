"""`chatdesk keys`: the keys of remote providers, in the system's keyring; never printed.

A key is typed at a hidden prompt, or comes as the first line of standard input; a credentials file
of a NATS server may be given whole in both ways. A key is no argument: those are seen by every
process of the computer and stay in the shell's history.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.conversations import as_json_option
from chatdesk.cli.output import print_hint, print_json, print_table
from chatdesk.errors import KeyringError, UsageError

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile

_LONGEST_LINE = 65536  # bytes; a Secret says what is too long
# A credentials file, as nsc writes it.
_BEGIN, _END, _MOST_LINES = "-----BEGIN", "END USER NKEY SEED", 40
_PLACES = {
    "keyring": "in the keyring",
    "environment": "from the environment",
    "none": "none",
    "unknown": "cannot be told",
}


@click.group(short_help="Keep and remove the keys of providers.")
def keys() -> None:
    """Keep and remove the keys of remote providers, in this system's keyring and nowhere else."""


@keys.command("list")
@as_json_option
@pass_context
def list_(context: Context, /, as_json: bool) -> None:
    """List the providers and where their keys are. No key is shown."""
    from chatdesk.credentials import KeyringTimeout

    places: dict[str, str] = {}
    problem: KeyringError | None = None
    profiles = context.profiles.list()
    for profile in profiles:
        places[profile.id] = "unknown"
        if isinstance(problem, KeyringTimeout):
            continue  # the others would take as long
        try:
            places[profile.id] = context.accounts.place(profile)
        except KeyringError as error:
            problem = error
    if as_json:
        print_json([_shape(profile, places[profile.id]) for profile in profiles])
    elif profiles:
        rows = [
            (profile.name, _shown(profile, places[profile.id]), str(profile.origin))
            for profile in profiles
        ]
        print_table(("PROVIDER", "KEY", "BELONGS TO"), rows)
    else:
        print_hint("There are no providers yet. Add one: chatdesk providers add.")
    if problem is not None:
        raise problem


@keys.command("set")
@click.argument("provider", metavar="PROVIDER")
@click.argument("more", nargs=-1, metavar=" ", type=click.UNPROCESSED)
@pass_context
def set_(context: Context, /, provider: str, more: tuple[str, ...]) -> None:
    """Keep the key of a provider in the keyring, in place of the one that is there.

    It is asked for without being shown; where standard input is no terminal, it is its first line.
    """
    from chatdesk.providers.profiles import key_of

    if more:  # not repeated, as click would do
        raise click.UsageError(
            "A key is not given as an argument: other programs can read those, and the shell keeps "
            "them. Give it when it is asked for. If that was the key, make a new one at the "
            "provider."
        )
    profile = context.profiles.find(provider)
    origin = profile.origin
    state = context.keys.check()
    if state.error is not None:  # before the key is asked for in vain
        raise state.error
    typed = _typed(f"Key of {profile.name} for {origin}: ", whole=profile.preset.api == "nats")
    context.accounts.set_key(profile, key_of(profile, typed))
    print_hint(f"The key of {profile.name} is in the keyring. It is sent to {origin} only.")


@keys.command()
@click.argument("provider", metavar="PROVIDER")
@pass_context
def delete(context: Context, /, provider: str) -> None:
    """Delete the key of a provider from the keyring."""
    profile = context.profiles.find(provider)
    had = context.accounts.place(profile)
    context.accounts.delete_key(profile)
    if had == "keyring":
        print_hint(f"The key of {profile.name} is deleted.")
    else:
        print_hint(f"The keyring has no key of {profile.name}.")
    if context.accounts.place(profile) == "environment":
        print_hint(f"{profile.preset.variable} in the environment is still used for it.")


def _typed(prompt: str, *, whole: bool) -> str:
    """A line that nobody sees; whole: or a credentials file, line by line.

    Raises UsageError where there is none.
    """
    if _at_terminal():
        import getpass
        import warnings

        with warnings.catch_warnings():
            # A terminal that cannot hide what is typed: it is not typed then.
            warnings.simplefilter("error", getpass.GetPassWarning)
            try:
                line = getpass.getpass(prompt)
                if not (whole and line.startswith(_BEGIN)):
                    return line
                # A file was pasted; what is left of it must not go to the shell.
                lines = [line]
                while _END not in line and len(lines) < _MOST_LINES:
                    line = getpass.getpass("")
                    lines.append(line)
                return "\n".join(lines)
            except (EOFError, getpass.GetPassWarning):
                pass
        raise UsageError(
            "No key was typed, or this terminal cannot hide it.",
            "Give the key on standard input.",
        )
    # A byte order mark is what some shells on Windows begin with.
    line = sys.stdin.buffer.readline(_LONGEST_LINE).decode("utf-8-sig", "replace")
    if whole and line.startswith(_BEGIN):
        line += sys.stdin.buffer.read(_LONGEST_LINE).decode("utf-8", "replace")
    if not line.strip():
        raise UsageError("There is no key.", "Give it on standard input or in a terminal.")
    return line


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _shape(profile: Profile, place: str) -> dict[str, object]:
    return {
        "id": profile.id,
        "provider": profile.name,
        "origin": str(profile.origin),
        "needs_key": profile.needs_key,
        "place": place,
    }


def _shown(profile: Profile, place: str) -> str:
    if place == "none" and not profile.needs_key:
        return "none needed"
    if place == "environment":
        return f"from {profile.preset.variable}"
    return _PLACES[place]
