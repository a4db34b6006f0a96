"""The worker thread seen from the GUI: tokens arrive as signals in the GUI thread.

The QThread object lives in the GUI thread and only its run() does not: it pumps an engine that
knows no Qt. What the engine tells is put in a queue and announced by one queued signal, however
many events wait, so that a fast model cannot flood the event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QThread, Signal

from chatdesk.chat.events import Delta, Event, is_last
from chatdesk.chat.provider import Deliver, Request, Run


class Engine(Protocol):
    """What the worker runs: pump() until shutdown(), which any thread may call."""

    def pump(self) -> None: ...

    def start(self, request: Request, deliver: Deliver) -> Run: ...

    def shutdown(self) -> None: ...


class ModelWorker(QThread):
    """A Provider for the GUI thread whose engine runs in this thread.

    token(run id, text) is emitted in the GUI thread for each piece of a reply, state_changed for
    each state of the model. start() and the callbacks given to it belong to the GUI thread.
    """

    token = Signal(str, str)
    state_changed = Signal(object)
    _ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model-worker")
        self._engine: Engine | None = None
        self._queue: deque[tuple[str, object]] = deque()
        self._announced = False
        self._callbacks: dict[str, Callable[[Event], None]] = {}
        self._ready.connect(self._drain, Qt.ConnectionType.QueuedConnection)

    def use(self, engine: Engine) -> None:
        """Set the engine, once, before the thread starts."""
        self._engine = engine

    def run(self) -> None:
        """In the worker thread: pump the engine until it is shut down."""
        assert self._engine is not None
        self._engine.pump()

    def start_run(self, request: Request, deliver: Deliver) -> Run:
        """Start a reply; deliver is called in the GUI thread, never before this returns."""
        assert self._engine is not None
        run_id = request.run_id
        self._callbacks[run_id] = deliver
        try:
            return self._engine.start(request, lambda event: self._tell(run_id, event))
        except BaseException:
            del self._callbacks[run_id]
            raise

    def tell_state(self, state: object) -> None:
        """For the engine, any thread: the model's state changed."""
        self._tell("", state)

    def close(self, milliseconds: int = 10_000) -> bool:
        """Shut the engine down and join the thread; False where it did not end in time."""
        self._callbacks.clear()
        if self._engine is not None:
            self._engine.shutdown()
        return self.wait(milliseconds)

    def _tell(self, run_id: str, event: object) -> None:
        self._queue.append((run_id, event))
        # Set before the emit and cleared before the queue is read: an event put in between finds
        # either the flag cleared and announces itself, or the reader still to come.
        if not self._announced:
            self._announced = True
            self._ready.emit()

    def _drain(self) -> None:
        self._announced = False
        queue = self._queue
        try:
            while queue:
                self._hand_over(*queue.popleft())
        finally:
            # A bug in what one event caused is told; it must not hold back those behind it, among
            # which may be the last of another reply.
            if queue:
                self._announced = True
                self._ready.emit()

    def _hand_over(self, run_id: str, event: object) -> None:
        if not run_id:
            self.state_changed.emit(event)
            return
        deliver = self._callbacks.get(run_id)
        if deliver is None:
            return  # the run is over for us
        if isinstance(event, Delta):
            self.token.emit(run_id, event.text)
        assert isinstance(event, Event)
        if is_last(event):
            del self._callbacks[run_id]
        deliver(event)


class WorkerProvider:
    """The worker as a Provider (QThread.start is taken)."""

    def __init__(self, worker: ModelWorker) -> None:
        self._worker = worker

    def start(self, request: Request, deliver: Deliver) -> Run:
        return self._worker.start_run(request, deliver)
