"""Colours for code: the markdown room says what each stretch is, here it gets the theme's ink."""

from __future__ import annotations

from collections.abc import Sequence

from chatdesk.ui.markdown.leaf import Leaf
from chatdesk.ui.theme import Tokens
from chatdesk.ui.transcript.flow import Span


class Highlighter:
    """Spans of a code leaf."""

    def __init__(self, tokens: Tokens) -> None:
        self.set_tokens(tokens)

    def set_tokens(self, tokens: Tokens) -> None:
        """Another scheme's colours."""
        self._tokens = tokens

    def spans(self, leaf: Leaf) -> Sequence[Span]:
        return ()
