"""Colours for code: which stretch is a keyword, a string, a comment; the theme has the inks.

By Pygments, which costs about 2 ms per kilobyte, so everything here is bounded: a lexer is found
in Pygments' own table (never by scanning entry points), code with overlong lines stays plain, and
growing code is coloured line by line where the lexer can go on from where it stopped. Pygments
itself is imported at the first use; `warm_up` does that, and what a lexer's first use costs
(15 to 50 ms), when the caller is idle. Functions: any thread. A Colourer: one thread.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from pygments.lexer import Lexer

    from chatdesk.ui.markdown.leaf import Leaf

Category = Literal[
    "plain", "keyword", "string", "comment", "number", "function", "class", "operator", "builtin",
    "decorator", "tag", "attribute", "heading", "inserted", "deleted", "error",
]  # fmt: skip
Line = tuple[tuple[Category, str], ...]
Stack = tuple[str, ...]

LONGEST_LINE = 1_000
"""Code with a longer line is not coloured."""
LONGEST_CODE = 8_000
"""Nor is code longer than this given at once: cut it at lines first, as leaves are."""
_REMEMBERED = 256
_COMMON = ("python", "bash", "javascript", "json", "html", "c++")

# Pygments' token types, the most exact first; what is not here is plain.
_CATEGORIES: dict[str, Category] = {
    "Comment": "comment", "Literal.String.Doc": "string", "Literal.String": "string",
    "Literal.Number": "number", "Literal": "string", "Operator.Word": "keyword",
    "Operator": "operator", "Keyword.Type": "class", "Keyword.Constant": "builtin",
    "Keyword": "keyword", "Name.Function": "function", "Name.Class": "class",
    "Name.Namespace": "class", "Name.Exception": "class", "Name.Builtin": "builtin",
    "Name.Decorator": "decorator", "Name.Tag": "tag", "Name.Attribute": "attribute",
    "Generic.Heading": "heading", "Generic.Subheading": "heading",
    "Generic.Inserted": "inserted", "Generic.Deleted": "deleted", "Error": "error",
}  # fmt: skip
_ALIASES = {
    "yml": "yaml", "jsonc": "json", "cs": "csharp", "c#": "csharp", "f#": "fsharp", "node": "js",
    "mjs": "js", "cjs": "js", "tsx": "typescript", "vue": "html", "svg": "xml", "h": "c",
    "hpp": "c++", "rs": "rust", "kt": "kotlin", "rb": "ruby", "pl": "perl", "ipython": "python",
    "make": "makefile", "gitignore": "bash", "env": "bash", "terminal": "console",
    "cmd": "batch", "objective-c": "objc", "latex": "tex", "md": "markdown", "patch": "diff",
}  # fmt: skip
_OVER_LINES = ("/*", "<!--", "`", "{-", "(*", "[[")
"""What may begin a stretch over several lines that some lexers only see whole."""
_LINE_BY_LINE = frozenset({"json"})
"""Languages whose lines can be coloured one by one."""
_PLAIN = frozenset({"", "text", "txt", "plain", "plaintext", "none", "output"})


class Span(NamedTuple):
    """A stretch of code, [start, end) in its text, that is not plain."""

    start: int
    end: int
    category: Category


def known(language: str) -> bool:
    """Whether a fence's label names a language that can be coloured (loads no lexer)."""
    return _name(language) in _table()


def highlight(code: str, language: str) -> list[Line]:
    """The lines of a code and what each stretch is. Joined, the texts of a line are the line."""
    return _coloured(code, language, ())[0]


def highlight_from(code: str, language: str, stack: Stack) -> tuple[list[Line], Stack]:
    """The same for a later part of a code: stack is what the part before returned (empty: none,
    or the lexer cannot tell). Parts are whole lines."""
    return _coloured(code, language, stack)


def warm_up(languages: Iterable[str] = _COMMON) -> None:
    """Load lexers and use them once. Call it when idle, one language at a time if need be."""
    for language in languages:
        highlight("x = 1\n", language)


def spans_of(lines: Sequence[Line]) -> tuple[Span, ...]:
    """The stretches of highlighted lines as places in the code; neighbours of a kind are one."""
    spans: list[Span] = []
    position = 0
    for line in lines:
        for category, text in line:
            end = position + len(text)
            if category != "plain":
                if spans and spans[-1].end == position and spans[-1].category == category:
                    spans[-1] = Span(spans[-1].start, end, category)
                else:
                    spans.append(Span(position, end, category))
            position = end
        position += 1
    return tuple(spans)


@dataclass(slots=True)
class _Segment:
    """What is known of one code leaf: its coloured lines (done characters of its text), the
    lexer's stack before it and after them, and whether that is all."""

    language: str
    text: str
    done: int
    lines: list[Line]
    before: Stack
    after: Stack
    complete: bool
    next_line: int


class Colourer:
    """Colours code leaves as they are shown and while they grow.

    It remembers recent segments, so that a growing one costs only its new lines and a later one
    goes on where the one before ended. Growing code whose lexer cannot go on is plain until its
    segment is complete; the last, unfinished line always is.
    """

    def __init__(self) -> None:
        self._segments: OrderedDict[Hashable, _Segment] = OrderedDict()
        self._ends: OrderedDict[Hashable, Stack] = OrderedDict()

    def spans(self, leaf: Leaf, message: Hashable = None) -> tuple[Span, ...]:
        """The coloured stretches of a code leaf's text. message: whatever tells messages apart."""
        block = (message, leaf.block_id)
        key = (*block, leaf.start)
        text = leaf.text
        complete = not leaf.open
        before = self._ends.get((*block, leaf.line), ()) if not leaf.joined else ()
        segment = self._segments.get(key)
        if (
            segment is None
            or segment.language != leaf.language
            or segment.before != before
            or not text.startswith(segment.text[: segment.done])
            or (segment.complete and segment.text != text)
        ):
            segment = _Segment(leaf.language, "", 0, [], before, before, False, leaf.line)
            self._segments[key] = segment
        self._segments.move_to_end(key)
        if not segment.complete:
            self._go_on(segment, text, complete)
        if segment.complete:
            end = (*block, leaf.line + text.count("\n") + 1)
            self._ends[end] = segment.after
            self._ends.move_to_end(end)
        for remembered in (self._segments, self._ends):
            while len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)
        return spans_of(segment.lines)

    def forget(self) -> None:
        """Drop everything remembered."""
        self._segments.clear()
        self._ends.clear()

    @staticmethod
    def _go_on(segment: _Segment, text: str, complete: bool) -> None:
        segment.text = text
        again = not _resumes(segment.language) or any(mark in text for mark in _OVER_LINES)
        if complete and (segment.done == 0 or again):
            segment.lines, segment.after = _coloured(text, segment.language, segment.before)
            segment.done = len(text)
        elif _resumes(segment.language):
            end = len(text) if complete else text.rfind("\n") + 1
            if end > segment.done:
                part = text[segment.done : end]
                lines, segment.after = _coloured(
                    part if complete else part[:-1], segment.language, segment.after
                )
                segment.lines += lines
                segment.done = end
        segment.complete = complete


def _coloured(code: str, language: str, stack: Stack) -> tuple[list[Line], Stack]:
    plain: list[Line] = [(("plain", line),) if line else () for line in code.split("\n")]
    if len(code) > LONGEST_CODE or any(len(line) > LONGEST_LINE for line in code.split("\n")):
        return plain, ()
    lexer = _lexer(_name(language))
    if lexer is None:
        return plain, ()
    lines: list[list[tuple[Category, str]]] = [[]]
    after: Stack = ()
    if _by_table(language):
        from pygments.lexer import ExtendedRegexLexer, LexerContext

        # Every regex lexer can be run by this method, which lets the states be given and taken.
        context = LexerContext(code + "\n", 0, list(stack) or ["root"])
        run: Any = ExtendedRegexLexer.get_tokens_unprocessed
        tokens = run(lexer, context=context)
        _collect(tokens, lines)
        after = tuple(context.stack)
    else:
        _collect(lexer.get_tokens_unprocessed(code + "\n"), lines)
    coloured = [tuple(line) for line in lines[: len(plain)]]
    if ["".join(text for _, text in line) for line in coloured] != code.split("\n"):
        return plain, ()  # a lexer that loses or adds text may not have it
    return coloured, after


def _collect(
    tokens: Iterable[tuple[int, Any, str]], lines: list[list[tuple[Category, str]]]
) -> None:
    for _, kind, value in tokens:
        category = _category(kind)
        first, *others = value.split("\n")
        for index, text in enumerate((first, *others)):
            if index:
                lines.append([])
            if not text:
                continue
            line = lines[-1]
            if line and line[-1][0] == category:
                line[-1] = (category, line[-1][1] + text)
            else:
                line.append((category, text))


@cache
def _category(kind: Any) -> Category:
    while kind:
        name = ".".join(kind)
        if name in _CATEGORIES:
            return _CATEGORIES[name]
        kind = kind.parent
    return "plain"


def _name(language: str) -> str:
    name = language.strip().lower()
    return _ALIASES.get(name, name)


@cache
def _table() -> dict[str, tuple[str, str]]:
    """Pygments' lexers by alias: module and class name."""
    from pygments.lexers._mapping import LEXERS

    return {
        alias.lower(): (entry[0], class_name)
        for class_name, entry in LEXERS.items()
        for alias in entry[2]
        if alias.lower() not in _PLAIN
    }


@lru_cache(maxsize=64)
def _lexer(name: str) -> Lexer | None:
    """The lexer of an alias, None if there is none."""
    found = _table().get(name)
    if found is None:
        return None
    lexer: Lexer = getattr(importlib.import_module(found[0]), found[1])()
    return lexer


def _resumes(language: str) -> bool:
    """Whether a language can be coloured line by line."""
    return _name(language) in _LINE_BY_LINE or _by_table(language)


@lru_cache(maxsize=64)
def _by_table(language: str) -> bool:
    """Whether a language's lexer is nothing but a table of states (and perhaps looks over its
    own tokens once more), so that it can go on from where it stopped; and none of the table's
    actions wants to be called otherwise."""
    from pygments.lexer import ExtendedRegexLexer, RegexLexer

    lexer = _lexer(_name(language))
    if not isinstance(lexer, RegexLexer) or isinstance(lexer, ExtendedRegexLexer):
        return False
    run: Any = type(lexer).get_tokens_unprocessed
    if "stack" not in run.__code__.co_varnames[: run.__code__.co_argcount]:
        return False
    tables: Any = getattr(lexer, "_tokens", {})
    return all(
        action is None or isinstance(action, tuple) or _takes_context(action)
        for rules in tables.values()
        for _, action, _ in rules
    )


def _takes_context(action: Any) -> bool:
    """Whether an action of a lexer's table can be called with a context."""
    code = getattr(action, "__code__", None)
    return code is not None and code.co_argcount >= 3
