"""The engine: one model at a time, one thread, a queue of work.

pump() is called by the thread that is to do all the work (a QThread in the window, a plain thread
elsewhere) and returns after shutdown(). Every other method may be called from any thread and
returns at once. Events and states are told in the pump's thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatdesk.chat.events import Failed, Started, Waiting
from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Deliver, Request
from chatdesk.errors import ChatdeskError, ProviderError
from chatdesk.providers.llama.choice import ModelChoice, ModelState, check_file
from chatdesk.providers.llama.run import LlamaRun

if TYPE_CHECKING:
    from chatdesk.providers.llama.generator import Generator
    from chatdesk.providers.llama.loaded import Loaded

log = logging.getLogger(__name__)

# Loading tells its progress at every tensor; a person sees no smaller step than this.
_PROGRESS_STEP = 0.01


@dataclass(frozen=True, slots=True)
class _Load:
    """A wish to have a model loaded. None: the default model."""

    model: str | None


class LlamaEngine:
    """Writes replies with local models, one after the other.

    resolve names the file and parameters for a model (None: the default) and may raise any
    ChatdeskError; it is asked before each reply, so changed settings take effect with the next,
    and must be quick. check may raise too; it is asked only before a file is really loaded, while
    the model before it is still there, so it may read the file.
    """

    def __init__(
        self,
        resolve: Callable[[str | None], ModelChoice],
        on_state: Callable[[ModelState], None],
        check: Callable[[ModelChoice], None] | None = None,
    ) -> None:
        self._resolve = resolve
        self._check = check
        self._on_state = on_state
        self._lock = threading.Condition()
        self._queue: deque[LlamaRun | _Load] = deque()
        self._current: LlamaRun | None = None
        self._news = False  # something in the queue is to be told that it waits, or was cancelled
        self._closing = False
        self._loading = False
        self._load_cancelled = False
        self._loaded: Loaded | None = None
        self._state = ModelState()

    # -- any thread ---------------------------------------------------------------------------

    @property
    def loaded(self) -> ModelState:
        """What is loaded or being loaded now."""
        return self._state

    def start(self, request: Request, deliver: Deliver) -> LlamaRun:
        """Queue a reply. Raises ProviderError after shutdown()."""
        run = LlamaRun(request, deliver, self._wake)
        self._put(run)
        return run

    def load(self, model: str | None = None) -> None:
        """Queue the loading of a model. Raises ProviderError after shutdown()."""
        self._put(_Load(model))

    def cancel_load(self) -> None:
        """Give up loading: what is being loaded (the model before it comes back), and the queue."""
        with self._lock:
            self._load_cancelled = self._loading
            waiting = [job for job in self._queue if not isinstance(job, _Load)]
            self._queue = deque(waiting)

    def shutdown(self) -> None:
        """Cancel everything; pump() then frees the model and returns. Twice is harmless."""
        with self._lock:
            self._closing = True
            self._load_cancelled = True
            for job in (*self._queue, self._current):
                if isinstance(job, LlamaRun):
                    job.flag.set()
            self._news = True
            self._lock.notify_all()

    # -- the pump's thread --------------------------------------------------------------------

    def pump(self) -> None:
        """Do the work, in this thread, until shutdown()."""
        try:
            while (job := self._next()) is not None:
                if isinstance(job, LlamaRun):
                    self._reply(job)
                else:
                    self._load_wanted(job)
        finally:
            self._unload()
            self._tell_state(ModelState())

    def _put(self, job: LlamaRun | _Load) -> None:
        with self._lock:
            if self._closing:
                raise ProviderError("Chatdesk is closing.", "Start it again.")
            self._queue.append(job)
            self._news = True
            self._lock.notify_all()

    def _wake(self) -> None:
        with self._lock:
            self._news = True

    def _next(self) -> LlamaRun | _Load | None:
        """The next job, waited for. None when the engine is closing and every run was told."""
        with self._lock:
            self._current = None
            while True:
                if self._closing:
                    self._queue = deque(job for job in self._queue if isinstance(job, LlamaRun))
                if self._queue:
                    job = self._queue.popleft()
                    self._current = job if isinstance(job, LlamaRun) else None
                    return job
                if self._closing:
                    return None
                self._lock.wait()

    def _reply(self, run: LlamaRun) -> None:
        generator: Generator | None = None
        try:
            if run.end_if_cancelled():
                return
            loaded = self._ready(self._choose(run.request.model), run)
            if run.end_if_cancelled():
                return
            began = time.perf_counter()
            request = run.request
            plan = loaded.planner.plan(request)
            prompt = plan.prompt
            run.tell(
                Started(
                    loaded.model.choice.name,
                    loaded.model.window,
                    len(prompt.tokens),
                    plan.left_out,
                )
            )
            generator = loaded.generator(request, prompt, run.flag, began)
            for event in generator.events():
                run.tell(event)
                if self._news:
                    self._tell_waiting("queued")
        except ChatdeskError as problem:
            if not run.end_if_cancelled():
                run.tell(Failed(problem, generator.usage if generator else Usage()))
        except Exception as bug:
            # One reply's bug must not end the thread that writes all others; it is in the log.
            log.exception("a reply failed")
            run.tell(Failed(_unexpected(bug), generator.usage if generator else Usage()))

    def _load_wanted(self, wanted: _Load) -> None:
        try:
            choice = self._choose(wanted.model)
            if not self._has(choice):
                self._inspect(choice)
        except ChatdeskError as problem:
            self._tell_state(ModelState("failed", wanted.model or "", error=problem))
            if self._loaded is not None:
                self._tell_state(_ready_state(self._loaded.model.choice, self._loaded.model.window))
            return
        try:
            self._ready(choice, None)
        except ChatdeskError as problem:
            log.info("loading failed, as the state told: %s", problem.what)

    def _choose(self, model: str | None) -> ModelChoice:
        try:
            return self._resolve(model)
        except ChatdeskError:
            raise
        except Exception as bug:
            log.exception("no model could be chosen")
            raise _unexpected(bug) from bug

    def _inspect(self, choice: ModelChoice) -> None:
        """Raise ChatdeskError for a file that cannot work, before another model is given up."""
        check_file(choice.path)
        if self._check is not None:
            try:
                self._check(choice)
            except ChatdeskError:
                raise
            except Exception as bug:
                log.exception("a model could not be checked")
                raise _unexpected(bug) from bug

    def _has(self, choice: ModelChoice) -> bool:
        return self._loaded is not None and self._loaded.model.choice.loads_as(choice)

    def _ready(self, choice: ModelChoice, run: LlamaRun | None) -> Loaded:
        """The model of this choice, loaded if it is not. Raises ChatdeskError.

        A model that fails is told by the state (or by the run that wanted it, where another model
        can take its place), and the model before it is loaded again.
        """
        if self._loaded is not None and self._has(choice):
            return self._loaded
        self._inspect(choice)
        before = self._loaded.model.choice if self._loaded is not None else None
        self._unload()
        if run is not None:
            run.tell(Waiting("loading"))
        try:
            return self._load(choice, run)
        except ChatdeskError as problem:
            if run is None or before is None:
                self._tell_state(ModelState("failed", choice.name, error=problem, path=choice.path))
            if before is not None and not self._closing:
                self._restore(before, run)
            raise

    def _restore(self, before: ModelChoice, run: LlamaRun | None) -> None:
        """Load again the model that was given up for one that failed."""
        try:
            self._load(before, run)
        except ChatdeskError as problem:
            self._tell_state(ModelState("failed", before.name, error=problem, path=before.path))

    def _load(self, choice: ModelChoice, run: LlamaRun | None) -> Loaded:
        # In the pump's thread, with the first model; see loaded.py.
        from chatdesk.providers.llama.loaded import Loaded

        told = -1.0

        def progress(fraction: float) -> bool:
            nonlocal told
            if fraction - told >= _PROGRESS_STEP or fraction >= 1.0 > told:
                told = fraction
                self._tell_state(
                    ModelState("loading", choice.name, fraction=fraction, path=choice.path)
                )
            if self._news:
                if run is not None:
                    # The reply that waits for the model need not wait to be cancelled.
                    run.end_if_cancelled()
                self._tell_waiting("loading")
            return not self._load_cancelled

        with self._lock:
            self._loading = True
            self._load_cancelled = self._closing
        try:
            progress(0.0)
            self._loaded = Loaded.load(choice, progress)
        except ChatdeskError:
            raise
        except Exception as bug:
            log.exception("loading failed")
            raise _unexpected(bug) from bug
        finally:
            with self._lock:
                self._loading = False
        self._tell_state(_ready_state(self._loaded.model.choice, self._loaded.model.window))
        return self._loaded

    def _unload(self) -> None:
        if self._loaded is not None:
            loaded, self._loaded = self._loaded, None
            loaded.close()

    def _tell_waiting(self, reason: str) -> None:
        """Tell the runs in the queue that they wait, once, and the cancelled ones that they end."""
        with self._lock:
            self._news = False
            runs = [job for job in self._queue if isinstance(job, LlamaRun)]
            for run in runs:
                if run.flag.is_set():
                    self._queue.remove(run)
        for run in runs:
            if not run.end_if_cancelled() and not run.told_waiting:
                run.told_waiting = True
                run.tell(Waiting("loading" if reason == "loading" else "queued"))

    def _tell_state(self, state: ModelState) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state)


def _ready_state(choice: ModelChoice, window: int) -> ModelState:
    return ModelState("ready", choice.name, 1.0, context_window=window, path=choice.path)


def _unexpected(bug: Exception) -> ProviderError:
    return ProviderError(
        "Something went wrong inside Chatdesk.",
        "Try again. The log names the details.",
        retryable=True,
        detail=f"{type(bug).__name__}: {bug}",
    )
