"""The KV cache and the evaluation of tokens into it.

The evaluator knows which tokens the cache holds, keeps the longest common prefix with a new prompt
and evaluates the rest in batches. It never holds more tokens than the context window.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatdesk.errors import ProviderError
from chatdesk.providers.llama.backend import CancelFlag
from chatdesk.providers.llama.batch import Batch
from chatdesk.providers.llama.cache import common_prefix
from chatdesk.providers.llama.model import LlamaModel

_ABORTED = 2


class Cancelled(Exception):
    """The run's flag was set. Inner: never leaves this package."""


class Evaluator:
    """Evaluates tokens of one sequence. Belongs to the thread that owns the model.

    Must be closed before the model is.
    """

    def __init__(self, model: LlamaModel) -> None:
        self._model = model
        self._lib = lib = model.backend.lib
        self._memory = lib.llama_get_memory(model.context)
        self._batch = Batch(lib, model.batch_size)
        self._single = Batch(lib, 1)
        self._single.outputs[0] = 1
        self._single.native.n_tokens = 1
        self._flag = CancelFlag()
        self.tokens: list[int] = []
        self.watch(self._flag)

    def watch(self, flag: CancelFlag) -> None:
        """From now on this flag stops evaluation, within milliseconds on the CPU."""
        self._lib.llama_set_abort_callback(
            self._model.context, self._model.backend.abort, flag.address
        )
        self._flag = flag

    def reuse(self, prompt: list[int]) -> int:
        """Keep what the cache and a prompt begin with in common; returns its length in tokens.

        The last token of the prompt is always evaluated anew, for the model's answer to it.
        """
        kept = min(common_prefix(self.tokens, prompt), len(prompt) - 1)
        return self._keep(kept)

    def evaluate(self, prompt: list[int]) -> Iterator[int]:
        """Evaluate what of the prompt is not in the cache; yields how many tokens are, per batch.

        Raises Cancelled and ProviderError; the cache then holds what was evaluated before.
        """
        batch, size = self._batch, self._model.batch_size
        while (done := len(self.tokens)) < len(prompt):
            chunk = prompt[done : done + size]
            count = len(chunk)
            batch.clear()
            batch.add(chunk, done, 0, answered=done + count == len(prompt))
            self._decode(batch.native)
            self.tokens.extend(chunk)
            yield done + count

    def advance(self, token: int) -> None:
        """Evaluate one more token. Raises Cancelled and ProviderError."""
        single = self._single
        single.tokens[0] = token
        single.positions[0] = len(self.tokens)
        self._decode(single.native)
        self.tokens.append(token)

    def close(self) -> None:
        """Free the native buffers; twice is harmless."""
        self._batch.close()
        self._single.close()

    def _decode(self, batch: Any) -> None:
        # The cast to a local keeps the path per token short.
        result = self._lib.llama_decode(self._model.context, batch)
        if result == 0:
            return
        self._keep(len(self.tokens))
        if result == _ABORTED or self._flag.is_set():
            raise Cancelled
        self._keep(0)
        raise cannot_go_on(self._model, result)

    def _keep(self, count: int) -> int:
        """Forget all tokens behind the first count. Some models can only forget everything."""
        if not self._lib.llama_memory_seq_rm(self._memory, 0, count, -1):
            self._lib.llama_memory_clear(self._memory, False)
            count = 0
        del self.tokens[count:]
        return count


def cannot_go_on(model: LlamaModel, result: int) -> ProviderError:
    """What a person is told where llama.cpp could not evaluate tokens."""
    return ProviderError(
        "The model could not go on.",
        "Try again. If it happens again, choose a smaller context size in the settings.",
        retryable=True,
        detail=f"llama_decode: {result}\n{model.backend.problems()}",
    )
