"""A loaded model with all that is kept as long as it is loaded.

The engine imports this module, and with it everything that reads, plans and writes, in its own
thread with the first model: starting the window does not wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from chatdesk.chat.events import Started
from chatdesk.chat.provider import Request
from chatdesk.providers.llama.backend import CancelFlag
from chatdesk.providers.llama.cache import ReplyMemory
from chatdesk.providers.llama.choice import ModelChoice, Progress
from chatdesk.providers.llama.evaluation import Evaluator
from chatdesk.providers.llama.generator import Generator
from chatdesk.providers.llama.model import LlamaModel
from chatdesk.providers.llama.plan import Planner
from chatdesk.providers.llama.prompt import Prompt, PromptBuilder
from chatdesk.providers.llama.reply import Reply
from chatdesk.providers.llama.run import LlamaRun
from chatdesk.providers.llama.together import Together


class Loaded:
    """A model that writes one reply at a time.

    Belongs to the thread that made it, which also closes it.
    """

    def __init__(self, model: LlamaModel) -> None:
        self.model = model
        self.evaluator = Evaluator(model)
        self.replies = ReplyMemory()
        self.planner = _planner(model, self.replies)

    @classmethod
    def load(cls, choice: ModelChoice, progress: Progress) -> Loaded:
        """Load the model of a choice. Raises ModelError; what failed is freed."""
        model = LlamaModel.load(choice, progress)
        try:
            return cls(model)
        except BaseException:
            model.close()
            raise

    def generator(
        self, request: Request, prompt: Prompt, flag: CancelFlag, began: float
    ) -> Generator:
        """Who writes the reply to a request whose prompt is planned. began: see Reply."""
        reply = _reply(self.model, self.replies, request, prompt, began)
        return Generator(self.model, self.evaluator, prompt, reply, request.parameters, flag)

    def close(self) -> None:
        """Free everything."""
        self.evaluator.close()
        self.model.close()


class LoadedTogether:
    """A model that writes several replies at once.

    Belongs to the thread that made it, which also closes it.
    """

    def __init__(
        self, model: LlamaModel, sequences: int, ended: Callable[[LlamaRun], None]
    ) -> None:
        self.model = model
        self.together = Together(model, sequences, ended)
        self._replies = ReplyMemory()
        self._planner = _planner(model, self._replies)

    @classmethod
    def load(
        cls,
        choice: ModelChoice,
        progress: Progress,
        sequences: int,
        ended: Callable[[LlamaRun], None],
    ) -> LoadedTogether:
        """Load the model of a choice; ended: see Together. Raises ModelError; what failed is
        freed.
        """
        model = LlamaModel.load(choice, progress, sequences)
        try:
            return cls(model, sequences, ended)
        except BaseException:
            model.close()
            raise

    def begin(self, run: LlamaRun) -> None:
        """Plan the prompt of a run and let it join those that are being written.

        Raises ChatdeskError; the run did not join then.
        """
        began = time.perf_counter()
        request = run.request
        plan = self._planner.plan(request)
        prompt = plan.prompt
        model = self.model
        run.tell(Started(model.choice.name, model.window, len(prompt.tokens), plan.left_out))
        reply = _reply(model, self._replies, request, prompt, began)
        self.together.join(run, prompt, reply)

    def close(self) -> None:
        """Free everything."""
        self.together.close()
        self.model.close()


def _planner(model: LlamaModel, replies: ReplyMemory) -> Planner:
    return Planner(PromptBuilder(model.vocabulary, model.template, replies), model.window)


def _reply(
    model: LlamaModel, replies: ReplyMemory, request: Request, prompt: Prompt, began: float
) -> Reply:
    return Reply(
        model.vocabulary,
        replies,
        prompt,
        request.parameters,
        request.continuation,
        model.window,
        began,
    )
