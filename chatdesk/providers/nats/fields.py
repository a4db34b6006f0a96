"""Fields of JSON messages from outside, checked before they are believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from chatdesk.errors import ProviderError

VERSION = 1
LONGEST_TEXT = 64_000_000  # characters; the server's max_payload binds long before

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

T = TypeVar("T")


class WireError(ProviderError):
    """A message that this version cannot read."""


def dump(values: dict[str, Any]) -> bytes:
    """An object as a message."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Half a surrogate pair cannot be sent, and must not cost the reply.
    return text.encode("utf-8", "replace")


def load(data: bytes) -> dict[str, Any]:
    """The object of a message of this version, whose texts can all be kept and sent on.

    Raises WireError.
    """
    try:
        text = data.decode("utf-8")
        values = json.loads(text)
        if "\\u" in text:  # perhaps half of a surrogate pair
            plain = json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")
            values = json.loads(plain)
    except (ValueError, RecursionError):
        raise WireError("A message is no JSON.") from None
    if not isinstance(values, dict):
        raise WireError("A message is no JSON object.")
    version = values.get("v")
    if version != VERSION:
        raise WireError(
            "The other side speaks another version of the protocol.",
            "Update Chatdesk here or there.",
            detail=f"version {version!r:.20}",
        )
    return values


class Fields:
    """Reads the fields of an object from outside; whatever is not as it must be is a WireError."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def get(self, name: str, kind: type[T]) -> T:
        """Exactly this type."""
        value = self._values.get(name)
        if type(value) is not kind:  # a bool is no int here
            raise self._wrong(name)
        return value

    def must_be(self, kind: str) -> None:
        """The message's own type is this one."""
        if self._values.get("type") != kind:
            raise self._wrong("type")

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """longest: characters."""
        text = self.get(name, str)
        if len(text) > longest:
            raise self._wrong(name)
        return text

    def id(self, name: str) -> str:
        """What may be a token of a subject."""
        text = self.get(name, str)
        if not _ID.fullmatch(text):
            raise self._wrong(name)
        return text

    def count(self, name: str) -> int:
        """A whole number from 0 on that JSON can carry."""
        value = self.get(name, int)
        if not 0 <= value < 2**53:
            raise self._wrong(name)
        return value

    def number(self, name: str, least: float, most: float) -> float:
        """A number within these bounds."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name)
        if not least <= value <= most:  # nor is any NaN
            raise self._wrong(name)
        return float(value)

    def one_of(self, name: str, known: tuple[str, ...]) -> Any:
        """One of these words."""
        value = self.get(name, str)
        if value not in known:
            raise self._wrong(name)
        return value

    def optional(self, name: str, read: Callable[[], T]) -> T | None:
        """None where the field is null or missing, else what read gives."""
        return None if self._values.get(name) is None else read()

    @staticmethod
    def _wrong(name: str) -> WireError:
        return WireError("A message has a field that cannot be read.", detail=name)
