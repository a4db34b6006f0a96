"""Writes one reply by itself: evaluates the prompt, chooses tokens, tells what happens as events.

The path per token is short on purpose: one native decode, one native sample, and what reply.py
makes of the token.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatdesk.chat.events import Event
from chatdesk.chat.messages import SamplingParameters, Usage
from chatdesk.providers.llama.backend import CancelFlag
from chatdesk.providers.llama.evaluation import Cancelled, Evaluator
from chatdesk.providers.llama.model import LlamaModel
from chatdesk.providers.llama.prompt import Prompt
from chatdesk.providers.llama.reply import Reply
from chatdesk.providers.llama.sampler import Sampler


class Generator:
    """Writes one reply with a loaded model. Used once, by the thread that owns the model."""

    def __init__(
        self,
        model: LlamaModel,
        evaluator: Evaluator,
        prompt: Prompt,
        reply: Reply,
        wanted: SamplingParameters,
        flag: CancelFlag,
    ) -> None:
        self._model = model
        self._evaluator = evaluator
        self._prompt = prompt
        self._reply = reply
        self._wanted = wanted
        self._flag = flag

    @property
    def usage(self) -> Usage:
        """What the reply has cost so far, also after an error."""
        return self._reply.usage

    def events(self) -> Iterator[Event]:
        """PromptProgress, Delta and one Finished. Raises ProviderError.

        Closing the iterator early is safe: the cache stays as it is.
        """
        model, reply = self._model, self._reply
        sampler = Sampler(model.backend, model.vocabulary.size, self._wanted)
        self._evaluator.watch(self._flag)
        try:
            yield from self._evaluate_prompt()
            sampler.accept(self._prompt.continued)
            sample = model.backend.lib.llama_sampler_sample
            chain, context = sampler.chain, model.context
            advance, cancelled = self._evaluator.advance, self._flag.is_set
            take, written = reply.take, reply.written
            while reply.reason is None:
                if written:
                    advance(written[-1])
                token = sample(chain, context, -1)
                if cancelled():
                    break
                yield from take(token)
        except Cancelled:
            pass
        finally:
            sampler.close()
        yield from reply.end()

    def _evaluate_prompt(self) -> Iterator[Event]:
        tokens = self._prompt.tokens
        yield self._reply.evaluated(self._evaluator.reuse(tokens))
        for done in self._evaluator.evaluate(tokens):
            yield self._reply.evaluated(done)
            if self._flag.is_set():
                raise Cancelled
