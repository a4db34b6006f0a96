"""Sampling parameters in the words of Text Generation Inference, and what its refusals say.

TGI refuses what other servers take for "off": temperature 0, top_p 1, top_k 0. It refuses a reply
that could become longer than its window instead of cutting it, and more stop sequences than it was
started for. Its refusals name the numbers, so the next attempt can be right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatdesk.chat.messages import SamplingParameters

# What a server takes that was started with default settings (--max-stop-sequences).
MOST_STOPS = 4

# For a reply without a bound, where the server's window is known. A server keeps memory free for
# all of it, so "as much as fits" would keep others waiting; longer replies can be continued.
MOST_NEW_TOKENS = 8192

# The same where the window is not known. Servers of default settings take 2,048 tokens in all; one
# that takes less says so. Left unset, older servers end a reply after 20 or 100 tokens.
USUAL_NEW_TOKENS = 1024

_TOTAL = re.compile(
    r"`inputs` tokens \+ `max_new_tokens` must be <= (\d+)\. Given: (\d+) `inputs` tokens"
)
_NEW = re.compile(r"`max_new_tokens` must be <= (\d+)")
_STOPS = re.compile(r"`stop` supports up to (\d+) stop sequences")
_INPUT = re.compile(r"`inputs` must have less than (\d+) tokens\. Given: (\d+)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request may ask for. new_tokens: of the reply. stops: how many sequences."""

    new_tokens: int
    stops: int = MOST_STOPS

    @classmethod
    def first(cls, max_tokens: int, window: int | None, prompt_tokens: int) -> Bounds:
        """For the first attempt. max_tokens 0: no bound. window, prompt_tokens: as estimated."""
        if window is None:
            return cls(max_tokens or USUAL_NEW_TOKENS)
        room = max(1, window - prompt_tokens)
        return cls(min(max_tokens or MOST_NEW_TOKENS, room))

    def corrected(self, refusal: str) -> Bounds | None:
        """For another attempt after the server's refusal; None where that would not help."""
        if found := _TOTAL.search(refusal):
            bounds = replace(self, new_tokens=min(self.new_tokens, _room(found)))
        elif found := _NEW.search(refusal):
            bounds = replace(self, new_tokens=min(self.new_tokens, _number(found[1])))
        elif found := _STOPS.search(refusal):
            bounds = replace(self, stops=min(self.stops, _number(found[1])))
        else:
            return None
        return bounds if bounds != self and bounds.new_tokens > 0 else None


@dataclass(frozen=True, slots=True)
class TooLong:
    """A prompt that does not fit. tokens: of the prompt; most: what the server takes."""

    tokens: int
    most: int

    @classmethod
    def told(cls, refusal: str) -> TooLong | None:
        """What a refusal says about the prompt's length; None where it is about something else."""
        if found := _INPUT.search(refusal):
            return cls(_number(found[2]), _number(found[1]))
        if (found := _TOTAL.search(refusal)) and _room(found) < 1:
            return cls(_number(found[2]), _number(found[1]))
        return None


def generation_parameters(
    sampling: SamplingParameters, stops: Sequence[str], bounds: Bounds
) -> dict[str, Any]:
    """The arguments of huggingface_hub's text_generation(); what is off is left out.

    min_p is left out always: TGI does not have it.
    """
    found: dict[str, Any] = {
        "max_new_tokens": bounds.new_tokens,
        "details": True,
        "return_full_text": False,
        # The likeliest word is chosen where sampling is off; top_p 0 leaves only that one too.
        "do_sample": sampling.temperature > 0 and sampling.top_p > 0,
    }
    if found["do_sample"]:
        found["temperature"] = sampling.temperature
        if sampling.top_p < 1:
            found["top_p"] = sampling.top_p
        if sampling.top_k > 0:
            found["top_k"] = sampling.top_k
    if sampling.repeat_penalty > 0 and sampling.repeat_penalty != 1:
        found["repetition_penalty"] = sampling.repeat_penalty
    if sampling.seed is not None:
        found["seed"] = sampling.seed & 0xFFFF_FFFF_FFFF_FFFF  # it takes no negative ones
    if chosen := list(stops[: bounds.stops]):
        found["stop"] = chosen
    return found


def context_size(info: dict[str, Any]) -> int | None:
    """The window that /info tells, in tokens, so that prompts fit as well as replies.

    A server may take shorter prompts than its window would hold. The budget keeps a quarter of the
    window free for the reply, at most 1,024 tokens (chat/budget.py); the size given is one with
    which the rest is no longer than what the server takes.
    """
    total = _size(info.get("max_total_tokens"))
    # Before version 2.1 it was called max_input_length.
    prompt = _size(info.get("max_input_tokens")) or _size(info.get("max_input_length"))
    if total is None or prompt is None:
        return total
    return min(total, prompt + min(1024, prompt // 3))


def _size(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1_000_000_000
    return value if known else None  # type: ignore[return-value]


def _room(found: re.Match[str]) -> int:
    return _number(found[1]) - _number(found[2])


def _number(digits: str) -> int:
    return int(digits[:12])  # a hostile server may send thousands
