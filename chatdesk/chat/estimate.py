"""How many tokens a text may have, where nobody tells.

Servers have tokenizers of their own and most do not say how a text is counted before it is sent.
"""

from __future__ import annotations


def estimate_tokens(text: str) -> int:
    """About how many tokens; never negative, 0 only for no text."""
    return (len(text.encode("utf-8", "replace")) + 3) // 4
