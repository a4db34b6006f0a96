"""How the next token is chosen: llama.cpp's sampler chain, made for one reply."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from chatdesk.chat.messages import SamplingParameters
from chatdesk.providers.llama.backend import Backend

# How many of the reply's last tokens the repeat penalty looks at, llama.cpp's own default.
_PENALTY_WINDOW = 64


class Sampler:
    """A chain in llama.cpp's usual order: penalties, top_k, top_p, min_p, temperature, chance.

    Temperature 0 always takes the likeliest token. The repeat penalty looks at the reply alone,
    not at the prompt: what the template repeats in every turn is nothing to punish. Belongs to the
    thread that owns the model; close() frees it.
    """

    def __init__(self, backend: Backend, vocabulary_size: int, wanted: SamplingParameters) -> None:
        self._lib = lib = backend.lib
        self.seed = secrets.randbits(32) if wanted.seed is None else wanted.seed % 2**32
        parameters = lib.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self.chain: int = lib.llama_sampler_chain_init(parameters)

        def add(sampler: int) -> None:
            lib.llama_sampler_chain_add(self.chain, sampler)

        if wanted.repeat_penalty != 1.0:
            add(
                lib.llama_sampler_init_penalties(
                    vocabulary_size, _PENALTY_WINDOW, wanted.repeat_penalty, 0.0, 0.0
                )
            )
        if wanted.temperature <= 0.0:
            add(lib.llama_sampler_init_greedy())
            return
        if wanted.top_k > 0:
            add(lib.llama_sampler_init_top_k(wanted.top_k))
        if wanted.top_p < 1.0:
            add(lib.llama_sampler_init_top_p(wanted.top_p, 1))
        if wanted.min_p > 0.0:
            add(lib.llama_sampler_init_min_p(wanted.min_p, 1))
        add(lib.llama_sampler_init_temp(wanted.temperature))
        add(lib.llama_sampler_init_dist(self.seed))

    def accept(self, tokens: Iterable[int]) -> None:
        """Tell the chain what the reply says already, so that it counts for the penalty."""
        for token in tokens:
            self._lib.llama_sampler_accept(self.chain, token)

    def close(self) -> None:
        """Free the chain; twice is harmless."""
        if self.chain:
            self._lib.llama_sampler_free(self.chain)
            self.chain = 0
