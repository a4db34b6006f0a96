"""Models on servers: OpenAI-compatible ones and Text Generation Inference.

All of it runs on one asyncio loop in one thread of its own, so that no other thread waits for a
server or imports what talks to one. Only the person's text, the parameters and, at its own origin,
the provider's key leave this room.
"""

from __future__ import annotations

from chatdesk.providers.remote.api import Check, RemoteModel
from chatdesk.providers.remote.limits import Limits
from chatdesk.providers.remote.provider import RemoteProvider

__all__ = ["Check", "Limits", "RemoteModel", "RemoteProvider"]
