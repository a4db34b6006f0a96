"""Providers' work on plain threads, for the terminal, notebooks and tests.

The window has a QThread for this (ui/bridge.py). Here the events of a reply are an iterator on the
caller's thread: leaving the loop early, or Ctrl+C, cancels the reply and waits for its end.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol, Self

from chatdesk.chat.events import Event, is_last
from chatdesk.chat.provider import Deliver, Request, Run
from chatdesk.errors import ProviderError
from chatdesk.providers.profiles import Profiles, split
from chatdesk.providers.router import Router

# Waiting in steps keeps Ctrl+C alive on Windows; an event ends the wait at once.
_STEP_SECONDS = 0.1


class Pumped(Protocol):
    """A provider whose work is done by whoever calls pump() (LlamaEngine, ScriptedProvider)."""

    def start(self, request: Request, deliver: Deliver) -> Run: ...

    def pump(self) -> None: ...

    def shutdown(self) -> None: ...


class Closing(Protocol):
    """A provider with a thread of its own (RemoteProvider)."""

    def start(self, request: Request, deliver: Deliver) -> Run: ...

    def close(self) -> bool: ...


class Everyone:
    """Local and remote models as one Pumped; each side is made when it is first needed.

    So a reply from a server loads no local model, and one from here nothing that talks to servers.
    """

    def __init__(
        self, local: Callable[[], Pumped], remote: Callable[[], Closing], profiles: Profiles
    ) -> None:
        """local and remote make the two sides; called once each, by the thread that starts."""
        self._profiles = profiles
        self._make_local = local
        self._make_remote = remote
        self._local: Pumped | None = None
        self._remote: Closing | None = None
        self._lock = threading.Lock()
        self._news = threading.Event()  # there is a local side to be pumped, or nothing ever more
        self._closed = False
        self._router = Router(_Late(self._get_local), _Late(self._get_remote), profiles)

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Start a reply. Raises ProviderError after shutdown()."""
        return self._router.start(request, deliver)

    def load(self, model: str | None = None) -> None:
        """Begin to load a local model, to be ready sooner; nothing is done for a remote one."""
        if split(model, self._profiles) is None:
            load = getattr(self._get_local(), "load", None)
            if load is not None:
                load(model)

    def pump(self) -> None:
        """Do the local model's work until shutdown()."""
        self._news.wait()
        if self._local is not None:
            self._local.pump()

    def shutdown(self) -> None:
        """Cancel everything, here and at servers. Twice is harmless."""
        with self._lock:
            self._closed = True
        if self._local is not None:
            self._local.shutdown()
        self._news.set()
        if self._remote is not None:
            self._remote.close()

    def _get_local(self) -> Pumped:
        with self._lock:
            if self._local is None:
                self._check_open()
                self._local = self._make_local()
                self._news.set()
            return self._local

    def _get_remote(self) -> Closing:
        with self._lock:
            if self._remote is None:
                self._check_open()
                self._remote = self._make_remote()
            return self._remote

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderError("Chatdesk is closing.", "Start it again.")


class _Late:
    """A Provider that is looked for when it is needed."""

    def __init__(self, find: Callable[[], Pumped | Closing]) -> None:
        self._find = find

    def start(self, request: Request, deliver: Deliver) -> Run:
        return self._find().start(request, deliver)


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
