"""The application's style sheet: resources/chatdesk.qss with the colours of a scheme put in.

In the template `@name` is a token's colour, `@scheme` is "light" or "dark" (the folder of the
indicator drawings), and `@small`, `@base`, `@heading` and `@title` are font sizes.
A name that does not exist is an error, so a misspelt colour cannot become an ignored rule.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor

from chatdesk.paths import resource

if TYPE_CHECKING:
    from chatdesk.ui.theme import Tokens


@cache
def _template() -> str:
    return resource("chatdesk.qss").read_text("utf-8")


def stylesheet(tokens: Tokens, scheme: str, points: float) -> str:
    """The style sheet for these colours; points is the size of the interface font."""
    sizes = {
        "scheme": scheme,
        "small": f"{points - (1 if points > 8.5 else 0):g}pt",
        "base": f"{points:g}pt",
        "heading": f"{points + 1:g}pt",
        "title": f"{points * 1.6:g}pt",
    }

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return sizes[name] if name in sizes else css(getattr(tokens, name))

    return re.sub(r"@([a-z_]+)", value, _template())


def css(color: QColor) -> str:
    """A colour as style sheets write it."""
    if color.alpha() == 255:
        return color.name()
    return f"rgba({color.red()}, {color.green()}, {color.blue()}, {color.alpha()})"
