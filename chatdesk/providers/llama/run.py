"""One reply's place in the engine's queue: how it is cancelled and how its events are told."""

from __future__ import annotations

from collections.abc import Callable

from chatdesk.chat.events import Event, Finished, is_last
from chatdesk.chat.provider import Deliver, Request
from chatdesk.providers.llama.backend import CancelFlag


class LlamaRun:
    """One reply in the queue or being written."""

    def __init__(self, request: Request, deliver: Deliver, wake: Callable[[], None]) -> None:
        self.request = request
        self.flag = CancelFlag()
        self.ended = False
        self.told_waiting = False
        self._deliver = deliver
        self._wake = wake

    @property
    def id(self) -> str:
        return self.request.run_id

    def cancel(self) -> None:
        """Ask the run to end soon with Finished("cancelled"). Any thread; twice is harmless."""
        self.flag.set()
        self._wake()

    def tell(self, event: Event) -> None:
        """Deliver an event, in the pump's thread. Nothing is told after the last one."""
        if not self.ended:
            self.ended = is_last(event)
            self._deliver(event)

    def end_if_cancelled(self) -> bool:
        """Whether the run is over, now that a cancelled one has been told so."""
        if self.flag.is_set():
            self.tell(Finished("cancelled"))
        return self.ended
