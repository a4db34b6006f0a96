r"""The text inside a block: emphasis, code, links, formulas, by markdown-it-py, as runs.

Two things are added to the library: every token remembers where in the source it stands (for
selection and copying), and a formula between \( \), \[ \] or $$ $$ is kept whole instead of losing
its backslashes. Only http, https and mailto links stay links; of every other link the label stays,
as plain text. HTML is text. Nothing is ever fetched.

An Inliner belongs to one message (it knows its reference definitions) and to one thread.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.reference import reference
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from chatdesk.ui.markdown.blocks import Places
from chatdesk.ui.markdown.leaf import Run
from chatdesk.ui.markdown.lines import RawCell
from chatdesk.ui.markdown.runs import ADDRESS, Reader

LABEL = 999
"""CommonMark's bound for the label of a reference."""
_CELLS = 2_000
_MARKED = re.compile(r"[\\`*_~\[<&$\n]")
_FORMULAS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}


class References(dict[str, dict[str, str]]):
    """Reference definitions by normalised label; remembers the labels asked for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        found = super().get(label)
        if found is None and label and len(label) <= LABEL:
            self.missed.add(label)
        return found


class _State(StateInline):
    """Inline state that notes in each token's meta where its text stands."""

    text_at = 0

    def append_pending(self, text: str) -> None:
        if not self._pending_buffer and not self._pending:
            self.text_at = self.pos
        super().append_pending(text)

    def pushPending(self) -> Token:
        token = super().pushPending()
        token.meta["at"] = self.text_at
        return token

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        token = super().push(ttype, tag, nesting)
        token.meta["at"] = self.pos
        return token


@cache
def _parser() -> MarkdownIt:
    """The library, set up once; it keeps no state between texts."""
    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.enable("strikethrough").disable(["html_inline", "fragments_join"])
    markdown.inline.ruler.before("escape", "formula", _formula)
    # Which links may stay is decided per run, so that a label outlives its address.
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    return markdown


@cache
def _definition_parser() -> MarkdownIt:
    """A block parser that knows nothing but reference definitions."""
    markdown = MarkdownIt("zero")
    markdown.enable("reference")
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    return markdown


def _formula(state: StateInline, silent: bool) -> bool:
    opener = state.src[state.pos : state.pos + 2]
    closer = _FORMULAS.get(opener)
    if closer is None:
        return False
    # One look for the last closer makes a text full of openers cheap.
    last = state.env.setdefault("closers", {})
    if closer not in last:
        last[closer] = state.src.rfind(closer)
    begin = state.pos + 2
    if last[closer] < begin:
        return False
    end = state.src.find(closer, begin, state.posMax)
    if end <= begin or not state.src[begin:end].strip():
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = state.src[state.pos : end + 2]
    state.pos = end + 2
    return True


class Inliner:
    """Turns the text of blocks into runs and collects reference definitions."""

    def __init__(self) -> None:
        self.references = References()
        self.defined: set[str] = set()
        """Labels defined since the caller last cleared it."""
        # The rows of an open table are shown again with every append.
        self._cells: dict[RawCell, tuple[tuple[Run, ...], frozenset[str]]] = {}

    def take_definitions(self, text: str) -> int:
        """Remember the reference definitions a paragraph begins with; how long they are."""
        parser = _definition_parser()
        env: dict[str, Any] = {}
        state = StateBlock(text, parser, env, [])
        line = 0
        while line < state.lineMax and reference(state, line, state.lineMax, False):
            if any(len(found["href"]) > ADDRESS for found in env["references"].values()):
                env["references"].popitem()
                break
            line = state.line
        for label, definition in env.get("references", {}).items():
            if len(label) <= LABEL and label not in self.references:
                self.references[label] = definition
                self.defined.add(label)
                self._cells.clear()
        return len(text) if line >= state.lineMax else state.bMarks[line]

    def runs(self, text: str, places: Places) -> tuple[Run, ...]:
        """The runs of one piece of text whose characters stand at these places."""
        if not text:
            return ()
        if not _MARKED.search(text) and len(places) == 1:
            return (Run(text, source=places[0][1]),)
        env = {"references": self.references}
        parser = _parser()
        state = _State(text, parser, env, [])
        parser.inline.tokenize(state)
        for rule in parser.inline.ruler2.getRules(""):
            rule(state)
        return Reader(text, places).read(state.tokens)

    def cell_runs(self, cell: RawCell) -> tuple[Run, ...]:
        """The runs of a table's cell; those of recent cells are remembered."""
        missed = self.references.missed
        if cell not in self._cells:
            before = set(missed)
            missed.clear()
            if len(self._cells) >= _CELLS:
                self._cells.clear()
            self._cells[cell] = self.runs(cell.text, cell.places), frozenset(missed)
            missed |= before
        runs, asked = self._cells[cell]
        missed |= asked
        return runs
