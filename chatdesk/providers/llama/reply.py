"""One reply as it grows: from the model's tokens to what is shown, what it cost and how it ended.

Whoever decodes gives it each token: generator.py for a reply by itself, together.py for several at
once. Nothing on the path of a token grows with the length of the reply or of the conversation.
"""

from __future__ import annotations

import time

from chatdesk.chat.events import Delta, Event, Finished, FinishReason, PromptProgress
from chatdesk.chat.messages import SamplingParameters, Usage
from chatdesk.chat.reasoning import ReasoningSplitter
from chatdesk.chat.stops import StopMatcher
from chatdesk.providers.llama.cache import ReplyMemory
from chatdesk.providers.llama.prompt import Prompt
from chatdesk.providers.llama.tokens import Utf8Stream, Vocabulary


class Reply:
    """The text, the usage and the end of one reply. Used once, in the thread of the model.

    window: tokens that prompt and reply may have together. began: time.perf_counter() when work on
    the run began; the time to the first token counts from there. written: the reply's tokens.
    reason: why the reply is over, None while it goes on. usage is right at any moment.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        replies: ReplyMemory,
        prompt: Prompt,
        wanted: SamplingParameters,
        continuation: str,
        window: int,
        began: float,
    ) -> None:
        self.written: list[int] = []
        self.reason: FinishReason | None = None
        self._piece = vocabulary.piece
        self._replies = replies
        self._prompt = prompt
        self._continuation = continuation
        self._began = began
        room = window - len(prompt.tokens)
        self._limit = min(wanted.max_tokens, room) if wanted.max_tokens > 0 else room
        if self._limit <= 0:
            self.reason = "length"
        self._stream = Utf8Stream()
        self._decode = self._stream.feed
        self._splitter = ReasoningSplitter(
            "text" if continuation else "reasoning" if prompt.inside_reasoning else "before"
        )
        self._split = self._splitter.feed
        self._stops = StopMatcher((*wanted.stop, *prompt.stops))
        self._pieces: list[bytes] = []
        self._shown: list[str] = []
        self._cached: int | None = None
        self._first: float | None = None  # when the first token came
        self._prompt_done: float | None = None
        self._ended: float | None = None

    @property
    def usage(self) -> Usage:
        speed = first_ms = None
        ended = self._ended if self._ended is not None else time.perf_counter()
        if self._prompt_done is not None and self.written and ended > self._prompt_done:
            speed = len(self.written) / (ended - self._prompt_done)
        if self._first is not None:
            first_ms = (self._first - self._began) * 1000.0
        return Usage(
            prompt_tokens=len(self._prompt.tokens),
            cached_tokens=self._cached or 0,
            completion_tokens=len(self.written),
            first_token_ms=first_ms,
            tokens_per_second=speed,
        )

    def evaluated(self, done: int) -> PromptProgress:
        """That so many of the prompt's tokens are known to the model; at first those of before."""
        total = len(self._prompt.tokens)
        if self._cached is None:
            self._cached = done
        elif done >= total:
            self._prompt_done = time.perf_counter()
        return PromptProgress(done, total)

    def take(self, token: int) -> list[Delta]:
        """What the model's next token shows; reason is set where it was the last."""
        if self._first is None:
            self._first = time.perf_counter()
        piece = self._piece(token)
        if piece is None:
            self.reason = "stop"
            return []
        written = self.written
        written.append(token)
        self._pieces.append(piece)
        text = self._decode(piece)
        deltas = self._show(self._split(text)) if text else []
        if self._stops.hit:
            self.reason = "stop"
        elif len(written) >= self._limit:
            self.reason = "length"
        return deltas

    def end(self) -> list[Event]:
        """The last events. A reply that had no reason to end was cancelled."""
        self._ended = time.perf_counter()
        if self.reason is None:
            self.reason = "cancelled"
        events: list[Event] = []
        if not self._stops.hit:
            rest = self._stream.finish(cut=self.reason != "stop")
            events += self._show([*(self._split(rest) if rest else ()), *self._splitter.finish()])
            if not self._stops.hit and (held := self._stops.finish()):
                self._shown.append(held)
                events.append(Delta("text", held))
        if not self._splitter.reasoned:
            self._remember()
        events.append(Finished(self.reason, self.usage))
        return events

    def _show(self, deltas: list[Delta]) -> list[Delta]:
        """What of these may be shown now, with regard to stop sequences."""
        shown: list[Delta] = []
        for delta in deltas:
            if delta.kind != "text":
                shown.append(delta)
                continue
            text = self._stops.feed(delta.text)
            if text:
                self._shown.append(text)
                shown.append(delta if text is delta.text else Delta("text", text))
        return shown

    def _remember(self) -> None:
        text = self._continuation + "".join(self._shown)
        before = self._prompt.continued
        pieces = [self._piece(token) or b"" for token in before]
        self._replies.remember(text, [*before, *self.written], [*pieces, *self._pieces])
