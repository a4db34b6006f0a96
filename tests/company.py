"""Several people at one ParallelEngine: they ask together, and each gets an outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chatdesk.chat.events import (
    Delta,
    Event,
    Failed,
    Finished,
    PromptProgress,
    Started,
    Waiting,
    is_last,
)
from chatdesk.chat.messages import Role, SamplingParameters, Usage
from chatdesk.chat.provider import PromptMessage, Request, Run
from chatdesk.errors import NotFound
from chatdesk.headless import Worker
from chatdesk.providers.llama import ModelChoice, ModelState, ParallelEngine

# A model that is not there: to ask for it needs no place and changes nothing.
DOOR = "door"


def request(
    *texts: str, conversation: str = "", model: str | None = None, **changes: Any
) -> Request:
    """A conversation whose messages take turns; the likeliest tokens unless told otherwise."""
    wanted = {"temperature": 0.0, "repeat_penalty": 1.0, "max_tokens": 16} | changes
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(PromptMessage(roles[i % 2], text, f"m{i}") for i, text in enumerate(texts))
    return Request(conversation, messages, SamplingParameters(**wanted), model=model)


@dataclass(eq=False)
class Asked:
    """One request, its run and what came of it. react is called with each event as it comes."""

    request: Request
    react: Callable[[Asked, Event], None] = lambda asked, event: None
    events: list[Event] = field(default_factory=list)
    run: Run | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def last(self) -> Event:
        return self.events[-1]

    @property
    def reason(self) -> str:
        assert isinstance(self.last, Finished), self.last
        return self.last.reason

    @property
    def usage(self) -> Usage:
        assert isinstance(self.last, Finished | Failed), self.last
        return self.last.usage

    @property
    def known(self) -> int:
        """Tokens that a follow-up finds in the cache: all but the last one, which nobody asked
        for the next of."""
        return (self.usage.prompt_tokens or 0) + (self.usage.completion_tokens or 0) - 1

    @property
    def started(self) -> Started:
        return next(event for event in self.events if isinstance(event, Started))

    @property
    def waited(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Waiting)]

    @property
    def evaluated(self) -> int:
        return max(event.done for event in self.events if isinstance(event, PromptProgress))

    def cancel(self) -> None:
        assert self.run is not None
        self.run.cancel()


class Company:
    """Asks for many. told: whose events came, in the order of all."""

    def __init__(self, engine: ParallelEngine, states: list[ModelState]) -> None:
        self.engine = engine
        self.states = states
        self.told: list[tuple[Asked, Event]] = []

    def begin(self, asked: Asked) -> Asked:
        def deliver(event: Event) -> None:
            asked.events.append(event)
            self.told.append((asked, event))
            try:
                asked.react(asked, event)
            finally:
                if is_last(event):
                    asked.ended.set()

        asked.run = self.engine.start(asked.request, deliver)
        return asked

    def ask(self, *wanted: Request | Asked) -> list[Asked]:
        """Start all of them in one go, in this order, and wait for all."""
        everyone = [one if isinstance(one, Asked) else Asked(one) for one in wanted]

        def open_all(event: Event) -> None:
            # In the pump's thread, so that it cannot begin one before it knows of all.
            if is_last(event):
                for one in everyone:
                    self.begin(one)

        self.engine.start(request("Open", model=DOOR), open_all)
        for asked in everyone:
            assert asked.ended.wait(90), asked.events
        return everyone


@contextmanager
def company(resolve: Callable[[str | None], ModelChoice], sequences: int) -> Iterator[Company]:
    def with_a_door(model: str | None) -> ModelChoice:
        if model == DOOR:
            raise NotFound("There is no such model.")
        return resolve(model)

    states: list[ModelState] = []
    engine = ParallelEngine(with_a_door, states.append, sequences)
    with Worker(engine):
        yield Company(engine, states)
