"""The model's side of a worker: few messages for a burst, loading is waited for, bugs are told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta, Event, Finished, PromptProgress, Started
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import Deliver, PromptMessage, Request
from chatdesk.cluster.worker.generation import Generation, OnState, Serving, joined
from chatdesk.errors import ModelError, ProviderError
from chatdesk.providers.llama import ModelState
from chatdesk.providers.scripted import ScriptedProvider, ScriptedRun

REQUEST = Request("c", (PromptMessage(Role.USER, "Hi"),))

events = st.one_of(
    st.builds(Delta, st.sampled_from(("text", "reasoning")), st.text("ab", min_size=1)),
    st.builds(PromptProgress, st.integers(0, 9), st.just(9)),
    st.just(Started("m")),
    st.just(Finished("stop")),
)


def texts(told: list[Event]) -> dict[str, str]:
    kinds = ("text", "reasoning")
    return {k: "".join(e.text for e in told if isinstance(e, Delta) and e.kind == k) for k in kinds}


@given(st.lists(events, max_size=30))
def test_what_comes_together_says_the_same_in_fewer_words(told: list[Event]) -> None:
    fewer = list(joined(told))
    assert texts(fewer) == texts(told) and len(fewer) <= len(told)
    kinds = [(type(e), getattr(e, "kind", "")) for e in fewer]
    assert all(a != b or a[0] not in (Delta, PromptProgress) for a, b in pairwise(kinds))
    plain = (Started, Finished)
    assert [e for e in fewer if isinstance(e, plain)] == [e for e in told if isinstance(e, plain)]
    last = [e for e in told if isinstance(e, PromptProgress)][-1:]
    assert [e for e in fewer if isinstance(e, PromptProgress)][-1:] == last


def test_a_piece_does_not_grow_without_end() -> None:
    fewer = list(joined([Delta("text", "x" * 1_000)] * 100))
    assert max(len(e.text) for e in fewer if isinstance(e, Delta)) <= 16_384


class Loading:
    """An engine that loads a model when it is told how that goes."""

    def __init__(self, on_state: OnState, *states: ModelState) -> None:
        self._on_state = on_state
        self._states = states
        self._scripted = ScriptedProvider(("Hello",))
        self.loaded: list[str | None] = []

    def load(self, model: str | None) -> None:
        self.loaded.append(model)

    def start(self, request: Request, deliver: Deliver) -> ScriptedRun:
        return self._scripted.start(request, deliver)

    def pump(self) -> None:
        for state in self._states:
            self._on_state(state)
        self._scripted.pump()

    def shutdown(self) -> None:
        self._scripted.shutdown()


def with_generation(
    make: Callable[[OnState], object], test: Callable[[Generation], object]
) -> None:
    async def run() -> None:
        generation = Generation(make, "name", "reference")  # type: ignore[arg-type]
        try:
            await test(generation)  # type: ignore[misc]
        finally:
            await generation.close()

    asyncio.run(run())


def test_a_model_is_loaded_before_anything_is_served() -> None:
    made: list[Loading] = []
    states = (
        ModelState("loading", "M", 0.5),
        ModelState("ready", "M", 1.0, context_window=512),
        ModelState("failed", "M"),  # later ones mean nothing to the start
    )

    def make(on_state: OnState) -> Loading:
        made.append(Loading(on_state, *states))
        return made[0]

    async def test(generation: Generation) -> None:
        assert await generation.begin() == Serving("M", 512)
        assert made[0].loaded == ["reference"]
        assert [type(event) for event in await replied(generation)] == [Started, Delta, Finished]

    with_generation(make, test)


async def replied(generation: Generation) -> list[Event]:
    told: list[Event] = []
    ended = asyncio.Event()
    here = threading.get_ident()

    def deliver(events: list[Event]) -> None:
        assert threading.get_ident() == here
        told.extend(events)
        if isinstance(told[-1], Finished):
            ended.set()

    generation.start(REQUEST, deliver)
    await asyncio.wait_for(ended.wait(), 60)
    return told


def test_a_model_that_cannot_be_loaded_is_told() -> None:
    failed = ModelState("failed", "M", error=ModelError("The file is damaged."))

    async def test(generation: Generation) -> None:
        with pytest.raises(ModelError, match="damaged"):
            await generation.begin()

    with_generation(lambda on_state: Loading(on_state, failed), test)


def test_a_provider_that_loads_nothing_is_ready_at_once() -> None:
    async def test(generation: Generation) -> None:
        assert await generation.begin() == Serving("name", None)
        told = await replied(generation)
        assert texts(told)["text"] == "Hi"

    with_generation(lambda on_state: ScriptedProvider(), test)


class Broken(ScriptedProvider):
    def pump(self) -> None:
        raise RuntimeError("a bug")


def test_the_end_of_the_thread_is_known(allow_errors: object) -> None:
    async def test(generation: Generation) -> None:
        await generation.begin()
        bug = await asyncio.wait_for(generation.ended, 60)
        assert isinstance(bug, RuntimeError)

    with_generation(lambda on_state: Broken(), test)


def test_a_thread_that_ends_while_it_loads_is_no_wait_for_ever(allow_errors: object) -> None:
    class Dies(Loading):
        def pump(self) -> None:
            raise RuntimeError("a bug")

    async def test(generation: Generation) -> None:
        with pytest.raises(ProviderError, match="has ended"):
            await generation.begin()

    with_generation(lambda on_state: Dies(on_state), test)
