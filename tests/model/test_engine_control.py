"""Loading, queueing, stopping and ending: the engine around the model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatdesk.chat.events import Delta, Event, Failed, Finished, PromptProgress, Waiting, is_last
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import (
    ChatdeskError,
    LoadCancelled,
    ModelError,
    ModelLoadError,
    NotFound,
    ProviderError,
)
from chatdesk.headless import Worker
from chatdesk.providers.llama import LlamaEngine, ModelChoice, ModelParameters, ModelState

Desk = Any
LONG = "The quick brown fox jumps over the lazy dog. " * 80
SMALL = ModelParameters(context_size=256, threads=1, batch_size=32)


def request(text: str = "Count to a hundred", max_tokens: int = 4) -> Request:
    parameters = SamplingParameters(temperature=0, max_tokens=max_tokens)
    return Request("c", (PromptMessage(Role.USER, text, "m"),), parameters)


class Watch:
    """Collects states and lets a test act in the pump's thread when one comes."""

    def __init__(self) -> None:
        self.states: list[ModelState] = []
        self.react: Callable[[ModelState], None] = lambda state: None
        self._changed = threading.Condition()

    def __call__(self, state: ModelState) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()
        self.react(state)

    def wait_for(self, kind: str, after: int = 0) -> ModelState:
        """The first state of a kind from position `after` on."""

        def found() -> ModelState | None:
            return next((state for state in self.states[after:] if state.kind == kind), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, 30), self.states
            state = found()
        assert state is not None
        return state

    @property
    def kinds(self) -> list[str]:
        """The kinds in order, repeated ones once."""
        kinds = [state.kind for state in self.states]
        return [kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def choices(model_path: Path, tmp_path: Path) -> dict[str, ModelChoice]:
    """A default model, the same by another name, and files that cannot be used."""
    header = model_path.read_bytes()[:200_000]
    (tmp_path / "truncated.gguf").write_bytes(header)
    (tmp_path / "text.gguf").write_text("Not a model")
    return {
        "": ModelChoice(model_path, "SmolLM2", SMALL),
        "other": ModelChoice(
            model_path, "Other", ModelParameters(context_size=512, threads=1, batch_size=32)
        ),
        "truncated": ModelChoice(tmp_path / "truncated.gguf", "Truncated", SMALL),
        "text": ModelChoice(tmp_path / "text.gguf", "Text", SMALL),
        "missing": ModelChoice(tmp_path / "missing.gguf", "Missing", SMALL),
        "nonsense": ModelChoice(
            model_path, "Odd", ModelParameters(context_size=256, threads=1, chat_format="nonsense")
        ),
    }


@pytest.fixture
def engine(choices: dict[str, ModelChoice], watch: Watch) -> LlamaEngine:
    def resolve(model: str | None) -> ModelChoice:
        try:
            return choices[model or ""]
        except KeyError:
            raise NotFound(f"There is no model named {model}.") from None

    return LlamaEngine(resolve, watch)


def test_loading_tells_its_progress(engine: LlamaEngine, watch: Watch) -> None:
    assert engine.loaded.kind == "none"
    with Worker(engine):
        engine.load()
        ready = watch.wait_for("ready")
    assert ready.context_window == 256 and ready.name == "SmolLM2"
    assert watch.kinds == ["loading", "ready", "none"]
    fractions = [state.fraction for state in watch.states if state.kind == "loading"]
    assert fractions == sorted(fractions) and fractions[0] == 0.0 and fractions[-1] == 1.0
    assert len(fractions) > 3


def test_loading_can_be_cancelled_and_done_again(engine: LlamaEngine, watch: Watch) -> None:
    def cancel(state: ModelState) -> None:
        if state.kind == "loading" and state.fraction > 0:
            engine.cancel_load()

    watch.react = cancel
    with Worker(engine):
        engine.load()
        failed = watch.wait_for("failed")
        assert isinstance(failed.error, LoadCancelled)
        assert max(s.fraction for s in watch.states if s.kind == "loading") < 1.0
        watch.react = lambda state: None
        engine.load()
        watch.wait_for("ready")


def test_cancelling_brings_the_model_before_back(engine: LlamaEngine, watch: Watch) -> None:
    with Worker(engine) as worker:
        list(worker.events(request(max_tokens=1)))
        watch.react = lambda state: (
            engine.cancel_load() if state.kind == "loading" and state.name == "Other" else None
        )
        count = len(watch.states)
        engine.load("other")
        assert watch.wait_for("ready", count).name == "SmolLM2"
        assert isinstance(watch.wait_for("failed", count).error, LoadCancelled)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("truncated", ModelLoadError),
        ("text", ModelError),
        ("missing", ModelError),
        ("nonsense", ModelError),
        ("unknown", NotFound),
    ],
)
def test_a_model_that_fails_leaves_the_one_before_it(
    engine: LlamaEngine,
    watch: Watch,
    name: str,
    error: type[ChatdeskError],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Worker(engine) as worker:
        list(worker.events(request(max_tokens=1)))
        count = len(watch.states)
        engine.load(name)
        failed = watch.wait_for("failed", count).error
        assert isinstance(failed, error) and failed.what
        assert watch.wait_for("ready", count).name == "SmolLM2"
        assert isinstance(list(worker.events(request(max_tokens=1)))[-1], Finished)


def test_a_reply_that_wants_a_bad_model_fails_and_the_next_does_not(
    engine: LlamaEngine, watch: Watch
) -> None:
    bad = Request("c", request().messages, request().parameters, model="truncated")
    with Worker(engine) as worker:
        last = list(worker.events(bad))[-1]
        assert isinstance(last, Failed) and isinstance(last.error, ModelLoadError)
        assert engine.loaded.kind == "failed"
        events = list(worker.events(request()))
        assert events[0] == Waiting("loading") and isinstance(events[-1], Finished)
        assert engine.loaded.kind == "ready"


def test_a_check_refuses_a_file_before_the_model_is_given_up(
    choices: dict[str, ModelChoice], watch: Watch
) -> None:
    refused = ModelError("It does not fit.", "Choose a smaller one.")

    def check(choice: ModelChoice) -> None:
        if choice.name == "Other":
            raise refused

    engine = LlamaEngine(lambda model: choices[model or ""], watch, check)
    with Worker(engine) as worker:
        list(worker.events(request(max_tokens=1)))
        count = len(watch.states)
        engine.load("other")
        assert watch.wait_for("failed", count).error is refused
        assert watch.kinds == ["loading", "ready", "failed", "ready"]


def test_changed_parameters_take_effect_with_the_next_reply(
    engine: LlamaEngine, watch: Watch, choices: dict[str, ModelChoice]
) -> None:
    with Worker(engine) as worker:
        list(worker.events(request(max_tokens=1)))
        choices[""] = choices["other"]
        list(worker.events(request(max_tokens=1)))
        assert engine.loaded.context_window == 512
        count = len(watch.states)
        list(worker.events(request(max_tokens=1)))
        assert len(watch.states) == count


def test_a_reply_can_be_stopped_while_it_is_written(desk: Desk) -> None:
    seen = 0

    def third(event: Event) -> bool:
        nonlocal seen
        seen += isinstance(event, Delta)
        return seen >= 3

    outcome = desk.ask("Count to a hundred", max_tokens=500, until=third)
    assert outcome.reason == "cancelled"
    assert 3 <= outcome.usage.completion_tokens <= 5
    assert outcome.text
    assert desk.ask("Hi", max_tokens=2).reason in ("length", "stop")


def test_a_reply_can_be_stopped_while_its_prompt_is_evaluated(desk: Desk) -> None:
    outcome = desk.ask(LONG[:3000], until=lambda event: isinstance(event, PromptProgress))
    total = outcome.usage.prompt_tokens
    assert outcome.reason == "cancelled" and outcome.text == ""
    assert outcome.evaluated < total / 4
    assert outcome.usage.completion_tokens == 0


def test_evaluation_stops_within_a_batch_too(model_path: Path, watch: Watch) -> None:
    # One batch holds the whole prompt, so only the abort flag can stop it.
    choice = ModelChoice(
        model_path, "SmolLM2", ModelParameters(context_size=1024, threads=1, batch_size=1024)
    )
    engine = LlamaEngine(lambda model: choice, watch)
    events: list[Event] = []
    begun, done = threading.Event(), threading.Event()

    def deliver(event: Event) -> None:
        events.append(event)
        if isinstance(event, PromptProgress):
            begun.set()
        if is_last(event):
            done.set()

    with Worker(engine) as worker:
        run = engine.start(request(LONG[:4000]), deliver)
        assert begun.wait(30)
        threading.Timer(0.05, run.cancel).start()
        assert done.wait(30)
        last = events[-1]
        assert isinstance(last, Finished) and last.reason == "cancelled"
        assert [e.done for e in events if isinstance(e, PromptProgress)] == [0]
        # The cache is sound afterwards.
        following = list(worker.events(request(max_tokens=2)))[-1]
        assert isinstance(following, Finished) and following.usage.cached_tokens == 0


def test_two_replies_in_the_queue_do_not_mix(desk: Desk) -> None:
    outcomes: dict[str, list[Event]] = {"a": [], "b": []}
    order: list[str] = []
    done = threading.Semaphore(0)

    def deliver(name: str) -> Callable[[Event], None]:
        def on_event(event: Event) -> None:
            outcomes[name].append(event)
            order.append(name)
            if is_last(event):
                done.release()

        return on_event

    alone = {
        name: desk.ask(text, max_tokens=8).text
        for name, text in (("a", "Name a colour"), ("b", "Name an animal"))
    }
    for name, text in (("a", "Name a colour"), ("b", "Name an animal")):
        wanted = SamplingParameters(temperature=0, repeat_penalty=1.0, max_tokens=8)
        message = PromptMessage(Role.USER, text, "m")
        desk.engine.start(Request(name, (message,), wanted), deliver(name))
    for _ in outcomes:
        assert done.acquire(timeout=30)
    texts = {
        name: "".join(event.text for event in events if isinstance(event, Delta))
        for name, events in outcomes.items()
    }
    assert {name: bool(text) for name, text in texts.items()} == {"a": True, "b": True}
    assert texts["a"] == alone["a"] and texts["b"] == alone["b"]
    assert outcomes["b"][0] == Waiting("queued")
    started = order.index("b", order.index("b") + 1)
    assert "a" not in order[started:]


def test_a_reply_in_the_queue_can_be_cancelled_at_once(desk: Desk) -> None:
    waiting: list[Event] = []
    ended = threading.Event()
    later: list[Any] = []

    def second(event: Event) -> None:
        waiting.append(event)
        if event == Waiting("queued"):
            later[0].cancel()
        if is_last(event):
            ended.set()

    def first(event: Event) -> None:
        if not later:
            later.append(desk.engine.start(request("Second"), second))

    run = desk.engine.start(request(max_tokens=900), first)
    assert ended.wait(30)
    run.cancel()
    assert waiting == [Waiting("queued"), Finished("cancelled")]


def test_a_reply_that_waits_for_its_model_can_be_cancelled(
    engine: LlamaEngine, watch: Watch
) -> None:
    runs: list[Any] = []
    events: list[tuple[Event, str]] = []

    def cancel(state: ModelState) -> None:
        if state.kind == "loading" and state.fraction > 0 and runs:
            runs[0].cancel()

    watch.react = cancel
    with Worker(engine):
        runs.append(engine.start(request(), lambda e: events.append((e, engine.loaded.kind))))
        watch.wait_for("ready")
    # It ended while the model was still loading, and loading went on.
    assert [event for event, _ in events] == [Waiting("loading"), Finished("cancelled")]
    assert events[-1][1] == "loading"


def test_closing_ends_what_runs_and_what_waits(engine: LlamaEngine, watch: Watch) -> None:
    ends: list[Event] = []
    begun = threading.Event()

    def deliver(event: Event) -> None:
        if isinstance(event, Delta):
            begun.set()
        if is_last(event):
            ends.append(event)

    with Worker(engine):
        for _ in range(3):
            engine.start(request(max_tokens=200), deliver)
        engine.load("other")
        assert begun.wait(30)
    assert [getattr(event, "reason", "") for event in ends] == ["cancelled"] * 3
    assert engine.loaded.kind == "none"
    with pytest.raises(ProviderError):
        engine.start(request(), deliver)


def test_closing_while_a_model_loads_does_not_wait_for_it(
    engine: LlamaEngine, watch: Watch
) -> None:
    watch.react = lambda state: engine.shutdown() if state.kind == "loading" else None
    ends: list[Event] = []
    with Worker(engine):
        engine.start(request(), ends.append)
    assert ends[-1] == Finished("cancelled")
    assert "ready" not in watch.kinds


def test_thousands_of_starts_and_stops_leak_no_thread(engine: LlamaEngine) -> None:
    with Worker(engine) as worker:
        list(worker.events(request(max_tokens=1)))
        before = threading.active_count()
        ends: list[Event] = []
        for _ in range(3000):
            engine.start(request(), lambda e: ends.append(e) if is_last(e) else None).cancel()
        assert isinstance(list(worker.events(request(max_tokens=1)))[-1], Finished)
        assert len(ends) == 3000
        assert threading.active_count() == before


def test_a_bug_in_one_reply_does_not_end_the_engine(
    watch: Watch, model_path: Path, allow_errors: Any
) -> None:
    replies = iter([ZeroDivisionError("bug"), None])

    def resolve(model: str | None) -> ModelChoice:
        bug = next(replies)
        if bug is not None:
            raise bug
        return ModelChoice(model_path, "SmolLM2", SMALL)

    with Worker(LlamaEngine(resolve, watch)) as worker:
        last = list(worker.events(request()))[-1]
        assert isinstance(last, Failed) and "ZeroDivisionError" in last.error.detail
        assert isinstance(list(worker.events(request()))[-1], Finished)
    assert allow_errors.texts
