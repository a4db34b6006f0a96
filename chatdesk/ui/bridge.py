"""Threads seen from the GUI: what they tell arrives as signals and calls in the GUI thread.

What a thread tells is put in a queue and announced by one queued signal, however many events wait,
so that a fast model or server cannot flood the event loop. The local engine is pumped by a QThread
whose object lives in the GUI thread; a provider with a thread of its own is only listened to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QThread, Signal

from chatdesk.chat.events import Delta, Event, is_last
from chatdesk.chat.provider import Deliver, Provider, Request, Run


class Engine(Protocol):
    """What the worker runs: pump() until shutdown(), which any thread may call."""

    def pump(self) -> None: ...

    def start(self, request: Request, deliver: Deliver) -> Run: ...

    def shutdown(self) -> None: ...


class Carrier(QObject):
    """Carries what is told in any thread into the GUI thread, in order, each thing once.

    token(run id, text) is emitted for each piece of a reply, told for what belongs to no reply.
    start() and the callbacks given to it belong to the GUI thread.
    """

    token = Signal(str, str)
    told = Signal(object)
    _ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: deque[tuple[str, object]] = deque()
        self._announced = False
        self._callbacks: dict[str, Callable[[Event], None]] = {}
        self._ready.connect(self._drain, Qt.ConnectionType.QueuedConnection)

    def start(self, provider: Provider, request: Request, deliver: Deliver) -> Run:
        """Start a reply; deliver is called in the GUI thread, never before this returns."""
        run_id = request.run_id
        self._callbacks[run_id] = deliver
        try:
            return provider.start(request, lambda event: self._put(run_id, event))
        except BaseException:
            del self._callbacks[run_id]
            raise

    def tell(self, news: object) -> None:
        """Any thread: have told emitted with this."""
        self._put("", news)

    def drop(self) -> None:
        """Deliver nothing more of the replies started until now."""
        self._callbacks.clear()

    def _put(self, run_id: str, event: object) -> None:
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
            self.told.emit(event)
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


class ModelWorker(QThread):
    """The thread of the local engine. The QThread object lives in the GUI thread, its run() not.

    token(run id, text) is emitted in the GUI thread for each piece of a reply, state_changed for
    each state of the model.
    """

    token = Signal(str, str)
    state_changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model-worker")
        self._engine: Engine | None = None
        self._carrier = Carrier(self)
        self._carrier.token.connect(self.token)
        self._carrier.told.connect(self.state_changed)

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
        return self._carrier.start(self._engine, request, deliver)

    def tell_state(self, state: object) -> None:
        """For the engine, any thread: the model's state changed."""
        self._carrier.tell(state)

    def close(self, milliseconds: int = 10_000) -> bool:
        """Shut the engine down and join the thread; False where it did not end in time."""
        self._carrier.drop()
        if self._engine is not None:
            self._engine.shutdown()
        return self.wait(milliseconds)


class WorkerProvider:
    """The worker as a Provider (QThread.start is taken)."""

    def __init__(self, worker: ModelWorker) -> None:
        self._worker = worker

    def start(self, request: Request, deliver: Deliver) -> Run:
        return self._worker.start_run(request, deliver)


class CarriedProvider:
    """A provider whose events come from threads of its own, as one for the GUI thread."""

    def __init__(self, provider: Provider, parent: QObject | None = None) -> None:
        self._provider = provider
        self._carrier = Carrier(parent)

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Start a reply; deliver is called in the GUI thread, never before this returns."""
        return self._carrier.start(self._provider, request, deliver)

    def close(self) -> None:
        """Deliver nothing more."""
        self._carrier.drop()
