"""The engine for many: several replies at once from one model, on one thread.

It has the same face as LlamaEngine and the same queue. What differs is that up to `sequences`
replies are written together (together.py); requests join and leave between two steps. The queue is
strictly in order: a request for another model waits until all that are being written have ended,
and those behind it wait for it, so that nobody is overtaken for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatdesk.chat.events import Failed
from chatdesk.errors import ChatdeskError
from chatdesk.providers.llama.choice import ModelChoice, ModelState, Progress
from chatdesk.providers.llama.front import Front
from chatdesk.providers.llama.holder import ModelHolder, unexpected
from chatdesk.providers.llama.jobs import Job, Jobs, Load
from chatdesk.providers.llama.run import LlamaRun

if TYPE_CHECKING:
    from chatdesk.providers.llama.loaded import LoadedTogether

log = logging.getLogger(__name__)

MOST_SEQUENCES = 256  # llama.cpp's own bound


class ParallelEngine(Front["LoadedTogether"]):
    """Writes up to `sequences` replies together with one local model.

    Each has the whole context window that the choice says, so the context takes `sequences` times
    the memory. resolve, on_state and check: see LlamaEngine. Every method but pump() may be called
    from any thread and returns at once; events and states are told in the pump's thread.
    """

    def __init__(
        self,
        resolve: Callable[[str | None], ModelChoice],
        on_state: Callable[[ModelState], None],
        sequences: int,
        check: Callable[[ModelChoice], None] | None = None,
    ) -> None:
        if not 1 <= sequences <= MOST_SEQUENCES:
            raise ValueError(f"sequences must be 1 to {MOST_SEQUENCES}, not {sequences}")
        self.sequences = sequences
        super().__init__(
            Jobs(),
            ModelHolder(resolve, on_state, check, self._make, self._while_loading),
        )
        self._loading_for: LlamaRun | None = None
        self._held_up: Job | None = None  # the first in the queue, which waits for another model

    # -- any thread ---------------------------------------------------------------------------

    @property
    def free(self) -> int:
        """How many more requests would be begun without waiting for another one's end.

        A run counts from start() until just before it is told its last event.
        """
        return max(0, self.sequences - self._jobs.runs)

    # -- the pump's thread --------------------------------------------------------------------

    def pump(self) -> None:
        """Do the work, in this thread, until shutdown()."""
        try:
            while self._busy or self._jobs.first(wait=True) is not None:
                self._let_in()
                if self._jobs.news:
                    self._jobs.tell_waiting("queued")
                self._step()
        finally:
            self._holder.free()

    @property
    def _busy(self) -> int:
        """How many replies are being written."""
        held = self._holder.held
        return held.together.busy if held is not None else 0

    def _step(self) -> None:
        held = self._holder.held
        if held is None or not held.together.busy:
            return
        try:
            held.together.step()
        except Exception as bug:
            # A bug ends the replies that it met and not the thread that writes all others.
            log.exception("a step failed")
            held.together.fail(unexpected(bug))

    def _let_in(self) -> None:
        """Begin what may begin now, in the order of the queue."""
        while (job := self._jobs.first(wait=False)) is not None:
            begun = self._begin(job) if isinstance(job, LlamaRun) else self._load(job)
            if not begun:
                return

    def _begin(self, run: LlamaRun) -> bool:
        """Begin a reply, or end it. False where it has to wait for others to end."""
        if run.flag.is_set():
            self._jobs.take(run)
            return self._end_if_cancelled(run)
        if self._busy >= self.sequences or self._is_held_up(run):
            return False
        try:
            choice = self._holder.choose(run.request.model)
            if self._busy and not self._holder.has(choice):
                self._held_up = run
                return False
            self._jobs.take(run)
            self._loading_for = run
            loaded = self._holder.ready(choice, run)
            if not self._end_if_cancelled(run):
                loaded.begin(run)
        except ChatdeskError as problem:
            self._jobs.take(run)
            if not self._end_if_cancelled(run):
                self._fail(run, problem)
        except Exception as bug:
            log.exception("a reply failed")
            self._fail(run, unexpected(bug))
        finally:
            self._loading_for = None
        return True

    def _load(self, wanted: Load) -> bool:
        """Load a model. False where the replies of another one have to end first."""
        if self._is_held_up(wanted):
            return False
        if self._busy and not self._has(wanted.model):
            self._held_up = wanted
            return False
        if self._jobs.take(wanted) and not self._busy:
            self._holder.load(wanted.model)
        return True

    def _has(self, model: str | None) -> bool:
        try:
            return self._holder.has(self._holder.choose(model))
        except ChatdeskError:
            return False  # it is told when it is tried

    def _is_held_up(self, job: Job) -> bool:
        """Whether a job is known to wait for another model's replies to end.

        So resolve is not asked at every step.
        """
        if not self._busy:
            self._held_up = None
        return self._held_up is job

    def _end_if_cancelled(self, run: LlamaRun) -> bool:
        if run.flag.is_set():
            self._jobs.done(run)
        return run.end_if_cancelled()

    def _fail(self, run: LlamaRun, problem: ChatdeskError) -> None:
        self._jobs.done(run)
        run.tell(Failed(problem))

    def _while_loading(self) -> None:
        if self._jobs.news:
            if self._loading_for is not None:
                # The reply that waits for the model need not wait to be cancelled.
                self._end_if_cancelled(self._loading_for)
            self._jobs.tell_waiting("loading")

    def _make(self, choice: ModelChoice, progress: Progress) -> LoadedTogether:
        # In the pump's thread, with the first model; see loaded.py.
        from chatdesk.providers.llama.loaded import LoadedTogether

        return LoadedTogether.load(choice, progress, self.sequences, self._jobs.done)
