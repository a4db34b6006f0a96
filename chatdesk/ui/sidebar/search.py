"""Finding titles as people type them: without regard to case, accents and the order of words."""

from __future__ import annotations

import re
import unicodedata

# The accents of Latin, Greek and Cyrillic; one range is found many times faster than all marks.
ACCENTS = re.compile("[\u0300-\u036f]+")


def fold(text: str) -> str:
    """Text as it is compared: no case, no accents or vowel marks, compatible forms made one."""
    if text.isascii():
        return text.lower()
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    if not plain.isascii():
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    return plain.casefold()


def words(query: str) -> list[str]:
    """The folded words of a query; a title matches when it contains all of them."""
    return fold(query).split()


def matches(folded: str, wanted: list[str]) -> bool:
    """Whether a folded title contains all wanted words."""
    return all(word in folded for word in wanted)
