"""Finding titles as people type them: without regard to case, accents and the order of words."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Text as it is compared: no case, no accents or vowel marks, compatible forms made one."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def words(query: str) -> list[str]:
    """The folded words of a query; a title matches when it contains all of them."""
    return fold(query).split()


def matches(folded: str, wanted: list[str]) -> bool:
    """Whether a folded title contains all wanted words."""
    return all(word in folded for word in wanted)
