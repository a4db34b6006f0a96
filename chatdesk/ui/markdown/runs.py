"""Inline tokens to runs: which style each stretch of text has and where in the source it stands.

Also the rule which addresses may be links at all. Pure; any thread.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from markdown_it.token import Token

from chatdesk.ui.markdown.blocks import Places
from chatdesk.ui.markdown.leaf import Run

ADDRESS = 2_000
"""Most characters of a link's address."""
_ALLOWED = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)


def allowed_link(address: str) -> str:
    """The address if it may be a link (http, https, mailto; not absurdly long), else ""."""
    return address if _ALLOWED.match(address) and len(address) <= ADDRESS else ""


class _Style(NamedTuple):
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    math: bool = False
    link: str = ""
    image: bool = False

    @property
    def alone(self) -> bool:
        """Never joined with a neighbour."""
        return self.code or self.math or self.image


class _Piece(NamedTuple):
    text: str
    at: int
    style: _Style


class Reader:
    """Reads the inline tokens of one text, in order, keeping the style they stand in."""

    def __init__(self, text: str, places: Places) -> None:
        self._text = text
        self._places = places
        self._indices = [index for index, _ in places]
        self._bold = self._italic = self._strike = 0
        self._link = ""
        self._style = _Style()

    def read(self, tokens: Sequence[Token]) -> tuple[Run, ...]:
        """The runs; neighbours of one style whose source is joined become one."""
        runs: list[Run] = []
        parts: list[str] = []
        first = _Piece("", 0, self._style)
        source = 0
        past = past_source = -1
        for token in tokens:
            if token.nesting:
                self._enter(token)
                continue
            # Delimiters of one stretch all say where it begins: none stands before the last.
            piece = self._piece(token, max(int(token.meta.get("at", past)), past, 0))
            if not piece.text:
                continue
            literal = self._literal(piece)
            begin = self._source(piece.at)
            joined = literal and begin == past_source and piece.style == first.style
            if joined and parts and not piece.style.alone:
                parts.append(piece.text)
            else:
                if parts:
                    runs.append(_run("".join(parts), first.style, source, past_source >= 0))
                parts, first, source = [piece.text], piece, begin
            past = piece.at + (len(piece.text) if literal else 1)
            past_source = begin + len(piece.text) if literal else -1
        if parts:
            runs.append(_run("".join(parts), first.style, source, past_source >= 0))
        return tuple(runs)

    def _enter(self, token: Token) -> None:
        kind = token.type
        if kind in ("strong_open", "strong_close"):
            self._bold += token.nesting
        elif kind in ("em_open", "em_close"):
            self._italic += token.nesting
        elif kind in ("s_open", "s_close"):
            self._strike += token.nesting
        elif kind == "link_open":
            self._link = allowed_link(str(token.attrs.get("href", "")))
        elif kind == "link_close":
            self._link = ""
        self._style = _Style(self._bold > 0, self._italic > 0, self._strike > 0, link=self._link)

    def _piece(self, token: Token, at: int) -> _Piece:
        """What a token shows, and the index in the text where that stands (as far as known)."""
        kind, text, style = token.type, token.content, self._style
        if kind in ("softbreak", "hardbreak"):
            return _Piece("\n", max(self._text.find("\n", at), at), style)
        if kind == "code_inline":
            at += len(token.markup)
            if not self._text.startswith(text, at):
                at = max(self._text.find(text, at, at + len(text) + 2), at)
            return _Piece(text, at, style._replace(code=True))
        if kind == "formula":
            return _Piece(text, at, style._replace(math=True))
        if kind == "image":
            link = allowed_link(str(token.attrs.get("src", ""))) or style.link
            label = _plain(token.children) or "image"
            return _Piece(label, at + 2, style._replace(image=True, link=link))
        if self._link and not self._text.startswith(text, at):
            at += 1  # an autolink's text stands after its "<"
        return _Piece(text, at, style)

    def _literal(self, piece: _Piece) -> bool:
        """Whether every character of a piece stands in the source as it is shown."""
        if not self._text.startswith(piece.text, piece.at):
            return False
        last = piece.at + len(piece.text) - 1
        return bisect_right(self._indices, piece.at) == bisect_right(self._indices, last)

    def _source(self, at: int) -> int:
        index, source = self._places[max(bisect_right(self._indices, at) - 1, 0)]
        return source + at - index


def _run(text: str, style: _Style, source: int, literal: bool) -> Run:
    return Run(
        text, style.bold, style.italic, style.strike, style.code, style.math, style.link,
        style.image, source, literal,
    )  # fmt: skip


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
