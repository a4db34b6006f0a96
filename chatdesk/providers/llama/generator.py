"""One reply: evaluates the prompt, chooses tokens and tells what happens as events.

The path per token is short on purpose: one native decode, one native sample, a table look-up and
an incremental decoder. Nothing on it grows with the length of the reply or the conversation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatdesk.chat.events import Delta, Event, Finished, FinishReason, PromptProgress
from chatdesk.chat.messages import SamplingParameters, Usage
from chatdesk.chat.reasoning import ReasoningSplitter
from chatdesk.chat.stops import StopMatcher
from chatdesk.providers.llama.backend import CancelFlag
from chatdesk.providers.llama.cache import ReplyMemory
from chatdesk.providers.llama.evaluation import Cancelled, Evaluator
from chatdesk.providers.llama.model import LlamaModel
from chatdesk.providers.llama.prompt import Prompt
from chatdesk.providers.llama.sampler import Sampler
from chatdesk.providers.llama.tokens import Utf8Stream


class Generator:
    """Writes one reply with a loaded model. Used once, by the thread that owns the model.

    began: time.perf_counter() when work on the run began; the time to the first token counts from
    there. usage is right at any moment, also after an error.
    """

    def __init__(
        self,
        model: LlamaModel,
        evaluator: Evaluator,
        replies: ReplyMemory,
        prompt: Prompt,
        wanted: SamplingParameters,
        flag: CancelFlag,
        continuation: str,
        began: float,
    ) -> None:
        self._model = model
        self._evaluator = evaluator
        self._replies = replies
        self._prompt = prompt
        self._wanted = wanted
        self._flag = flag
        self._continuation = continuation
        self._began = began
        self._written: list[int] = []
        self._pieces: list[bytes] = []
        self._shown: list[str] = []
        self._cached = 0
        self._first: float | None = None  # when the first token came
        self._prompt_done: float | None = None
        self._ended: float | None = None

    @property
    def usage(self) -> Usage:
        speed = first_ms = None
        ended = self._ended if self._ended is not None else time.perf_counter()
        if self._prompt_done is not None and self._written and ended > self._prompt_done:
            speed = len(self._written) / (ended - self._prompt_done)
        if self._first is not None:
            first_ms = (self._first - self._began) * 1000.0
        return Usage(
            prompt_tokens=len(self._prompt.tokens),
            cached_tokens=self._cached,
            completion_tokens=len(self._written),
            first_token_ms=first_ms,
            tokens_per_second=speed,
        )

    def events(self) -> Iterator[Event]:
        """PromptProgress, Delta and one Finished. Raises ProviderError.

        Closing the iterator early is safe: the cache stays as it is.
        """
        sampler = Sampler(self._model.backend, self._model.vocabulary.size, self._wanted)
        self._evaluator.watch(self._flag)
        stream = Utf8Stream()
        inside = self._prompt.inside_reasoning
        splitter = ReasoningSplitter(
            "text" if self._continuation else "reasoning" if inside else "before"
        )
        stops = StopMatcher((*self._wanted.stop, *self._prompt.stops))
        reason: FinishReason = "cancelled"
        try:
            yield from self._evaluate_prompt()
            sampler.accept(self._prompt.continued)
            for text in self._write(sampler, stream):
                if text is None:
                    reason = "stop"
                    break
                for delta in splitter.feed(text):
                    if delta.kind == "text":
                        shown = stops.feed(delta.text)
                        if shown:
                            self._shown.append(shown)
                            yield Delta("text", shown)
                    else:
                        yield delta
                if stops.hit:
                    reason = "stop"
                    break
            else:
                reason = "length"
        except Cancelled:
            reason = "cancelled"
        finally:
            self._ended = time.perf_counter()
            sampler.close()
        if not stops.hit:
            rest = stream.finish(cut=reason != "stop")
            for delta in (*(splitter.feed(rest) if rest else ()), *splitter.finish()):
                shown = stops.feed(delta.text) if delta.kind == "text" else delta.text
                if shown:
                    if delta.kind == "text":
                        self._shown.append(shown)
                    yield Delta(delta.kind, shown)
            if not stops.hit and (held := stops.finish()):
                self._shown.append(held)
                yield Delta("text", held)
        if not splitter.reasoned:
            self._remember()
        yield Finished(reason, self.usage)

    def _evaluate_prompt(self) -> Iterator[Event]:
        tokens = self._prompt.tokens
        self._cached = self._evaluator.reuse(tokens)
        yield PromptProgress(self._cached, len(tokens))
        for done in self._evaluator.evaluate(tokens):
            yield PromptProgress(done, len(tokens))
            if self._flag.is_set():
                raise Cancelled
        self._prompt_done = time.perf_counter()

    def _write(self, sampler: Sampler, stream: Utf8Stream) -> Iterator[str | None]:
        """The reply's text per token, None when the model ends its turn; ends at the limit.

        Raises Cancelled.
        """
        model, evaluator = self._model, self._evaluator
        sample = model.backend.lib.llama_sampler_sample
        chain, context = sampler.chain, model.context
        piece_of, decode, cancelled = model.vocabulary.piece, stream.feed, self._flag.is_set
        written, pieces = self._written, self._pieces
        room = model.window - len(self._prompt.tokens)
        wanted = self._wanted.max_tokens
        limit = min(wanted, room) if wanted > 0 else room
        while len(written) < limit:
            if written:
                evaluator.advance(written[-1])
            token = sample(chain, context, -1)
            if cancelled():
                raise Cancelled
            if self._first is None:
                self._first = time.perf_counter()
            piece = piece_of(token)
            if piece is None:
                yield None
                return
            written.append(token)
            pieces.append(piece)
            if text := decode(piece):
                yield text

    def _remember(self) -> None:
        text = self._continuation + "".join(self._shown)
        before = self._prompt.continued
        pieces = [self._model.vocabulary.piece(token) or b"" for token in before]
        self._replies.remember(text, [*before, *self._written], [*pieces, *self._pieces])
