"""Carries what a model's thread tells to the thread that owns the session.

The model works in a thread of its own; a session, and the database under it, belong to the main
thread. Events wait in a queue until the main thread carries them, and so does Ctrl+C, so that
nothing ever happens in the middle of something else.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from chatdesk.chat.events import Event, Failed, is_last
from chatdesk.chat.provider import Deliver, Request, Run
from chatdesk.errors import ProviderError

if TYPE_CHECKING:
    from chatdesk.headless import Pumped


class Carrier:
    """A Provider whose events are delivered by carry(), on the thread that calls it.

    Given to headless.Worker it pumps the engine. Should the engine's thread die of a bug, every
    reply still being written fails instead of waiting for ever.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._engine: Pumped | None = None
        self._open: dict[str, Deliver] = {}

    def use(self, engine: Pumped) -> None:
        """Set who writes the replies, once, before anything else."""
        self._engine = engine

    def post(self, call: Callable[[], None]) -> None:
        """Have carry() call this. Any thread, signal handlers too."""
        self._waiting.put(call)

    def carry(self, seconds: float) -> None:
        """Do what waits; where nothing does, wait this long for the next."""
        try:
            self._waiting.get(timeout=seconds)()
            while True:
                self._waiting.get_nowait()()
        except queue.Empty:
            return

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Start a reply; deliver is called by carry()."""
        assert self._engine is not None
        run_id = request.run_id
        run = self._engine.start(request, lambda e: self.post(lambda: self._deliver(run_id, e)))
        self._open[run_id] = deliver
        return run

    def pump(self) -> None:
        """For headless.Worker, in its thread."""
        assert self._engine is not None
        try:
            self._engine.pump()
        finally:
            self.post(self._fail_open)

    def shutdown(self) -> None:
        assert self._engine is not None
        self._engine.shutdown()

    def _deliver(self, run_id: str, event: Event) -> None:
        deliver = self._open.get(run_id)
        if deliver is None:
            return
        if is_last(event):
            del self._open[run_id]
        deliver(event)

    def _fail_open(self) -> None:
        for run_id in list(self._open):
            error = ProviderError("The model's worker has ended.", "Start Chatdesk again.")
            self._deliver(run_id, Failed(error))


@contextmanager
def terminations() -> Iterator[None]:
    """While this lasts the end of the terminal, or a request to end, unwinds like an exit.

    So what streams is saved, and what was to be kept by nobody is deleted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(signal_number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signal_number)

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # One that is ignored (nohup) or taken stays so.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupts(carrier: Carrier, call: Callable[[], None]) -> Iterator[None]:
    """While this lasts Ctrl+C does not raise: call is carried like everything else.

    Should that not help (the disk is full and saving is tried again and again), the third raises.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    presses = 0

    def handle(signal_number: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 2:
            raise KeyboardInterrupt
        carrier.post(call)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
