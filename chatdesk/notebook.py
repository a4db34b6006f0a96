"""A growing reply in a notebook: rendered Markdown, or plain text where there is no notebook.

What a model writes is untrusted, and a notebook's own Markdown would run its HTML and load its
pictures. So it is rendered here: raw HTML is shown as text, pictures become links, and links are
http, https and mailto only.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chatdesk.terminal_text import safe_text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

UPDATE_S = 0.1  # between two renderings; each costs as much as the reply is long

_ALLOWED = re.compile(r"^(?:https?://|mailto:)", re.IGNORECASE)


def show(pieces: Iterable[str]) -> str:
    """Show text as it comes; returns all of it. Where IPython is missing it is printed."""
    handle = _handle()
    if handle is None:
        return _print(pieces)
    from IPython.display import HTML  # type: ignore[import-not-found,unused-ignore]

    text = ""
    shown_at = 0.0
    markdown = _renderer()
    try:
        for piece in pieces:
            text += piece
            now = time.monotonic()
            if now - shown_at >= UPDATE_S:
                handle.update(HTML(markdown.render(text)))
                shown_at = now
    finally:  # also what came before an interruption
        handle.update(HTML(markdown.render(text)))
    return text


def safe_html(text: str) -> str:
    """Markdown as HTML that runs nothing and loads nothing. Pure; any thread."""
    return str(_renderer().render(text))


def _print(pieces: Iterable[str]) -> str:
    text = ""
    for piece in pieces:
        text += piece
        print(safe_text(piece), end="", flush=True)
    print()
    return text


def _handle() -> Any:
    """IPython's handle of an empty output that can be updated; None outside of IPython."""
    try:
        from IPython import get_ipython  # type: ignore[import-not-found,unused-ignore]
        from IPython.display import HTML, display
    except ImportError:
        return None
    if get_ipython() is None:
        return None
    return display(HTML(""), display_id=True)


def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    def image(
        self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        from markdown_it.common.utils import escapeHtml

        address = str(tokens[idx].attrs.get("src", ""))
        label = escapeHtml(f"Picture: {tokens[idx].content or address}")
        return f'<a href="{escapeHtml(address)}" rel="noreferrer">{label}</a>'

    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # A link that is not allowed stays as the text it was written as.
    markdown.validateLink = lambda url: bool(_ALLOWED.match(url))  # type: ignore[method-assign]
    markdown.add_render_rule("image", image)
    return markdown
