"""Private, offline AI chat on your own computer.

For a script or a notebook `from chatdesk import Chat` is all of it; it needs no Qt. Importing the
package costs nothing: what Chat needs is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatdesk.chatbot import Chat

__all__ = ["Chat", "__version__"]

__version__ = "0.1.0"  # the same as in pyproject.toml; a packaged application has no metadata


def __getattr__(name: str) -> Any:
    if name == "Chat":
        from chatdesk.chatbot import Chat

        return Chat
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
