"""Which model is loaded: one at a time, loaded when it is wanted, restored where another fails.

The engines ask for a model before each reply. What they get is whatever `load` makes of a choice,
with all that is kept as long as the model is (loaded.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from chatdesk.chat.events import Waiting
from chatdesk.errors import ChatdeskError, ProviderError
from chatdesk.providers.llama.choice import ModelChoice, ModelState, Progress, check_file
from chatdesk.providers.llama.run import LlamaRun

if TYPE_CHECKING:
    from chatdesk.providers.llama.model import LlamaModel

log = logging.getLogger(__name__)

# Loading tells its progress at every tensor; a person sees no smaller step than this.
_PROGRESS_STEP = 0.01


class Holdable(Protocol):
    """A loaded model and what belongs to it."""

    model: LlamaModel

    def close(self) -> None: ...


T = TypeVar("T", bound=Holdable)


class ModelHolder(Generic[T]):
    """Holds at most one model. Belongs to the pump's thread, but for what says otherwise.

    resolve, on_state and check are those of the engine. load makes a model ready and raises
    ChatdeskError. meanwhile is called again and again while a model is being loaded.
    """

    def __init__(
        self,
        resolve: Callable[[str | None], ModelChoice],
        on_state: Callable[[ModelState], None],
        check: Callable[[ModelChoice], None] | None,
        load: Callable[[ModelChoice, Progress], T],
        meanwhile: Callable[[], None],
    ) -> None:
        self._resolve = resolve
        self._on_state = on_state
        self._check = check
        self._make = load
        self._meanwhile = meanwhile
        self._lock = threading.Lock()
        self._closing = False
        self._loading = False
        self._cancelled = False
        self.held: T | None = None
        self.state = ModelState()  # what is loaded or being loaded now; any thread may read it

    # -- any thread ---------------------------------------------------------------------------

    def cancel(self) -> None:
        """Give up what is being loaded; the model before it comes back."""
        with self._lock:
            self._cancelled = self._loading

    def close(self) -> None:
        """Load nothing any more, and give up what is being loaded; free() does the rest."""
        with self._lock:
            self._closing = self._cancelled = True

    # -- the pump's thread --------------------------------------------------------------------

    def choose(self, model: str | None) -> ModelChoice:
        """What is meant by a model's name. Raises ChatdeskError."""
        try:
            return self._resolve(model)
        except ChatdeskError:
            raise
        except Exception as bug:
            log.exception("no model could be chosen")
            raise unexpected(bug) from bug

    def has(self, choice: ModelChoice) -> bool:
        """Whether it is this that is loaded."""
        return self.held is not None and self.held.model.choice.loads_as(choice)

    def load(self, model: str | None) -> None:
        """Load a model that no reply waits for; what fails is told by the state."""
        try:
            choice = self.choose(model)
            if not self.has(choice):
                self._inspect(choice)
        except ChatdeskError as problem:
            self._tell(ModelState("failed", model or "", error=problem))
            if self.held is not None:
                self._tell(_ready_state(self.held.model))
            return
        try:
            self.ready(choice, None)
        except ChatdeskError as problem:
            log.info("loading failed, as the state told: %s", problem.what)

    def ready(self, choice: ModelChoice, run: LlamaRun | None) -> T:
        """The model of this choice, loaded if it is not. Raises ChatdeskError.

        run: the one that waits for it, which is told so. A model that fails is told by the state
        (or by the run that wanted it, where another model can take its place), and the model
        before it is loaded again.
        """
        if self.held is not None and self.has(choice):
            return self.held
        self._inspect(choice)
        before = self.held.model.choice if self.held is not None else None
        self._unload()
        if run is not None:
            run.tell(Waiting("loading"))
        try:
            return self._load(choice)
        except ChatdeskError as problem:
            if run is None or before is None:
                self._tell(ModelState("failed", choice.name, error=problem, path=choice.path))
            if before is not None and not self._closing:
                self._restore(before)
            raise

    def free(self) -> None:
        """Free the model; nothing is loaded then."""
        self._unload()
        self._tell(ModelState())

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
                raise unexpected(bug) from bug

    def _restore(self, before: ModelChoice) -> None:
        """Load again the model that was given up for one that failed."""
        try:
            self._load(before)
        except ChatdeskError as problem:
            self._tell(ModelState("failed", before.name, error=problem, path=before.path))

    def _load(self, choice: ModelChoice) -> T:
        told = -1.0

        def progress(fraction: float) -> bool:
            nonlocal told
            if fraction - told >= _PROGRESS_STEP or fraction >= 1.0 > told:
                told = fraction
                self._tell(ModelState("loading", choice.name, fraction=fraction, path=choice.path))
            self._meanwhile()
            return not self._cancelled

        with self._lock:
            self._loading = True
            self._cancelled = self._closing
        try:
            progress(0.0)
            self.held = held = self._make(choice, progress)
        except ChatdeskError:
            raise
        except Exception as bug:
            log.exception("loading failed")
            raise unexpected(bug) from bug
        finally:
            with self._lock:
                self._loading = False
        self._tell(_ready_state(held.model))
        return held

    def _unload(self) -> None:
        if self.held is not None:
            held, self.held = self.held, None
            held.close()

    def _tell(self, state: ModelState) -> None:
        if state != self.state:
            self.state = state
            self._on_state(state)


def unexpected(bug: Exception) -> ProviderError:
    """A bug as an error that a person can read; the log has it whole."""
    return ProviderError(
        "Something went wrong inside Chatdesk.",
        "Try again. The log names the details.",
        retryable=True,
        detail=f"{type(bug).__name__}: {bug}",
    )


def _ready_state(model: LlamaModel) -> ModelState:
    choice = model.choice
    return ModelState("ready", choice.name, 1.0, context_window=model.window, path=choice.path)
