"""A loaded model with all that is kept as long as it is loaded.

The engine imports this module, and with it everything that reads, plans and writes, in its own
thread with the first model: starting the window does not wait for it.
"""

from __future__ import annotations

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


class Loaded:
    """Belongs to the thread that made it, which also closes it."""

    def __init__(self, model: LlamaModel) -> None:
        self.model = model
        self.evaluator = Evaluator(model)
        self.replies = ReplyMemory()
        self.planner = Planner(
            PromptBuilder(model.vocabulary, model.template, self.replies), model.window
        )

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
        reply = Reply(
            self.model.vocabulary,
            self.replies,
            prompt,
            request.parameters,
            request.continuation,
            self.model.window,
            began,
        )
        return Generator(self.model, self.evaluator, prompt, reply, request.parameters, flag)

    def close(self) -> None:
        """Free everything."""
        self.evaluator.close()
        self.model.close()
