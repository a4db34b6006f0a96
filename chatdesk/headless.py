"""A provider's work on a plain thread, for the terminal, notebooks and tests.

The window has a QThread for this (ui/bridge.py). Here the events of a reply are an iterator on the
caller's thread: leaving the loop early, or Ctrl+C, cancels the reply and waits for its end.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from chatdesk.chat.events import Event, is_last
from chatdesk.chat.provider import Deliver, Request, Run
from chatdesk.errors import ProviderError

# Waiting in steps keeps Ctrl+C alive on Windows; an event ends the wait at once.
_STEP_SECONDS = 0.1


class Pumped(Protocol):
    """A provider whose work is done by whoever calls pump() (LlamaEngine, ScriptedProvider)."""

    def start(self, request: Request, deliver: Deliver) -> Run: ...

    def pump(self) -> None: ...

    def shutdown(self) -> None: ...


class Worker:
    """Runs a provider's pump in a thread of its own between __enter__ and __exit__.

    with Worker(engine) as worker:
        for event in worker.events(request): ...
    """

    def __init__(self, provider: Pumped, name: str = "chatdesk-worker") -> None:
        self._provider = provider
        self._thread = threading.Thread(target=self._pump, name=name, daemon=True)
        self._problem: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel all replies and wait until the thread is gone. Twice is harmless."""
        self._provider.shutdown()
        if self._thread.is_alive():
            self._thread.join()

    def events(self, request: Request) -> Iterator[Event]:
        """The events of one reply, ending with Finished or Failed, on the caller's thread.

        Closing the iterator cancels the reply; so does KeyboardInterrupt, which is raised again
        once the reply has ended. Raises ProviderError when the worker is gone.
        """
        arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        run = self._provider.start(request, arrived.put)
        ended = False
        try:
            while not ended:
                event = self._wait(arrived)
                ended = is_last(event)
                yield event
        finally:
            if not ended:
                run.cancel()
                while not is_last(self._wait(arrived)):
                    pass

    def _wait(self, arrived: queue.SimpleQueue[Event]) -> Event:
        while True:
            try:
                return arrived.get(timeout=_STEP_SECONDS)
            except queue.Empty:
                if not self._thread.is_alive() and arrived.empty():
                    raise ProviderError(
                        "The model's worker has ended.",
                        "Start Chatdesk again.",
                        detail=repr(self._problem) if self._problem else "",
                    ) from self._problem

    def _pump(self) -> None:
        try:
            self._provider.pump()
        except BaseException as problem:
            # Kept for whoever waits for events, and given to threading.excepthook.
            self._problem = problem
            raise
