"""What is to be done: replies to be written and models to be loaded, in the order they came.

Any thread puts; the pump's thread takes. A run is known from start() to its end, so that closing
reaches those that wait and those that are being written alike.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from chatdesk.chat.events import Waiting
from chatdesk.errors import ProviderError
from chatdesk.providers.llama.run import LlamaRun


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A wish to have a model loaded. None: the default model."""

    model: str | None


Job = LlamaRun | Load


class Jobs:
    """A queue. news: something in it is to be told that it waits, or was cancelled."""

    def __init__(self) -> None:
        self.news = False
        self._lock = threading.Condition()
        self._queue: deque[Job] = deque()
        self._taken: set[LlamaRun] = set()
        self._closing = False

    # -- any thread ---------------------------------------------------------------------------

    @property
    def runs(self) -> int:
        """How many runs wait or are being written."""
        with self._lock:
            return len(self._taken) + sum(isinstance(job, LlamaRun) for job in self._queue)

    def put(self, job: Job) -> None:
        """Raises ProviderError after close()."""
        with self._lock:
            if self._closing:
                raise ProviderError("Chatdesk is closing.", "Start it again.")
            self._queue.append(job)
            self.news = True
            self._lock.notify_all()

    def wake(self) -> None:
        """A run was cancelled, perhaps one that waits."""
        with self._lock:
            self.news = True

    def forget_loads(self) -> None:
        """Take all wishes to load out of the queue."""
        with self._lock:
            self._queue = deque(job for job in self._queue if not isinstance(job, Load))

    def close(self) -> None:
        """Cancel every run, forget every wish; nothing more may be put. Twice is harmless."""
        with self._lock:
            self._closing = True
            self.forget_loads()
            for job in (*self._queue, *self._taken):
                if isinstance(job, LlamaRun):
                    job.flag.set()
            self.news = True
            self._lock.notify_all()

    # -- the pump's thread --------------------------------------------------------------------

    def next(self) -> Job | None:
        """Wait for a job and take it. None when nothing will ever come."""
        with self._lock:
            job = self.first(wait=True)
            if job is not None:
                self.take(job)
            return job

    def first(self, *, wait: bool) -> Job | None:
        """The job that is next, which stays in the queue.

        None where there is none: with wait only after close().
        """
        with self._lock:
            while wait and not self._queue and not self._closing:
                self._lock.wait()
            return self._queue[0] if self._queue else None

    def take(self, job: Job) -> bool:
        """Take a job out of the queue. False where it is no longer in it."""
        with self._lock:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            if isinstance(job, LlamaRun):
                self._taken.add(job)
            return True

    def done(self, run: LlamaRun) -> None:
        """A run that was taken is over; twice is harmless."""
        with self._lock:
            self._taken.discard(run)

    def tell_waiting(self, reason: Literal["loading", "queued"]) -> None:
        """Tell the runs in the queue that they wait, once, and the cancelled ones that they end."""
        with self._lock:
            self.news = False
            runs = [job for job in self._queue if isinstance(job, LlamaRun)]
            for run in runs:
                if run.flag.is_set():
                    self._queue.remove(run)
        for run in runs:
            if not run.end_if_cancelled() and not run.told_waiting:
                run.told_waiting = True
                run.tell(Waiting(reason))
