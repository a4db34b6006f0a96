"""How files and sizes are written in messages about models."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

_LONGEST_NAME = 80


def shown(path: Path) -> str:
    """A file's name as it can be printed anywhere; names need not be UTF-8, or even harmless."""
    return clean(os.fspath(path.name or path).encode("utf-8", "replace")) or "The file"


def clean(text: str | bytes) -> str:
    """One short line without control or direction characters."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    kept = (
        " " if character.isspace() else character
        for character in text[: 10 * _LONGEST_NAME]
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    line = " ".join("".join(kept).split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 3].rstrip() + "..."


def size_text(size: int) -> str:
    """Bytes as people know them from their downloads: "98 MB", "5.2 GB" (powers of 1,000)."""
    if size < 1_000_000:
        return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:.0f} kB"
    if size < 999_500_000:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 1e14 else "over 100,000 GB"
