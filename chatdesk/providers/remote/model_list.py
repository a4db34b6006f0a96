"""Reads lists of models, as many servers as have one in forms of their own."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from chatdesk.providers.remote.api import RemoteModel

LONGEST_NAME = 300  # as in profiles: the longest names in public lists have about 100 characters
MOST_MODELS = 5_000
_LARGEST_CONTEXT = 100_000_000

# Where servers put the context window of a model, the surest first: what the server gives one
# conversation before what the model could do.
_CONTEXT = (
    ("meta", "n_ctx"),  # llama-server
    ("max_model_len",),  # vLLM
    ("top_provider", "context_length"),  # OpenRouter: where it sends the request
    ("loaded_context_length",),  # LM Studio
    ("context_length",),  # OpenRouter, Together
    ("context_window",),  # Groq
    ("max_context_length",),  # Mistral, LM Studio
    ("meta", "n_ctx_train"),  # llama-server before it told n_ctx
)
_NO_CHAT = frozenset(
    ["embedding", "embeddings", "image", "audio", "rerank", "moderation", "transcribe", "video"]
)


def read_models(content: bytes) -> tuple[RemoteModel, ...] | None:
    """The models of an answer, sorted by name; None for what is no list of models.

    Models that cannot chat are left out where the server says so, and so are those whose id could
    not be typed or shown.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    listed = body
    if isinstance(body, dict):
        listed = body.get("data") if isinstance(body.get("data"), list) else body.get("models")
    if not isinstance(listed, list):
        return None
    found: dict[str, RemoteModel] = {}
    for entry in listed[: 4 * MOST_MODELS]:
        model = _model(entry)
        if model is not None and model.id not in found:
            found[model.id] = model
            if len(found) == MOST_MODELS:
                break
    if listed and not any(isinstance(entry, dict) for entry in listed):
        return None
    return tuple(sorted(found.values(), key=lambda model: (model.id.casefold(), model.id)))


def _model(entry: Any) -> RemoteModel | None:
    if not isinstance(entry, dict) or not _chats(entry):
        return None
    name = entry.get("id")
    if not isinstance(name, str):
        name = entry.get("model") or entry.get("name")  # Ollama's own list
    if not isinstance(name, str) or not fit_name(name):
        return None
    return RemoteModel(name, _display_name(entry) or name, _context(entry))


def _chats(entry: dict[str, Any]) -> bool:
    kind = entry.get("type")
    if isinstance(kind, str) and kind.lower() in _NO_CHAT:
        return False
    if entry.get("active") is False:  # Groq
        return False
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, dict) and capabilities.get("completion_chat") is False:  # Mistral
        return False
    architecture = entry.get("architecture")
    made = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    return not (isinstance(made, list) and made and "text" not in made)


def _display_name(entry: dict[str, Any]) -> str:
    """The name for people, cleaned: it is shown and never sent."""
    for key in ("display_name", "name"):
        name = entry.get(key)
        if isinstance(name, str):
            shown = "".join(c for c in name[: 2 * LONGEST_NAME] if _visible(c))
            shown = " ".join(shown.split())[:LONGEST_NAME]
            if shown:
                return shown
    return ""


def _context(entry: dict[str, Any]) -> int | None:
    for path in _CONTEXT:
        value: Any = entry
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and 0 < value <= _LARGEST_CONTEXT:
            return int(value)
    return None


def fit_name(name: str) -> bool:
    """Whether an id can be typed, shown and sent as it is."""
    return 0 < len(name) <= LONGEST_NAME and name == name.strip() and all(map(_visible, name))


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
