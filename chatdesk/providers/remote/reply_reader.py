"""Turns the chunks of a chat completion into the pieces of a reply, whatever a server makes of it.

Servers agree on where text stands and on little else: reasoning comes in fields of three names, in
lists of parts or in the text; usage in the last chunk, in each or nowhere; half a character may end
a chunk. Chunks are plain JSON, not the openai package's models: those cost more than all the rest
and are not checked either.
"""

from __future__ import annotations

import re
from typing import Any

from chatdesk.chat.events import Delta, FinishReason
from chatdesk.chat.reasoning import ReasoningSplitter
from chatdesk.chat.stops import StopMatcher
from chatdesk.providers.remote.api import Ending, Tell

_REASONS: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral: the window is full
}
# What ended a reply that is not one, and that another attempt may not meet.
_BROKEN = frozenset(["error", "abort", "insufficient_system_resource", "network_error"])

_UNFIT = re.compile("[\ud800-\udfff\x00]")
_MOST_TOKENS = 1_000_000_000


class ReplyReader:
    """Feed it the chunks of one reply. Pure but for tell, which gets the pieces at once.

    continuation: the text that the reply goes on after. stops: sequences that end it, for servers
    that did not get all of them.
    """

    def __init__(self, tell: Tell, *, continuation: str = "", stops: tuple[str, ...] = ()) -> None:
        self.recognised = False  # whether anything looked like a chat completion
        self.stopped = False  # a stop sequence came: nothing more is wanted
        self.spoke = False  # there was text or reasoning, told or held back
        self.finish_reason = ""
        self.error: dict[str, Any] | None = None  # an error in the form of Mistral and vLLM
        self._tell = tell
        self._usage: dict[str, Any] | None = None
        self._timings: dict[str, Any] | None = None
        self._prefix = PrefixStripper(continuation) if continuation else None
        self._splitter: ReasoningSplitter | None = (
            None if continuation else ReasoningSplitter("before")
        )
        self._stops = StopMatcher(stops) if any(stops) else None
        self._half = ""
        self._reasoning = False  # the last piece was reasoning from a field of its own
        self._plain = False  # text goes straight through

    def take(self, chunk: Any) -> None:
        """The next chunk. What is no chunk of a chat completion is passed over."""
        if type(chunk) is not dict:
            return
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        choices = chunk.get("choices")
        if type(choices) is not list:
            if chunk.get("object") == "error":
                self.error = chunk
            return
        self.recognised = True
        if not choices:
            self._take_more(chunk)
            return
        choice = choices[0]
        if type(choice) is not dict or choice.get("index"):
            return  # one reply is asked for; a second one has an index
        delta = choice.get("delta") or choice.get("message")
        if type(delta) is dict:
            content = delta.get("content")
            if type(content) is str:
                if not content:
                    self._take_reasoning(delta)
                elif self._plain and content.isascii() and "\0" not in content:
                    self._tell(Delta("text", content))
                else:
                    self._take_reasoning(delta)
                    self._text(content)
            else:
                self._take_reasoning(delta)
                if type(content) is list:
                    self._parts(content)
            if type(delta.get("refusal")) is str:
                self._text(delta["refusal"])
        reason = choice.get("finish_reason")
        if reason and type(reason) is str:
            # Some servers say it twice, the second time with less.
            self.finish_reason = self.finish_reason or reason[:40]
            self._take_more(chunk)

    def flush(self) -> None:
        """Tell what was held back: the reply is over, or was cut."""
        if self._half:
            self._half = ""
            self._split("\ufffd")
        if self._prefix is not None:
            held, self._prefix = self._prefix.finish(), None
            if held:
                self._split(held)
        if self._splitter is not None:
            for delta in self._splitter.finish():
                self._give(delta)
            self._splitter = None
        if self._stops is not None and (held := self._stops.finish()):
            self._tell(Delta("text", held))

    @property
    def broken(self) -> bool:
        """Whether the server itself says that the reply is not complete."""
        return self.finish_reason in _BROKEN

    @property
    def filtered(self) -> bool:
        """Whether the server's filter ended it."""
        return self.finish_reason == "content_filter"

    def ending(self) -> Ending:
        """How it ended, and what the server counted."""
        usage = self._usage if type(self._usage) is dict else {}
        details = usage.get("prompt_tokens_details")
        timings = self._timings or {}
        prompt = _count(usage.get("prompt_tokens"))
        cached = _count(details.get("cached_tokens")) if type(details) is dict else None
        if cached is None:
            cached = _count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
        if cached is None:
            cached = _count(timings.get("cache_n"))
        if prompt is None and (evaluated := _count(timings.get("prompt_n"))) is not None:
            prompt = evaluated + (cached or 0)
        written = _count(usage.get("completion_tokens")) or _count(timings.get("predicted_n"))
        reason = "stop" if self.stopped else _REASONS.get(self.finish_reason, "stop")
        return Ending(reason, prompt or None, cached, written or None)

    def _take_more(self, chunk: dict[str, Any]) -> None:
        """What some servers put beside the choices of their last chunk."""
        if type(chunk.get("timings")) is dict:  # llama-server
            self._timings = chunk["timings"]
        groq = chunk.get("x_groq")
        if type(groq) is dict and type(groq.get("usage")) is dict:
            self._usage = groq["usage"]

    def _take_reasoning(self, delta: dict[str, Any]) -> None:
        # A server that sends both names means the same text.
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and type(reasoning) is str:
            self._reason(reasoning)

    def _parts(self, parts: list[Any]) -> None:
        """Content as a list of parts: Mistral's reasoning models, and the newer OpenAI form."""
        for part in parts:
            if type(part) is not dict:
                continue
            thinking = part.get("thinking")
            if type(thinking) is str:
                self._reason(thinking)
            elif type(thinking) is list:
                for each in thinking:
                    if type(each) is dict and type(each.get("text")) is str:
                        self._reason(each["text"])
            elif type(part.get("text")) is str:
                self._text(part["text"])

    def _reason(self, text: str) -> None:
        if not self._reasoning:
            text = text.lstrip()  # as around a <think> block: it belongs to nobody
        text = _UNFIT.sub("\ufffd", text)
        if text:
            self._reasoning = True
            self._plain = False
            self.spoke = True
            self._tell(Delta("reasoning", text))

    def _text(self, text: str) -> None:
        if self._half or not text.isascii() or "\0" in text:
            text = self._whole(text)
        if self._reasoning:
            # What stands between reasoning and reply is no part of either.
            text = text.lstrip()
            if not text:
                return
            self._reasoning = False
            self._splitter = None
        if not text:
            return
        self.spoke = True
        if self._prefix is not None:
            text = self._prefix.feed(text)
            if self._prefix.done:
                self._prefix = None
        if text:
            self._split(text)

    def _whole(self, text: str) -> str:
        """The text without halves of characters: a pair may be cut between two chunks."""
        text = self._half + text
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if _UNFIT.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            text = text.replace("\0", "\ufffd")
        return text

    def _split(self, text: str) -> None:
        if self._splitter is None:
            self._give(Delta("text", text))
        else:
            for delta in self._splitter.feed(text):
                self._give(delta)
                if delta.kind == "text":
                    self._splitter = None  # a block of reasoning stands at the beginning only
        self._plain = (
            self._splitter is None and self._prefix is None and self._stops is None
            and not self._half and not self._reasoning
        )  # fmt: skip

    def _give(self, delta: Delta) -> None:
        if delta.kind == "text" and self._stops is not None:
            text = self._stops.feed(delta.text)
            self.stopped = self._stops.hit
            if text:
                self._tell(Delta("text", text))
        else:
            self._tell(delta)


class PrefixStripper:
    """Takes a text away from the beginning of a reply, where a server repeats it before going on.

    What begins otherwise is given as it is, so nothing of the reply is lost. Pure.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._held = ""
        self.done = False

    def feed(self, text: str) -> str:
        """What may be shown now."""
        if self.done:
            return text
        self._held += text
        if self._held.startswith(self._prefix):
            return self.finish()[len(self._prefix) :]
        if self._prefix.startswith(self._held):
            return ""
        return self.finish()

    def finish(self) -> str:
        """What was held back: it was no repetition."""
        self.done = True
        held, self._held = self._held, ""
        return held


def _count(value: Any) -> int | None:
    """A number of tokens, None for what cannot be one."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
    return value if fits else None
