r"""The text inside a block: emphasis, code, links, formulas, by markdown-it-py, as runs.

Two things are added to the library: every token remembers where in the source it stands (for
selection and copying), and a formula between \( \), \[ \] or $$ $$ is kept whole instead of losing
its backslashes. Only http, https and mailto links stay links; of every other link the label stays,
as plain text. HTML is text. Nothing is ever fetched.

An Inliner belongs to one message (it knows its reference definitions) and to one thread.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
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

LABEL = 999
"""CommonMark's bound for the label of a reference."""
_ALLOWED = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
_ADDRESS = 2_000
_CELLS = 2_000
_FORMULAS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}


def allowed_link(address: str) -> str:
    """The address if it may be a link (http, https, mailto; not absurdly long), else ""."""
    return address if _ALLOWED.match(address) and len(address) <= _ADDRESS else ""


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
        env = {"references": self.references}
        parser = _parser()
        state = _State(text, parser, env, [])
        parser.inline.tokenize(state)
        for rule in parser.inline.ruler2.getRules(""):
            rule(state)
        return _merge(_Reader(text, places).read(state.tokens))

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


class _Reader:
    """Reads inline tokens in order, keeping the style they stand in."""

    def __init__(self, text: str, places: Places) -> None:
        self._text = text
        self._places = places
        self._indices = [index for index, _ in places]
        self._bold = self._italic = self._strike = 0
        self._link = ""

    def read(self, tokens: Sequence[Token]) -> list[Run]:
        runs: list[Run] = []
        past = 0
        for token in tokens:
            kind = token.type
            if kind == "strong_open" or kind == "strong_close":
                self._bold += token.nesting
            elif kind == "em_open" or kind == "em_close":
                self._italic += token.nesting
            elif kind == "s_open" or kind == "s_close":
                self._strike += token.nesting
            elif kind == "link_open":
                self._link = allowed_link(str(token.attrs.get("href", "")))
            elif kind == "link_close":
                self._link = ""
            else:
                # Delimiters of one stretch all say where it begins: none stands before the last.
                at = max(int(token.meta.get("at", past)), past)
                run = self._run(token, at)
                if run.text:
                    runs.append(run)
                    past = at + (len(run.text) if run.literal else 1)
        return runs

    def _run(self, token: Token, at: int) -> Run:
        kind = token.type
        text, code, math, image, link = token.content, False, False, False, self._link
        if kind in ("softbreak", "hardbreak"):
            text = "\n"
            at = max(self._text.find("\n", at), 0)
        elif kind == "code_inline":
            code = True
            at += len(token.markup)
            if not self._text.startswith(text, at):
                at = max(self._text.find(text, at, at + len(text) + 4), at)
        elif kind == "formula":
            math = True
        elif kind == "image":
            image = True
            text = _plain(token.children) or "image"
            link = allowed_link(str(token.attrs.get("src", ""))) or link
            at += 2
        elif kind == "text" and link and not self._text.startswith(text, at):
            at += 1  # an autolink's text stands after its "<"
        return Run(
            text,
            bold=self._bold > 0,
            italic=self._italic > 0,
            strike=self._strike > 0,
            code=code,
            math=math,
            link=link,
            image=image,
            source=self._source(at),
            literal=self._text.startswith(text, at) and self._contiguous(at, at + len(text)),
        )

    def _source(self, at: int) -> int:
        if not self._places:
            return -1
        index, source = self._places[max(bisect_right(self._indices, at) - 1, 0)]
        return source + at - index

    def _contiguous(self, begin: int, end: int) -> bool:
        return bisect_right(self._indices, begin) == bisect_right(self._indices, end - 1)


def _plain(tokens: Sequence[Token] | None) -> str:
    """The plain text of an image's label."""
    parts: list[str] = []
    for token in tokens or ():
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "image":
            parts.append(_plain(token.children))
        else:
            parts.append(token.content)
    return "".join(parts).strip()


def _merge(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Join neighbours of one style whose source is joined too."""
    merged: list[Run] = []
    for run in runs:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.literal
            and run.literal
            and before.source + len(before.text) == run.source
            and not run.code
            and not run.image
            and not run.math
            and replace(before, text="", source=0) == replace(run, text="", source=0)
        ):
            merged[-1] = replace(before, text=before.text + run.text)
        else:
            merged.append(run)
    return tuple(merged)
