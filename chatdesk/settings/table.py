"""The option table, and the checks of single values, both derived from the declarations.

A value may come typed (from the dialog, from a file) or as a string (from the command line); either
way validate() returns the typed value or raises a SettingsError that says what would be accepted.
Everything here is immutable or pure: any thread may use it.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from chatdesk.chat.messages import SamplingParameters
from chatdesk.errors import Remedy, SettingsError
from chatdesk.settings.declared import DECLARED, LONGEST_STOP, Declared, Settings

Kind = Literal["bool", "int", "float", "text", "multiline", "choice", "list", "model"]

_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})
_NONE = frozenset({"", "none", "null"})


@dataclass(frozen=True, slots=True)
class Option:
    """One setting, as the dialog, the command line and the documentation see it.

    key: "group.name". kind: how it is edited. choices with choice_labels, in the same order, are
    for kind "choice". optional: None is a value. special: words for the minimum (or for None, where
    optional) when it means something of its own, such as "Automatic", else "". longest: of a text
    the characters, of a list the entries.
    """

    key: str
    group: str
    label: str
    help: str
    kind: Kind
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    choice_labels: tuple[str, ...] = ()
    optional: bool = False
    special: str = ""
    longest: int = 0

    @property
    def name(self) -> str:
        """The key without its group."""
        return self.key.partition(".")[2]

    @property
    def accepts(self) -> str:
        """What values there are, in words: "a number from 0 to 2"."""
        if self.kind == "bool":
            return "true or false"
        if self.kind == "choice":
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.kind == "list":
            return f"up to {self.longest} texts of up to {LONGEST_STOP} characters"
        if self.kind in ("int", "float"):
            words = "a whole number" if self.kind == "int" else "a number"
            words += f" from {self.minimum:,g} to {self.maximum:,.0f}"
            return f"{words}, or none" if self.optional else words
        return f"a text of up to {self.longest:,} characters"

    def text(self, value: Any) -> str:
        """A value as the command line shows it and takes it back."""
        if value is None:
            return "none"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return json.dumps(list(value), ensure_ascii=False) if value else "none"
        return str(value)


@dataclass(frozen=True, slots=True)
class Group:
    """A page of settings."""

    name: str
    label: str
    help: str


def _derive(group: str, field: Field[Any]) -> Option:
    annotation: Any = field.type
    optional = isinstance(annotation, UnionType) and NoneType in get_args(annotation)
    if optional:
        annotation = next(a for a in get_args(annotation) if a is not NoneType)
    told: Declared = field.metadata[DECLARED]
    choices = tuple(get_args(annotation)) if get_origin(annotation) is Literal else ()
    kind: Any = told.kind
    if choices:
        kind = "choice"
    elif get_origin(annotation) is tuple:
        kind = "list"
    elif not kind:
        kind = {bool: "bool", int: "int", float: "float", str: "text"}[annotation]
    return Option(
        key=f"{group}.{field.name}",
        group=group,
        label=told.label,
        help=told.help,
        kind=kind,
        default=field.default,
        minimum=told.minimum,
        maximum=told.maximum,
        step=told.step,
        choices=choices,
        choice_labels=tuple(told.choices[choice] for choice in choices),
        optional=optional,
        special=told.special,
        longest=told.longest,
    )


# Of each group its class: the annotations are types (see declared.py).
_GROUPS: Mapping[str, Any] = {field.name: field.type for field in fields(Settings)}

GROUPS: tuple[Group, ...] = tuple(
    Group(field.name, field.metadata[DECLARED].label, (_GROUPS[field.name].__doc__ or "").strip())
    for field in fields(Settings)
)
OPTIONS: tuple[Option, ...] = tuple(
    _derive(group, field) for group, kind in _GROUPS.items() for field in fields(kind)
)
_BY_KEY: Mapping[str, Option] = {entry.key: entry for entry in OPTIONS}
_PARAMETERS = frozenset(field.name for field in fields(SamplingParameters))


def option(key: str) -> Option:
    """The option with this key; raises SettingsError, with the nearest name, if there is none."""
    try:
        return _BY_KEY[key]
    except KeyError:
        near = difflib.get_close_matches(key, _BY_KEY, n=1)
        raise SettingsError(
            f'There is no setting "{_shorten(key)}".',
            f"Did you mean {near[0]}?" if near else "",
            remedy=None if near else Remedy(terminal="See: chatdesk settings list."),
        ) from None


def validate(key: str, value: Any) -> Any:
    """The typed value of a setting, from a typed value or from a string.

    Strings: true/false, on/off, yes/no; "none" for an optional number; for a list, texts with
    commas between them (\\n and \\t are understood) or a JSON list. Raises SettingsError.
    """
    entry = option(key)
    try:
        return _checked(entry, _typed(entry, value))
    except (ValueError, OverflowError, RecursionError) as error:
        raise SettingsError(
            f"{entry.label} ({key}) cannot be {describe(entry, value)}.",
            f"It takes {entry.accepts}.",
        ) from error


def settings_with(values: Mapping[str, Any]) -> Settings:
    """The settings with these values, by key and as validate() gives them, and defaults."""
    groups: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        entry = option(key)
        groups.setdefault(entry.group, {})[entry.name] = value
    return Settings(**{name: _GROUPS[name](**group) for name, group in groups.items()})


def validate_parameter(name: str, value: Any) -> Any:
    """The typed value of a sampling parameter by its bare name, such as "temperature".

    Takes what validate() takes; raises SettingsError.
    """
    return validate(f"sampling.{name}", value)


def sampling_parameters(settings: Settings, overrides: Mapping[str, Any]) -> SamplingParameters:
    """The settings' parameters with a conversation's own (Conversation.parameters) put over them.

    Names that are no parameters are left out: a newer Chatdesk may have written them. Raises
    SettingsError for a value that cannot be.
    """
    values = {name: getattr(settings.sampling, name) for name in _PARAMETERS}
    for name, value in overrides.items():
        if name in _PARAMETERS:
            values[name] = validate_parameter(name, value)
    return SamplingParameters(**values)


def describe(entry: Option, value: Any) -> str:
    """A refused value, short enough for a message; texts a person wrote are not repeated."""
    if entry.kind in ("multiline", "list") or not isinstance(value, str | int | float | None):
        return "this"
    if isinstance(value, int) and value.bit_length() > 64:
        return "so large" if value > 0 else "so small"
    return f'"{_shorten(value)}"' if isinstance(value, str) else _shorten(entry.text(value))


def _shorten(text: str) -> str:
    shown = text if len(text) <= 40 else text[:40] + "..."
    return "".join(character if character.isprintable() else "?" for character in shown)


def _typed(entry: Option, value: Any) -> Any:
    """value with strings turned into the option's type; ValueError where that cannot be."""
    if entry.kind == "list":
        return _texts(value)
    if not isinstance(value, str):
        return value
    if entry.kind in ("text", "multiline", "model"):
        value.encode()  # half of a surrogate pair is no text
        if "\0" in value:
            raise ValueError("a NUL character")
        return value
    word = value.strip().lower()
    if entry.kind == "choice":
        return word
    if entry.kind == "bool":
        if word in _TRUE | _FALSE:
            return word in _TRUE
        raise ValueError("neither true nor false")
    if entry.optional and word in _NONE:
        return None
    return int(word) if entry.kind == "int" else float(word)


def _checked(entry: Option, value: Any) -> Any:
    """value, where it is of the option's type and within its bounds; ValueError where not."""
    kind = entry.kind
    if value is None and entry.optional:
        return None
    if kind in ("int", "float"):
        # To Python a truth value is a number too.
        if isinstance(value, bool) or not isinstance(value, int if kind == "int" else int | float):
            raise ValueError("no such number")
        number = value if kind == "int" else float(value)
        assert entry.minimum is not None and entry.maximum is not None
        if not (math.isfinite(number) and entry.minimum <= number <= entry.maximum):
            raise ValueError("out of bounds")
        return number
    if kind == "bool":
        fits = isinstance(value, bool)
    elif kind == "choice":
        fits = isinstance(value, str) and value in entry.choices
    elif kind == "list":
        fits = len(value) <= entry.longest and all(
            isinstance(part, str) and 1 <= len(part) <= LONGEST_STOP for part in value
        )
    else:
        fits = isinstance(value, str) and len(value) <= entry.longest
    if not fits:
        raise ValueError("not of its kind")
    return value


def _texts(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            value = json.loads(text)
        elif text.lower() in _NONE:
            value = ()
        else:
            value = [
                part.strip().replace("\\n", "\n").replace("\\t", "\t") for part in text.split(",")
            ]
    if not isinstance(value, list | tuple):
        raise ValueError("no list")
    for part in value:
        if isinstance(part, str):
            part.encode()
    return tuple(value)
