"""Whether a model fits in memory, told before it is loaded.

The estimate is for a model that runs on the processor: its weights, the memory of its context, and
what evaluating takes. A model whose layers go to a graphics card needs less than this says.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatdesk.errors import ModelError
from chatdesk.library.models import ModelInfo
from chatdesk.library.words import size_text

COMPUTE_BYTES = 300_000_000
DEFAULT_CONTEXT = 8192  # what context_size 0 is at most
UNKNOWN_CONTEXT = 4096  # for a model that does not say


@dataclass(frozen=True, slots=True)
class Fit:
    """needed_bytes and free_bytes of memory; ok: whether it fits."""

    needed_bytes: int
    free_bytes: int
    ok: bool


def context_for(info: ModelInfo, context_size: int = 0) -> int:
    """The context size in tokens that a setting means for a model.

    0 is the model's own, at most 8,192; more than its own is never used.
    """
    if context_size > 0:
        return min(context_size, info.context_length or context_size)
    return min(info.context_length or UNKNOWN_CONTEXT, DEFAULT_CONTEXT)


def free_memory() -> int:
    """Bytes that programs can have now without moving others to disk."""
    import psutil

    return int(psutil.virtual_memory().available)


def fits(
    info: ModelInfo, context_size: int = 0, free_bytes: int | None = None, sequences: int = 1
) -> Fit:
    """Estimate. context_size in tokens, 0 as in the settings; free_bytes None: what is free now.

    sequences: conversations that are answered at once, each with a context of its own.
    """
    free = free_memory() if free_bytes is None else free_bytes
    context = context_for(info, context_size) * (info.kv_bytes_per_token or 0)
    needed = info.size_bytes + context * sequences + COMPUTE_BYTES
    return Fit(needed, free, needed <= free)


def check_fits(
    info: ModelInfo, context_size: int = 0, free_bytes: int | None = None, sequences: int = 1
) -> None:
    """Raise ModelError, with both numbers, where a model does not fit. See fits()."""
    fit = fits(info, context_size, free_bytes, sequences)
    if fit.ok:
        return
    smallest = fits(info, 512, fit.free_bytes)
    advice = "a smaller context or another model" if smallest.ok else "a smaller model"
    several = f" for {sequences} conversations at once" if sequences > 1 else ""
    if several and smallest.ok:
        advice = f"fewer conversations at once, {advice}"
    raise ModelError(
        f"{info.name} does not fit in memory: it needs {size_text(fit.needed_bytes)}{several} and "
        f"{size_text(fit.free_bytes)} are free.",
        f"Choose {advice}, or close other programs.",
        retryable=True,
    )
