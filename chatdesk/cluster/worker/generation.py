"""The model's side of a worker: a provider pumped in a thread, whose events come into the loop.

Events come in bursts: whatever was told until the loop looks is carried at once, with one wake-up
of the loop and not one for each token, and pieces of text that wait together become one piece.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatdesk.chat.events import Delta, Event, PromptProgress
from chatdesk.chat.provider import Request, Run
from chatdesk.errors import ModelError, ProviderError

if TYPE_CHECKING:
    from chatdesk.headless import Pumped
    from chatdesk.providers.llama import ModelState

log = logging.getLogger(__name__)

OnState = Callable[["ModelState"], None]
Deliver = Callable[[list[Event]], None]

# One message of NATS is no place for more, however long the loop did not look. Characters.
_LONGEST_PIECE = 16_384


@dataclass(frozen=True, slots=True)
class Serving:
    """What this worker answers with. context_window: tokens for each run, None where unknown."""

    name: str
    context_window: int | None = None


class Generation:
    """Belongs to the loop in which begin() is called; deliver is called there, too.

    ended: done when the thread is gone, with the bug that ended it or with None.
    """

    def __init__(self, make: Callable[[OnState], Pumped], name: str, model: str | None) -> None:
        """make: the provider; it tells its states in its thread. name: what the model is called
        where no state says so. model: as the provider resolves it.
        """
        self._make = make
        self._name = name
        self._model = model
        self._burst: deque[tuple[Deliver, Event]] = deque()
        self._coming = False  # the loop was woken and has not looked yet
        self._provider: Pumped | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._ready: asyncio.Future[Serving]
        self.ended: asyncio.Future[BaseException | None]

    async def begin(self) -> Serving:
        """Start the thread and load the model. Raises ChatdeskError where it cannot be loaded."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self.ended = self._loop.create_future()
        self._provider = self._make(self._on_state)
        self._thread = threading.Thread(target=self._pump, name="chatdesk-model", daemon=True)
        self._thread.start()
        load = getattr(self._provider, "load", None)
        if load is None:
            return Serving(self._name)
        load(self._model)
        return await self._ready

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Begin a reply with this worker's model. Raises ProviderError when it is closed."""
        assert self._provider is not None

        def tell(event: Event) -> None:
            self._burst.append((deliver, event))
            if not self._coming:
                self._coming = True
                with suppress(RuntimeError):  # the loop is closed: nobody is told any more
                    self._loop.call_soon_threadsafe(self._carry)

        return self._provider.start(request, tell)

    @property
    def model(self) -> str | None:
        """What a request has to name for the provider."""
        return self._model

    async def close(self) -> None:
        """Cancel everything and wait for the thread. Twice is harmless."""
        if self._provider is not None and self._thread is not None:
            self._provider.shutdown()
            await asyncio.to_thread(self._thread.join)

    def _carry(self) -> None:
        self._coming = False  # first: what is appended from here on wakes the loop again
        told: dict[Deliver, list[Event]] = {}
        while self._burst:
            deliver, event = self._burst.popleft()
            told.setdefault(deliver, []).append(event)
        for deliver, events in told.items():
            deliver(list(joined(events)))

    # -- the model's thread ---------------------------------------------------------------------

    def _pump(self) -> None:
        problem: BaseException | None = None
        assert self._provider is not None
        try:
            self._provider.pump()
        except BaseException as bug:  # handed to the loop, which ends the worker with it
            problem = bug
            log.exception("the model's thread has ended")
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._has_ended, problem)

    def _on_state(self, state: ModelState) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take_state, state)

    # -- the loop -------------------------------------------------------------------------------

    def _take_state(self, state: ModelState) -> None:
        if self._ready.done():
            return
        if state.kind == "ready":
            self._ready.set_result(Serving(state.name, state.context_window))
        elif state.kind == "failed":
            error = state.error or ModelError("The model could not be loaded.")
            self._ready.set_exception(error)

    def _has_ended(self, problem: BaseException | None) -> None:
        if not self.ended.done():
            self.ended.set_result(problem)
        if not self._ready.done():
            self._ready.set_exception(ProviderError("The model's thread has ended."))
            self._ready.exception()  # perhaps nobody waits for it


def joined(events: Iterable[Event]) -> Iterator[Event]:
    """The same with neighbouring pieces as one, and only the newest of neighbouring progresses."""
    held: Event | None = None
    for event in events:
        if isinstance(held, PromptProgress) and isinstance(event, PromptProgress):
            held = event
        elif (
            isinstance(held, Delta)
            and isinstance(event, Delta)
            and held.kind == event.kind
            and len(held.text) + len(event.text) <= _LONGEST_PIECE
        ):
            held = Delta(held.kind, held.text + event.text)
        else:
            if held is not None:
                yield held
            held = event
    if held is not None:
        yield held
