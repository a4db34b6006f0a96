"""Loading, other models and the end: the parallel engine around its model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from company import Asked, Company, company, request

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started
from chatdesk.errors import LoadCancelled, ModelError, ModelLoadError, NotFound, ProviderError
from chatdesk.headless import Worker
from chatdesk.providers.llama import (
    LlamaEngine,
    ModelChoice,
    ModelParameters,
    ModelState,
    ParallelEngine,
)
from chatdesk.providers.llama.backend import backend

Resolve = Callable[[str | None], ModelChoice]
COUNT = "Count to a hundred"


def small(context_size: int = 256, batch_size: int = 32) -> ModelParameters:
    return ModelParameters(
        context_size=context_size, threads=1, batch_size=batch_size, gpu_layers=0
    )


@pytest.fixture
def choices(model_path: Path, tmp_path: Path) -> dict[str, ModelChoice]:
    (tmp_path / "truncated.gguf").write_bytes(model_path.read_bytes()[:200_000])
    return {
        "": ModelChoice(model_path, "SmolLM2", small()),
        "other": ModelChoice(model_path, "Other", small(512)),
        "truncated": ModelChoice(tmp_path / "truncated.gguf", "Truncated", small()),
    }


@pytest.fixture
def resolve(choices: dict[str, ModelChoice]) -> Resolve:
    def find(model: str | None) -> ModelChoice:
        try:
            return choices[model or ""]
        except KeyError:
            raise NotFound(f"There is no model named {model}.") from None

    return find


def ends(people: Company) -> list[Asked]:
    return [asked for asked, event in people.told if isinstance(event, Finished | Failed)]


def begins(people: Company) -> list[Asked]:
    return [asked for asked, event in people.told if isinstance(event, Started)]


def test_each_conversation_has_the_window_that_one_alone_would_have(model_path: Path) -> None:
    # 300 is no multiple of what llama.cpp divides a cache into.
    choice = ModelChoice(model_path, "SmolLM2", small(300))
    windows = []
    for engine in (
        LlamaEngine(lambda model: choice, lambda state: None),
        ParallelEngine(lambda model: choice, lambda state: None, 3),
    ):
        with Worker(engine) as worker:
            events = list(worker.events(request("Hi", max_tokens=1)))
            windows += [event.context_window for event in events if isinstance(event, Started)]
            windows.append(engine.loaded.context_window)
    assert len(set(windows)) == 1 and windows[0] is not None and windows[0] >= 300


@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_smaller_than_the_company_is_enough(model_path: Path, batch: int) -> None:
    choice = ModelChoice(model_path, "SmolLM2", small(batch_size=batch))
    with company(lambda model: choice, 4) as people:
        for asked in people.ask(*(request(f"{n}?", max_tokens=3) for n in range(4))):
            assert asked.usage.completion_tokens == 3


def test_a_model_can_be_loaded_before_anyone_asks(resolve: Resolve) -> None:
    ready = threading.Event()
    states: list[ModelState] = []

    def watch(state: ModelState) -> None:
        states.append(state)
        if state.kind == "ready":
            ready.set()

    engine = ParallelEngine(resolve, watch, 2)
    with Worker(engine):
        assert engine.loaded.kind == "none" and engine.free == 2
        engine.load()
        assert ready.wait(30)
        assert engine.free == 2
    kinds = [state.kind for state in states]
    assert list(dict.fromkeys(kinds)) == ["loading", "ready", "none"]


def test_loading_can_be_cancelled(resolve: Resolve) -> None:
    failed: list[ModelState] = []
    told = threading.Event()

    def cancel(state: ModelState) -> None:
        if state.kind == "loading" and state.fraction > 0:
            engine.cancel_load()
        if state.kind == "failed":
            failed.append(state)
            told.set()

    engine = ParallelEngine(resolve, cancel, 2)
    with Worker(engine):
        engine.load()
        assert told.wait(30)
    assert isinstance(failed[0].error, LoadCancelled)


def test_what_waits_for_the_model_is_told_and_can_be_stopped(resolve: Resolve) -> None:
    def stop(asked: Asked, event: Event) -> None:
        if asked.waited:
            asked.cancel()

    with company(resolve, 2) as people:
        first, second, third = people.ask(
            request("Hi", max_tokens=1),
            request("Hi", max_tokens=1),
            Asked(request(COUNT), stop),
        )
        assert first.waited == second.waited == ["loading"]
        assert [type(event).__name__ for event in third.events] == ["Waiting", "Finished"]
        assert third.reason == "cancelled"
        assert ends(people)[0] is third


def test_another_model_waits_for_those_that_write(resolve: Resolve) -> None:
    with company(resolve, 3) as people:
        people.ask(request("Hi", max_tokens=1))
        people.told.clear()
        first, second, other, last = people.ask(
            request(COUNT, max_tokens=8),
            request("Name a colour", max_tokens=20),
            request(COUNT, model="other", max_tokens=4),
            # There is a place for this one, but it is not its turn.
            request("Name an animal", max_tokens=4),
        )
        assert begins(people) == [first, second, other, last]
        assert all(asked in (first, second) for asked in ends(people)[:2])
        assert other.started.context_window == 512 and last.started.context_window == 256
        assert other.waited == ["queued", "loading"] and last.waited[0] == "queued"
        assert all(asked.reason in ("length", "stop") for asked in (first, second, other, last))


def test_changed_parameters_do_not_disturb_those_that_write(
    resolve: Resolve, choices: dict[str, ModelChoice]
) -> None:
    before = choices[""]

    def change(asked: Asked, event: Event) -> None:
        if isinstance(event, Delta):
            choices[""] = choices["other"]

    with company(resolve, 2) as people:
        (writing,) = people.ask(Asked(request(COUNT, max_tokens=8), change))
        choices[""] = before
        first, second = people.ask(
            Asked(request(COUNT, max_tokens=8), change), request("Hi", max_tokens=2)
        )
        assert first.started.context_window == 256 and first.usage.completion_tokens == 8
        assert second.usage.completion_tokens == 2
        (after,) = people.ask(request("Hi", max_tokens=2))
        assert after.started.context_window == 512
        assert writing.usage.completion_tokens == 8


def test_a_wish_to_load_waits_for_those_that_write(resolve: Resolve) -> None:
    wished = False

    def wish(asked: Asked, event: Event) -> None:
        nonlocal wished
        if isinstance(event, Delta) and not wished:
            wished = True
            people.engine.load("other")

    with company(resolve, 2) as people:
        first, second = people.ask(
            Asked(request(COUNT, max_tokens=6), wish), request("Name a colour", max_tokens=12)
        )
        assert first.usage.completion_tokens == 6 and second.usage.completion_tokens == 12
        (after,) = people.ask(request("Hi", model="other", max_tokens=1))
        assert not after.waited


@pytest.mark.parametrize(("model", "error"), [("truncated", ModelLoadError), ("unknown", NotFound)])
def test_a_model_that_fails_ends_only_the_reply_that_wanted_it(
    resolve: Resolve, model: str, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    with company(resolve, 2) as people:
        good, bad, other = people.ask(
            request(COUNT, max_tokens=6),
            request(COUNT, model=model),
            request("Name a colour", max_tokens=6),
        )
        assert isinstance(bad.last, Failed) and isinstance(bad.last.error, error)
        assert good.usage.completion_tokens == other.usage.completion_tokens == 6
        assert people.engine.free == 2
        assert people.engine.loaded.kind == "ready"


def test_a_check_refuses_a_model_before_it_is_loaded(choices: dict[str, ModelChoice]) -> None:
    def check(choice: ModelChoice) -> None:
        raise ModelError("It does not fit.", "Choose a smaller one.")

    engine = ParallelEngine(lambda model: choices[""], lambda state: None, 2, check)
    with Worker(engine) as worker:
        last = list(worker.events(request("Hi")))[-1]
    assert isinstance(last, Failed) and last.error.what == "It does not fit."


def test_contexts_that_do_not_fit_in_memory_are_a_worded_error(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with company(resolve, 3) as people:
        monkeypatch.setattr(backend().lib, "llama_init_from_model", lambda weights, parameters: 0)
        (asked,) = people.ask(request("Hi"))
        assert isinstance(asked.last, Failed) and isinstance(asked.last.error, ModelLoadError)
        assert "3 conversations" in str(asked.last.error) and "256" in str(asked.last.error)
        monkeypatch.undo()
        (again,) = people.ask(request("Hi", max_tokens=1))
        assert isinstance(again.last, Finished)


def test_a_bug_in_a_step_ends_what_it_met_and_not_the_engine(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch, allow_errors: Any
) -> None:
    def fail(context: Any, batch: Any) -> int:
        raise ZeroDivisionError("bug")

    with company(resolve, 2) as people:
        people.ask(request("Hi", max_tokens=1))
        monkeypatch.setattr(backend().lib, "llama_decode", fail)
        for asked in people.ask(request("Hi"), request(COUNT)):
            assert isinstance(asked.last, Failed)
            assert "ZeroDivisionError" in asked.last.error.detail
        monkeypatch.undo()
        (after,) = people.ask(request("Hi", max_tokens=1))
        assert after.usage.cached_tokens == 0 and isinstance(after.last, Finished)
        assert people.engine.free == 2
    assert allow_errors.texts


def test_closing_ends_what_is_written_and_what_waits(resolve: Resolve) -> None:
    def close(asked: Asked, event: Event) -> None:
        if isinstance(event, Delta):
            people.engine.shutdown()

    with company(resolve, 2) as people:
        everyone = people.ask(
            Asked(request(COUNT, max_tokens=200), close),
            *(request(f"{n}. {COUNT}", max_tokens=200) for n in range(4)),
        )
    assert [asked.reason for asked in everyone] == ["cancelled"] * 5
    assert people.engine.loaded.kind == "none"
    with pytest.raises(ProviderError):
        people.engine.start(request("Hi"), lambda event: None)


def test_closing_while_the_model_loads_does_not_wait_for_it(resolve: Resolve) -> None:
    kinds: list[str] = []

    def watch(state: ModelState) -> None:
        kinds.append(state.kind)
        if state.kind == "loading":
            engine.shutdown()

    engine = ParallelEngine(resolve, watch, 2)
    last: list[Event] = []
    with Worker(engine):
        engine.start(request("Hi"), last.append)
        engine.start(request("Ho"), last.append)
    assert [event for event in last if isinstance(event, Finished | Failed)] == [
        Finished("cancelled"),
        Finished("cancelled"),
    ]
    assert "ready" not in kinds


def test_many_starts_and_stops_leave_every_place_free(resolve: Resolve) -> None:
    with company(resolve, 3) as people:
        people.ask(request("Hi", max_tokens=1))
        threads = threading.active_count()
        everyone = [people.begin(Asked(request(COUNT))) for _ in range(500)]
        for asked in everyone:
            asked.cancel()
        for asked in everyone:
            assert asked.ended.wait(60)
        (after,) = people.ask(request("Hi", max_tokens=1))
        assert isinstance(after.last, Finished)
        assert people.engine.free == 3
        assert threading.active_count() == threads


@pytest.mark.parametrize("sequences", [0, -1, 257])
def test_no_engine_is_for_nobody_or_for_more_than_llama_cpp_can(
    resolve: Resolve, sequences: int
) -> None:
    with pytest.raises(ValueError):
        ParallelEngine(resolve, lambda state: None, sequences)
