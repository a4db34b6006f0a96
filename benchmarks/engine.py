"""The engine suite: what a reply costs beside a bare llama.cpp loop, and how fast it stops.

The baseline is the shortest program that writes tokens with llama.cpp: sample, decode, sample. It
has the same model, prompt, sampler chain and threads as the engine and writes as many tokens. The
two take turns every few tokens of one reply, so that whatever else the machine does meets both
alike. The engine's time holds all it does for a reply once the prompt is evaluated: text, events
and their hand-over to the thread that asked. Takes about two minutes on two cores.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import psutil

from benchmarks.subject import bundled_model, engine_row
from chatdesk.chat.events import Delta, Event, Finished, PromptProgress, is_last
from chatdesk.chat.messages import Role, SamplingParameters, Usage
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.headless import Worker
from chatdesk.providers.llama import LlamaEngine, ModelChoice, ModelParameters
from chatdesk.providers.llama.cache import ReplyMemory
from chatdesk.providers.llama.model import LlamaModel
from chatdesk.providers.llama.prompt import PromptBuilder
from chatdesk.providers.llama.sampler import Sampler
from chatdesk.providers.llama.template import Turn

SHORT, LONG = 128, 1024
RUNS = {SHORT: 5, LONG: 2}
TURN = 32  # tokens written by one before it is the other's turn
STOPS = 15
STORY = "Write a very long story about a lighthouse keeper, in many chapters."
FOX = "The quick brown fox jumps over the lazy dog, and the dog does not mind. "
CONTEXT = 2048
# Always the likeliest token: the cheapest sampler, so what the engine adds weighs most, and this
# model then never ends its story.
LIKELIEST = SamplingParameters(temperature=0.0, repeat_penalty=1.0)


class Rival(Protocol):
    """What the engine is measured against."""

    def begin(self) -> None:
        """Evaluate the prompt."""

    def advance(self, tokens: int) -> int:
        """Write the next tokens; returns how many."""


# By name, with the ratio the engine is to reach.
Rivals = Mapping[str, tuple[Rival, float]]


@dataclass(frozen=True)
class Reply:
    """One reply of the engine."""

    text: str
    usage: Usage

    @property
    def tokens(self) -> int:
        return self.usage.completion_tokens or 0


class Engine:
    """The engine and its worker, asked from this thread."""

    def __init__(self, choice: ModelChoice) -> None:
        self._engine = LlamaEngine(lambda model: choice, lambda state: None)
        self._worker = Worker(self._engine)

    def __enter__(self) -> Engine:
        self._worker.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._worker.close()

    def ask(self, texts: list[str], wanted: SamplingParameters) -> Reply:
        pieces: list[str] = []
        for event in self._worker.events(_request(texts, wanted)):
            if isinstance(event, Delta):
                pieces.append(event.text)
            elif isinstance(event, Finished):
                return Reply("".join(pieces), event.usage)
        raise RuntimeError("the reply failed")

    def race(self, tokens: int, rivals: Sequence[Rival]) -> list[float]:
        """Tokens per second of the engine and of each rival, in turns over one reply."""
        for rival in rivals:
            rival.begin()
        arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        spent = [0.0] * (len(rivals) + 1)
        written = [0] * (len(rivals) + 1)
        waiting = 0
        began = 0.0

        def take_turns() -> None:
            nonlocal began, waiting
            spent[0] += time.perf_counter() - began
            written[0] += waiting
            for index, rival in enumerate(rivals, start=1):
                began = time.perf_counter()
                written[index] += rival.advance(waiting)
                spent[index] += time.perf_counter() - began
            waiting = 0
            began = time.perf_counter()

        def deliver(event: Event) -> None:
            # In the engine's own thread: while a rival has its turn, the engine stands still.
            nonlocal began, waiting
            if isinstance(event, PromptProgress):
                began = time.perf_counter()
            waiting += isinstance(event, Delta)
            if not is_last(event):
                arrived.put(event)
            if waiting >= TURN or is_last(event):
                take_turns()
            if is_last(event):
                arrived.put(event)

        wanted = replace(LIKELIEST, max_tokens=tokens)
        self._engine.start(_request([STORY], wanted), deliver)
        while not is_last(arrived.get(timeout=300)):
            pass
        return [count / seconds for count, seconds in zip(written, spent, strict=True)]

    def stop_ms(self, text: str, kind: type[Event], delay: float) -> float:
        """Milliseconds to the last event, cancelled `delay` seconds after the first of a kind."""
        reached, ended = threading.Event(), threading.Event()
        last = 0.0

        def deliver(event: Event) -> None:
            nonlocal last
            if isinstance(event, kind):
                reached.set()
            if isinstance(event, Finished):
                last = time.perf_counter()
                ended.set()

        run = self._engine.start(_request([text], SamplingParameters(seed=1)), deliver)
        reached.wait(60)
        time.sleep(delay)
        began = time.perf_counter()
        run.cancel()
        ended.wait(60)
        return (last - began) * 1000.0


class Bare:
    """The baseline: a prompt, then sample and decode, and nothing else."""

    def __init__(self, choice: ModelChoice) -> None:
        self.model = model = LlamaModel.load(choice, lambda fraction: True)
        self._lib = lib = model.backend.lib
        builder = PromptBuilder(model.vocabulary, model.template, ReplyMemory())
        self._prompt = builder.build([Turn(Role.USER, STORY)]).tokens
        self._batch = lib.llama_batch_init(len(self._prompt), 0, 1)
        self._memory = lib.llama_get_memory(model.context)

        self._sampler = Sampler(model.backend, model.vocabulary.size, LIKELIEST)
        self._position = 0

    def speed(self, tokens: int, wanted: SamplingParameters) -> float:
        """Tokens per second of one reply by itself."""
        self.begin(wanted)
        began = time.perf_counter()
        self.advance(tokens)
        return tokens / (time.perf_counter() - began)

    def begin(self, wanted: SamplingParameters = LIKELIEST) -> None:
        self._sampler.close()
        self._sampler = Sampler(self.model.backend, self.model.vocabulary.size, wanted)
        lib, batch = self._lib, self._batch
        lib.llama_memory_clear(self._memory, False)
        count = batch.n_tokens = self._position = len(self._prompt)
        for index, token in enumerate(self._prompt):
            batch.token[index], batch.pos[index] = token, index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = index == count - 1
        lib.llama_decode(self.model.context, batch)
        lib.llama_synchronize(self.model.context)
        batch.n_tokens, batch.logits[0] = 1, 1

    def advance(self, tokens: int) -> int:
        lib, batch, context, chain = self._lib, self._batch, self.model.context, self._sampler.chain
        token_at, position_at = batch.token, batch.pos
        for position in range(self._position, self._position + tokens):
            token_at[0] = lib.llama_sampler_sample(chain, context, -1)
            position_at[0] = position
            lib.llama_decode(context, batch)
        self._position += tokens
        return tokens

    def close(self) -> None:
        self._sampler.close()
        self._lib.llama_batch_free(self._batch)
        self.model.close()


class HighLevel:
    """llama-cpp-python's own streaming chat completion."""

    def __init__(self, choice: ModelChoice) -> None:
        from llama_cpp import Llama

        parameters = choice.parameters
        self._llama: Any = Llama(
            model_path=str(choice.path),
            n_ctx=CONTEXT,
            n_batch=parameters.batch_size,
            n_threads=parameters.threads,
            n_threads_batch=parameters.threads,
            verbose=False,
        )
        self._pieces: Iterator[str] = iter(())

    def begin(self) -> None:
        self._pieces = self._write()
        next(self._pieces)

    def advance(self, tokens: int) -> int:
        return sum(1 for _ in itertools.islice(self._pieces, tokens))

    def close(self) -> None:
        self._llama.close()

    def _write(self) -> Iterator[str]:
        for chunk in self._llama.create_chat_completion(
            [{"role": "user", "content": STORY}],
            stream=True,
            max_tokens=LONG + 8,
            temperature=0.0,
            repeat_penalty=1.0,
        ):
            if piece := chunk["choices"][0]["delta"].get("content"):
                yield piece


def rows() -> list[dict[str, Any]]:
    """Measure everything."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    found: list[dict[str, Any]] = []
    for threads, budget in dict.fromkeys(((max(1, cores - 1), 0.97), (cores, 0.93))):
        choice = _choice(threads)
        with Engine(choice) as engine, contextlib.closing(Bare(choice)) as bare:
            found.extend(_race(engine, {"bare loop": (bare, budget)}, SHORT, threads))
            if budget > 0.95:
                with contextlib.closing(HighLevel(choice)) as high:
                    rivals: Rivals = {
                        "bare loop": (bare, budget),
                        "create_chat_completion": (high, 1.15),
                    }
                    found.extend(_race(engine, rivals, LONG, threads))
                found.append(_follow_up(engine))
            found.extend(_stopping(engine, threads))
    return found


def _race(engine: Engine, rivals: Rivals, tokens: int, threads: int) -> Iterator[dict[str, Any]]:
    engine.race(8, [])  # the weights are read from disk by the first reply
    runs = [
        engine.race(tokens, [rival for rival, _ in rivals.values()]) for _ in range(RUNS[tokens])
    ]
    speeds = [run[0] for run in runs]
    for index, (name, (_, budget)) in enumerate(rivals.items(), start=1):
        ratio = statistics.median(run[0] / run[index] for run in runs)
        yield engine_row(
            f"engine, {tokens:,} tokens, {threads} thread(s) : {name}",
            speeds,
            "tok/s",
            baseline=statistics.median(run[index] for run in runs),
            ratio=ratio,
            budget=f">= {budget}",
            within=ratio >= budget,
        )


def _follow_up(engine: Engine) -> dict[str, Any]:
    """Tokens evaluated by the second message of a conversation that is some 1,000 tokens long."""
    wanted = SamplingParameters(max_tokens=200, seed=1)
    question = FOX * 50 + STORY
    first = engine.ask([question], wanted)
    second = engine.ask([question, first.text, "Go on."], replace(wanted, max_tokens=1))
    known = (first.usage.prompt_tokens or 0) + first.tokens
    total = second.usage.prompt_tokens or 0
    evaluated = total - (second.usage.cached_tokens or 0)
    new = total - known
    return engine_row(
        f"follow-up after {known:,} tokens: tokens evaluated",
        [float(evaluated)],
        "tokens",
        baseline=float(new),
        ratio=evaluated / new,
        budget="new + 2",
        within=evaluated <= new + 2,
    )


def _stopping(engine: Engine, threads: int) -> Iterator[dict[str, Any]]:
    kinds: tuple[tuple[str, str, type[Event], float], ...] = (
        ("prompt evaluation", FOX * 80, PromptProgress, 0.15),
        ("generation", STORY, Delta, 0.15),
    )
    for name, text, kind, delay in kinds:
        times = [
            # Another beginning each time, so that nothing of the prompt is in the cache.
            engine.stop_ms(f"{number} {text}", kind, delay)
            for number in range(STOPS)
        ]
        yield engine_row(
            f"stop in {name}, {threads} thread(s), slowest of {STOPS}",
            times,
            "ms",
            value=max(times),
            budget="<= 100",
            within=max(times) <= 100.0,
        )


def _choice(threads: int) -> ModelChoice:
    path = bundled_model()
    parameters = ModelParameters(context_size=CONTEXT, threads=threads, gpu_layers=0)
    return ModelChoice(path, "SmolLM2", parameters)


def _request(texts: list[str], wanted: SamplingParameters) -> Request:
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(
        PromptMessage(roles[index % 2], text, f"m{index}") for index, text in enumerate(texts)
    )
    return Request("bench", messages, wanted)
