"""An engine as other threads see it: a queue of work, and a model that comes and goes."""

from __future__ import annotations

from typing import Generic, TypeVar

from chatdesk.chat.provider import Deliver, Request
from chatdesk.providers.llama.choice import ModelState
from chatdesk.providers.llama.holder import Holdable, ModelHolder
from chatdesk.providers.llama.jobs import Jobs, Load
from chatdesk.providers.llama.run import LlamaRun

T = TypeVar("T", bound=Holdable)


class Front(Generic[T]):
    """What engines have in common. Any thread may call any method; each returns at once."""

    def __init__(self, jobs: Jobs, holder: ModelHolder[T]) -> None:
        self._jobs = jobs
        self._holder = holder

    @property
    def loaded(self) -> ModelState:
        """What is loaded or being loaded now."""
        return self._holder.state

    def start(self, request: Request, deliver: Deliver) -> LlamaRun:
        """Queue a reply. Raises ProviderError after shutdown()."""
        run = LlamaRun(request, deliver, self._jobs.wake)
        self._jobs.put(run)
        return run

    def load(self, model: str | None = None) -> None:
        """Queue the loading of a model. Raises ProviderError after shutdown()."""
        self._jobs.put(Load(model))

    def cancel_load(self) -> None:
        """Give up loading: what is being loaded (the model before it comes back), and the queue."""
        self._jobs.forget_loads()
        self._holder.cancel()

    def shutdown(self) -> None:
        """Cancel everything; pump() then frees the model and returns. Twice is harmless."""
        self._jobs.close()  # first, so that no run fails for want of a model
        self._holder.close()
