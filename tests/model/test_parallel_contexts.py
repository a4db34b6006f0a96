"""Sequences in one context see nothing of each other: each is thought of as if it were alone.

The shape of a batch changes the last digits of floating point, so the scores of all 49,152 tokens
agree within a tolerance and not exactly. Between two conversations they differ by far more.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from company import Company, company, request

from chatdesk.chat.provider import Request
from chatdesk.providers.llama import ModelChoice, ModelParameters
from chatdesk.providers.llama.backend import backend

QUESTIONS = {
    "planets": "Name the planets of the solar system",
    "rain": "Write a poem about rain",
    "secret": "My secret word is xylophone. Remember it and say hello to my mother.",
    "code": "def add(a, b):\n    return a + b\n\nExplain this",
}
WRITTEN = 6
# Measured: alike to the last digit on one processor, different by 10 and more.
ALIKE = 1.0
DIFFERENT = 5.0


@pytest.fixture(scope="module")
def four(model_path: Path) -> Iterator[Company]:
    parameters = ModelParameters(context_size=256, threads=1, batch_size=64, gpu_layers=0)
    choice = ModelChoice(model_path, "SmolLM2", parameters)
    with company(lambda model: choice, 4) as found:
        yield found


Steps = list[tuple[int, Any]]  # the token chosen, and the scores of all it was chosen from


class Scores:
    """Looks over the samplers' shoulders. replies: the steps of each, in the order they began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.replies: list[Steps] = []
        self._of: dict[int, Steps] = {}
        self._lib = lib = backend().lib
        self._make, self._sample = lib.llama_sampler_chain_init, lib.llama_sampler_sample
        monkeypatch.setattr(lib, "llama_sampler_chain_init", self._watch_making)
        monkeypatch.setattr(lib, "llama_sampler_sample", self._watch_sampling)

    def of(self, people: Company, *wanted: Request) -> list[Steps]:
        """The steps of the replies to these requests, which are asked together."""
        self.replies.clear()
        people.ask(*wanted)
        return list(self.replies)

    def _watch_making(self, parameters: Any) -> Any:
        chain = self._make(parameters)
        steps: Steps = []
        self.replies.append(steps)
        self._of[ctypes.addressof(chain.contents)] = steps
        return chain

    def _watch_sampling(self, chain: Any, context: Any, row: int) -> int:
        lib = self._lib
        size = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(lib.llama_get_model(context)))
        pointer = lib.llama_get_logits_ith(context, row)
        found = np.array((ctypes.c_float * size).from_address(ctypes.addressof(pointer.contents)))
        token = int(self._sample(chain, context, row))
        self._of[ctypes.addressof(chain.contents)].append((token, found))
        return token


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> Scores:
    return Scores(monkeypatch)


def apart(left: Any, right: Any) -> float:
    return float(np.abs(left - right).max())


def test_a_reply_in_company_is_thought_of_as_alone(four: Company, scores: Scores) -> None:
    wanted = {name: request(text, max_tokens=WRITTEN) for name, text in QUESTIONS.items()}
    alone = {name: scores.of(four, asked)[0] for name, asked in wanted.items()}
    # All places get something else, and then the questions again, all at once.
    four.ask(*(request(f"{n}. Hi", max_tokens=1) for n in range(4)))
    names = list(reversed(wanted))
    together = dict(zip(names, scores.of(four, *(wanted[n] for n in names)), strict=True))
    compared = 0
    for name, steps in together.items():
        assert len(steps) == WRITTEN
        for other, before in alone.items():
            if other != name:
                assert apart(steps[0][1], before[0][1]) > DIFFERENT
        # As long as the same tokens were chosen, what follows is alike too.
        for (token, found), (chosen, before) in zip(steps, alone[name], strict=True):
            assert apart(found, before) < ALIKE
            compared += 1
            if token != chosen:
                break
    assert compared > 2 * len(QUESTIONS)


def test_what_a_place_held_before_is_forgotten(four: Company, scores: Scores) -> None:
    question = request(QUESTIONS["planets"], max_tokens=1)
    ((_, fresh),) = scores.of(four, question)[0]
    # All places are filled with long texts of others, then one is taken again.
    for n in range(2):
        four.ask(*(request(f"{n}{k} is a number. " * 12, max_tokens=8) for k in range(4)))
    scores.replies.clear()
    (asked,) = four.ask(question)
    assert asked.usage.cached_tokens < asked.usage.prompt_tokens - 1
    ((_, later),) = scores.replies[0]
    assert apart(fresh, later) < ALIKE


def test_a_decode_that_failed_leaves_nothing_behind(
    four: Company, scores: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [request(text, max_tokens=WRITTEN) for text in QUESTIONS.values()]
    before = scores.of(four, *wanted)
    lib = backend().lib
    decode = lib.llama_decode

    def fail_in_company(context: Any, batch: Any) -> int:
        result = int(decode(context, batch))
        several = len({batch.seq_id[i][0] for i in range(batch.n_tokens)}) > 1
        return -3 if several else result

    monkeypatch.setattr(lib, "llama_decode", fail_in_company)
    for steps, expected in zip(scores.of(four, *wanted), before, strict=True):
        for (token, found), (chosen, scored) in zip(steps, expected, strict=True):
            assert apart(found, scored) < ALIKE
            if token != chosen:
                break
