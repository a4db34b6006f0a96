"""`chatdesk licences`: whose work is in Chatdesk, where there is no window to read it in."""

from __future__ import annotations

import click

from chatdesk.cli.output import print_hint, print_text


@click.command(short_help="Show whose work Chatdesk contains.")
def licences() -> None:
    """Show whose work Chatdesk contains and under which licences."""
    from chatdesk import colophon

    print_text(colophon.notice(), end="")
    if (folder := colophon.licence_folder()) is not None:
        print_hint(f"The texts are in {folder}.")
