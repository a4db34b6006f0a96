"""GGUF files: where they are, what they say about themselves, and whether they will fit."""

from __future__ import annotations

from chatdesk.library.library import Library, reference
from chatdesk.library.memory import Fit, check_fits, context_for, fits, free_memory
from chatdesk.library.models import BrokenModel, ModelInfo, check_chat, inspect
from chatdesk.library.words import size_text

__all__ = [
    "BrokenModel",
    "Fit",
    "Library",
    "ModelInfo",
    "check_chat",
    "check_fits",
    "context_for",
    "fits",
    "free_memory",
    "inspect",
    "reference",
    "size_text",
]
