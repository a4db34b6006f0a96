"""How Python values become database values and come back.

Any text round-trips, NUL characters included, except that half of a surrogate pair - which is no
character and which no UTF-8 file can hold - becomes U+FFFD, and two halves become the character
they stand for. A person who pastes half an emoji keeps the message.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from chatdesk.chat.messages import Usage
from chatdesk.errors import UsageError


def storable(text: str) -> str:
    """The text as it will be stored; the same object where nothing has to change."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)


def to_json(value: Any) -> str:
    """JSON text of a value; raises UsageError for one that JSON cannot hold."""
    try:
        return storable(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError("This value cannot be saved.", detail=str(error)) from error


def known_usage(usage: Usage | None) -> Usage | None:
    """Usage as it will be stored: a time or speed that is not finite is unknown."""
    if usage is None:
        return None
    wait, speed = usage.first_token_ms, usage.tokens_per_second
    return replace(
        usage,
        first_token_ms=wait if wait is None or math.isfinite(wait) else None,
        tokens_per_second=speed if speed is None or math.isfinite(speed) else None,
    )


def usage_columns(usage: Usage | None) -> tuple[float | None, ...]:
    """Whether there is a Usage (0 or 1), then its figures in the order of its fields."""
    known = known_usage(usage)
    if known is None:
        return (0, None, None, None, None, None, 0)
    return (
        1,
        known.prompt_tokens,
        known.cached_tokens,
        known.completion_tokens,
        known.first_token_ms,
        known.tokens_per_second,
        int(known.estimated),
    )
