"""Tooltips with what others wrote in them: titles, names of models as a server gives them.

Qt takes a tooltip that looks like HTML for HTML: a name could load a picture from anywhere in the
file system, which on Windows may be another computer, and "a < b" would lose its words.
"""

from __future__ import annotations

from html import escape

from PySide6.QtGui import Qt as Rich


def plain(text: str) -> str:
    """A tooltip that shows text as it is, whatever is in it."""
    if not Rich.mightBeRichText(text):
        return text
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>'
