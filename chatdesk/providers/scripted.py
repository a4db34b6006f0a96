"""A provider that says what it was told to say: for tests, and to try faults at exact moments.

Nothing happens by itself unless pump() runs: a test steps through a reply event by event with
ScriptedRun.step(), or lets it go with finish(). With pump() in a thread (headless.Worker, the
window's bridge) it behaves like any other provider, one reply after the other.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started, is_last
from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Deliver, Request
from chatdesk.errors import ChatdeskError, ProviderError

# A piece of text, any event, or an error that ends the reply.
Line = str | Event | ChatdeskError
Script = Iterable[Line] | Callable[[Request], Iterable[Line]]


class ScriptedRun:
    """One scripted reply. step() and finish() deliver on the thread that calls them."""

    def __init__(
        self, request: Request, deliver: Deliver, lines: Iterable[Line], model: str
    ) -> None:
        self.request = request
        self.ended = False
        self.cancelled = False
        self.delivered: list[Event] = []
        self._deliver = deliver
        self._events = _events(lines, model)

    @property
    def id(self) -> str:
        return self.request.run_id

    def cancel(self) -> None:
        """The next step delivers Finished("cancelled"). Any thread; twice is harmless."""
        self.cancelled = True

    def step(self) -> Event | None:
        """Deliver and return the next event; None when the run is over."""
        if self.ended:
            return None
        event = Finished("cancelled", self._usage()) if self.cancelled else next(self._events)
        if isinstance(event, Finished) and event.usage == Usage():
            event = Finished(event.reason, self._usage())
        self.ended = is_last(event)
        self.delivered.append(event)
        self._deliver(event)
        return event

    def steps(self, count: int) -> None:
        """Deliver the next count events, fewer where the run ends before."""
        for _ in range(count):
            self.step()

    def finish(self) -> None:
        """Deliver all that is left."""
        while self.step() is not None:
            pass

    def fail(self, error: ChatdeskError) -> None:
        """End the run with an error now."""
        self._events = iter((Failed(error),))
        self.cancelled = False
        self.finish()

    def _usage(self) -> Usage:
        pieces = sum(isinstance(event, Delta) for event in self.delivered)
        return Usage(
            prompt_tokens=len(self.request.messages),
            cached_tokens=0,
            completion_tokens=pieces,
            first_token_ms=1.0,
            tokens_per_second=100.0,
        )


class ScriptedProvider:
    """Replies with the scripts in turn; the last one serves all later requests.

    A script is a sequence of text pieces, events and errors, or a function of the request that
    gives one. Started comes first and Finished("stop") last unless the script says otherwise.
    pace: seconds between two events of pump(). Without scripts it repeats the person's words.
    """

    def __init__(self, *scripts: Script, model: str = "scripted", pace: float = 0.0) -> None:
        self._scripts: Sequence[Script] = scripts or (_echo,)
        self._model = model
        self._pace = pace
        self._lock = threading.Condition()
        self._waiting: deque[ScriptedRun] = deque()
        self._closing = False
        self.runs: list[ScriptedRun] = []

    @property
    def requests(self) -> list[Request]:
        """Every request so far, oldest first."""
        return [run.request for run in self.runs]

    @property
    def last(self) -> ScriptedRun:
        """The newest run."""
        return self.runs[-1]

    def start(self, request: Request, deliver: Deliver) -> ScriptedRun:
        """Queue a reply; nothing is delivered before the first step. Any thread."""
        with self._lock:
            if self._closing:
                raise ProviderError("Chatdesk is closing.", "Start it again.")
            script = self._scripts[min(len(self.runs), len(self._scripts) - 1)]
            lines = script(request) if callable(script) else script
            run = ScriptedRun(request, deliver, lines, self._model)
            self.runs.append(run)
            self._waiting.append(run)
            self._lock.notify_all()
        return run

    def pump(self) -> None:
        """Deliver every reply, in this thread, until shutdown()."""
        while (run := self._next()) is not None:
            while run.step() is not None:
                if self._pace:
                    time.sleep(self._pace)

    def shutdown(self) -> None:
        """Cancel everything; pump() then returns. Any thread; twice is harmless."""
        with self._lock:
            self._closing = True
            for run in self.runs:
                run.cancel()
            self._lock.notify_all()

    def _next(self) -> ScriptedRun | None:
        with self._lock:
            while not self._waiting:
                if self._closing:
                    return None
                self._lock.wait()
            return self._waiting.popleft()


def _events(lines: Iterable[Line], model: str) -> Iterator[Event]:
    """The script as a full sequence of events: begun by Started, ended by exactly one last."""
    started = False
    for line in lines:
        event: Event
        if isinstance(line, str):
            event = Delta("text", line)
        elif isinstance(line, ChatdeskError):
            event = Failed(line)
        else:
            event = line
        if isinstance(event, Delta | Finished) and not started:
            started = True
            yield Started(model)
        started = started or isinstance(event, Started)
        yield event
        if is_last(event):
            return
    if not started:
        yield Started(model)
    yield Finished("stop")


def _echo(request: Request) -> Iterable[Line]:
    words = request.messages[-1].content.split(" ")
    return [f" {word}" if index else word for index, word in enumerate(words)]
