"""The engine: one model at a time, one thread, a queue of work.

pump() is called by the thread that is to do all the work (a QThread in the window, a plain thread
elsewhere) and returns after shutdown(). Every other method may be called from any thread and
returns at once. Events and states are told in the pump's thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatdesk.chat.events import Failed, Started
from chatdesk.chat.messages import Usage
from chatdesk.errors import ChatdeskError
from chatdesk.providers.llama.choice import ModelChoice, ModelState, Progress
from chatdesk.providers.llama.front import Front
from chatdesk.providers.llama.holder import ModelHolder, unexpected
from chatdesk.providers.llama.jobs import Jobs
from chatdesk.providers.llama.run import LlamaRun

if TYPE_CHECKING:
    from chatdesk.providers.llama.generator import Generator
    from chatdesk.providers.llama.loaded import Loaded

log = logging.getLogger(__name__)


class LlamaEngine(Front["Loaded"]):
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
        super().__init__(
            Jobs(),
            ModelHolder(resolve, on_state, check, _load, self._while_loading),
        )
        self._current: LlamaRun | None = None

    # -- the pump's thread --------------------------------------------------------------------

    def pump(self) -> None:
        """Do the work, in this thread, until shutdown()."""
        try:
            while (job := self._jobs.next()) is not None:
                if isinstance(job, LlamaRun):
                    self._current = job
                    self._reply(job)
                    self._current = None
                    self._jobs.done(job)
                else:
                    self._holder.load(job.model)
        finally:
            self._holder.free()

    def _reply(self, run: LlamaRun) -> None:
        generator: Generator | None = None
        try:
            if run.end_if_cancelled():
                return
            loaded = self._holder.ready(self._holder.choose(run.request.model), run)
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
            jobs = self._jobs
            for event in generator.events():
                run.tell(event)
                if jobs.news:
                    jobs.tell_waiting("queued")
        except ChatdeskError as problem:
            if not run.end_if_cancelled():
                run.tell(Failed(problem, generator.usage if generator else Usage()))
        except Exception as bug:
            # One reply's bug must not end the thread that writes all others; it is in the log.
            log.exception("a reply failed")
            run.tell(Failed(unexpected(bug), generator.usage if generator else Usage()))

    def _while_loading(self) -> None:
        if self._jobs.news:
            if self._current is not None:
                # The reply that waits for the model need not wait to be cancelled.
                self._current.end_if_cancelled()
            self._jobs.tell_waiting("loading")


def _load(choice: ModelChoice, progress: Progress) -> Loaded:
    # In the pump's thread, with the first model; see loaded.py.
    from chatdesk.providers.llama.loaded import Loaded

    return Loaded.load(choice, progress)
