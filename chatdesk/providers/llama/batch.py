"""A native batch: the tokens of one decode, with their places and their sequences."""

from __future__ import annotations

import ctypes
from typing import Any


class Batch:
    """Room for `size` tokens, with typed views of the native arrays, each of one sequence.

    Every buffer that native code reads is made once and lives until close().
    """

    def __init__(self, lib: Any, size: int) -> None:
        self._lib = lib
        self.native = lib.llama_batch_init(size, 0, 1)
        self.tokens: Any = _view(self.native.token, lib.llama_token, size)
        self.positions: Any = _view(self.native.pos, lib.llama_pos, size)
        self.outputs: Any = _view(self.native.logits, ctypes.c_int8, size)
        self._sequences = [
            _view(self.native.seq_id[index], lib.llama_seq_id, 1) for index in range(size)
        ]
        for index in range(size):
            self.native.n_seq_id[index] = 1
            self._sequences[index][0] = 0
        self._open = True

    def clear(self) -> None:
        self.native.n_tokens = 0

    def add(self, tokens: list[int], position: int, sequence: int, *, answered: bool) -> int:
        """Append tokens of a sequence; answered: the model's answer to the last one is wanted.

        Returns the row of the last one, by which its answer is found.
        """
        start = self.native.n_tokens
        end = start + len(tokens)
        self.tokens[start:end] = tokens
        self.positions[start:end] = range(position, position + len(tokens))
        self.outputs[start:end] = [0] * len(tokens)
        self.outputs[end - 1] = answered
        for index in range(start, end):
            self._sequences[index][0] = sequence
        self.native.n_tokens = end
        return int(end - 1)

    def close(self) -> None:
        """Free it; twice is harmless."""
        if self._open:
            self._open = False
            self._lib.llama_batch_free(self.native)


def _view(pointer: Any, kind: Any, size: int) -> Any:
    """An array over memory that llama_batch_init allocated; valid until the batch is freed."""
    return (kind * size).from_address(ctypes.addressof(pointer.contents))
