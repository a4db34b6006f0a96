"""Which model is wanted, how it is to be loaded, and what the engine tells of it.

Nothing here needs llama.cpp, so the window can be on the screen before that is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatdesk.errors import ChatdeskError, ModelError

FlashAttention = Literal["auto", "on", "off"]
Progress = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class ModelParameters:
    """How a model is loaded. Defaults are those of the option table (settings.py).

    context_size in tokens, 0: the model's own, at most 8,192. threads 0: one per physical core.
    batch_size: tokens evaluated at once. gpu_layers -1: all. chat_format: the name of a format
    that llama-cpp-python knows, or the text of a Jinja template; "": the file's own template.
    """

    context_size: int = 0
    threads: int = 0
    batch_size: int = 512
    gpu_layers: int = -1
    mmap: bool = True
    mlock: bool = False
    flash_attention: FlashAttention = "auto"
    chat_format: str = ""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model file, the name it is shown by, and how to load it."""

    path: Path
    name: str
    parameters: ModelParameters = ModelParameters()

    def loads_as(self, other: ModelChoice) -> bool:
        """Whether both mean the same loaded model."""
        return self.path == other.path and self.parameters == other.parameters


@dataclass(frozen=True, slots=True)
class ModelState:
    """What the engine has loaded or is loading. fraction runs from 0 to 1 while loading.

    context_window (tokens) is known when ready; error is set when failed.
    """

    kind: Literal["none", "loading", "ready", "failed"] = "none"
    name: str = ""
    fraction: float = 0.0
    error: ChatdeskError | None = None
    context_window: int | None = None
    path: Path | None = None


def check_file(path: Path) -> None:
    """Raise ModelError for what is not even GGUF, before another model is given up for it."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as problem:
        raise ModelError(
            f"The model file {path.name} cannot be read.",
            "Check that it still exists and that you may read it.",
            detail=str(problem),
        ) from problem
    if magic != b"GGUF":
        raise ModelError(
            f"{path.name} is not a GGUF model file.",
            "Choose a file that ends in .gguf and holds a chat model.",
        )
