"""The local model: llama.cpp through llama-cpp-python's low-level API, on one thread.

LlamaEngine writes one reply after the other, ParallelEngine several at once.

Importing this package costs nothing: llama.cpp itself is loaded with the first model.
"""

from chatdesk.providers.llama.choice import ModelChoice, ModelParameters, ModelState
from chatdesk.providers.llama.engine import LlamaEngine
from chatdesk.providers.llama.parallel import ParallelEngine
from chatdesk.providers.llama.run import LlamaRun

__all__ = [
    "LlamaEngine",
    "LlamaRun",
    "ModelChoice",
    "ModelParameters",
    "ModelState",
    "ParallelEngine",
]
