"""Text that a terminal may be given, whatever wrote it.

A terminal obeys control characters: model text, a title or a file's metadata could move the cursor,
rename the window, fill the clipboard or hide what is said. Here every such character becomes a
visible sign. Each character is decided alone, so text may come in pieces cut anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

_PICTURES = 0x2400  # the block with a visible sign for each of the first 32 control characters


def _table() -> Mapping[int, str]:
    table = {code: chr(_PICTURES + code) for code in range(0x20)}
    table[0x7F] = "\u2421"
    table |= dict.fromkeys(range(0x80, 0xA0), "\ufffd")  # C1: the one-character escape sequences
    # Direction overrides show text in another order than it has.
    table |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "")
    table |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # halves of a pair: no text at all
    del table[ord("\n")], table[ord("\t")]
    table[ord("\r")] = ""  # a line ends with \n; alone it would write over the line
    return table


_SAFE = _table()
_LINE = {**_SAFE, ord("\n"): " ", ord("\t"): " ", 0x2028: " ", 0x2029: " "}


def safe_text(text: str) -> str:
    """text with control characters made visible; line breaks and tabs stay. Pure; any thread."""
    return text.translate(_SAFE)


def safe_line(text: str) -> str:
    """text on one line, with control characters made visible. Pure; any thread."""
    return text.strip().translate(_LINE)
