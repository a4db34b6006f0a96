"""Sampling parameters in the words of OpenAI-compatible servers, and what they refuse.

A server that refuses a parameter names it, in one of many forms. It is left out of the next
request, and of all later ones to that model in this run of the application.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from chatdesk.chat.messages import SamplingParameters
from chatdesk.providers.remote.answers import Refusal

# Names that servers have for what is beyond OpenAI's own parameters. Elsewhere they are not sent:
# OpenAI, Mistral, Groq and DeepSeek refuse them, TGI and Ollama ignore them in this API.
_MORE: dict[str, dict[str, str]] = {
    "llama-server": {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repeat_penalty"},
    "lmstudio": {"top_k": "top_k", "repeat_penalty": "repeat_penalty"},
    "vllm": {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"},
    "openrouter": {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"},
    "together": {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"},
}
_OFF = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}
# Where a step that is not mentioned is not off: these have defaults of their own.
_OWN_DEFAULTS = frozenset(["llama-server", "lmstudio"])

# What the settings call them.
_LABELS = {
    "temperature": "Temperature",
    "top_p": "Top-p",
    "top_k": "Top-k",
    "min_p": "Min-p",
    "repeat_penalty": "Repeat penalty",
    "repetition_penalty": "Repeat penalty",
    "max_tokens": "Longest reply",
    "max_completion_tokens": "Longest reply",
    "seed": "Seed",
    "random_seed": "Seed",
}
# Left out without a word: the person set nothing of the kind, or Chatdesk does it itself.
_SILENT = frozenset(["stream_options", "stop", "prefix"])

_MOST_STOPS = 4  # what most servers take; all are looked for in the text anyway
_PLACES = 256

_NOT_TAKEN = (
    r"unsupported|not supported|not permitted|not allowed|extra (?:fields|inputs)|unrecognized"
    r"|unknown|unexpected|does not support|doesn't support|invalid|forbidden|deprecated|must be"
    r"|should be|out of range|too (?:large|small|many|high|long)|only .{0,60} supported"
    r"|cannot be (?:used|set|greater|less)|not available|exceeds?|at most|at least"
)
_REFUSED = re.compile(_NOT_TAKEN, re.IGNORECASE)
_NO_SYSTEM = re.compile(
    r"(?:system|developer) (?:role|message|prompt|instruction)s?.{0,40}"
    r"(?:not |un)(?:supported|enabled|allowed)"
    r"|does not support (?:the )?(?:system|developer)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Ways:
    """How one model at one server wants to be asked, as far as it was found out.

    dropped: names of parameters it refused. renamed: what it calls others. folded: it takes no
    system message, so that text goes before the first message of the person. reasons: it says why
    a reply ends. mute: the run for which it last promised a stream and sent nothing.
    """

    dropped: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    folded: bool = False
    reasons: bool = False
    mute: str = ""


class Manners:
    """The ways of all models, for the run of the process. Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._ways: OrderedDict[tuple[str, str], Ways] = OrderedDict()

    def of(self, base_url: str, model: str) -> Ways:
        place = (base_url, model)
        ways = self._ways.setdefault(place, Ways())
        self._ways.move_to_end(place)
        if len(self._ways) > _PLACES:
            self._ways.popitem(last=False)
        return ways


def wire_parameters(kind: str, wanted: SamplingParameters, ways: Ways) -> dict[str, Any]:
    """The parameters as a server of this kind takes them, without those it refused."""
    own_defaults = kind in _OWN_DEFAULTS
    found: dict[str, Any] = {"temperature": wanted.temperature}
    # With temperature 0 there is nothing to choose among, and Mistral refuses other words.
    if wanted.temperature > 0 and (own_defaults or wanted.top_p != _OFF["top_p"]):
        found["top_p"] = wanted.top_p
    for name, wire in _MORE.get(kind, {}).items():
        value = getattr(wanted, name)
        if own_defaults or value != _OFF[name]:
            found[wire] = value
    if wanted.max_tokens > 0:
        found["max_completion_tokens" if kind == "openai" else "max_tokens"] = wanted.max_tokens
    if wanted.seed is not None:
        found["random_seed" if kind == "mistral" else "seed"] = wanted.seed
    if wanted.stop:
        found["stop"] = list(wanted.stop[:_MOST_STOPS])
    if kind != "mistral":  # it tells usage unasked and refuses what it does not know
        found["stream_options"] = {"include_usage": True}
    return {
        ways.renamed.get(name, name): value
        for name, value in found.items()
        if name not in ways.dropped and ways.renamed.get(name, name) not in ways.dropped
    }


def learn(ways: Ways, sent: dict[str, Any], refusal: Refusal) -> list[str] | None:
    """Find out which parameters a refusal is about, and leave them out from now on.

    sent: the whole body of the request. Returns what the settings call them (may be empty), or
    None where the refusal is about something else.
    """
    if refusal.status not in (400, 422):
        return None
    if not ways.folded and _NO_SYSTEM.search(refusal.words) and _has_system(sent):
        ways.folded = True
        return []
    named = _named(set(sent) - {"model", "messages", "stream"}, refusal)
    if not named:
        return None
    labels: list[str] = []
    for name in sorted(named):
        other = _other_name(name, refusal.words)
        if other is not None and other not in ways.dropped and name not in ways.renamed.values():
            ways.renamed[name] = other
            continue
        ways.dropped.add(name)
        if name not in _SILENT:
            labels.append(_LABELS.get(name, name))
    return list(dict.fromkeys(labels))


def _named(candidates: set[str], refusal: Refusal) -> set[str]:
    """Which of the parameters a refusal names."""
    # The form of OpenAI and its followers; "stream_options.include_usage" and the like too.
    exact = refusal.parameter.partition(".")[0].partition("[")[0]
    if exact in candidates:
        return {exact}
    places = set(_locations(refusal.body))
    if places & candidates:
        return places & candidates
    if not (_REFUSED.search(refusal.words) or _REFUSED.search(refusal.code)):
        return set()
    quoted = {
        name
        for name in candidates
        if re.search(rf"[\"'`({{\[]\s*{name}\s*[\"'`)}}\],:]", refusal.words)
    }
    if quoted:
        return quoted
    # "stop" and "seed" are words as well; the others are not.
    return {
        name
        for name in candidates - {"stop", "seed", "prefix"}
        if re.search(rf"(?<![\w.]){name}(?!\w)", refusal.words)
    } or {
        name
        for name in candidates & {"stop", "seed"}
        if re.search(
            rf"\b(?:parameter|argument|field|property|input|option)s?(?: supplied)?:? {name}\b"
            rf"|^{name}\b|body\.{name}\b",
            refusal.words,
            re.IGNORECASE,
        )
    }


def _locations(body: Any, depth: int = 0) -> list[str]:
    """The names in FastAPI's "loc" lists, wherever they stand in a body."""
    if depth > 6:
        return []
    found: list[str] = []
    if isinstance(body, dict):
        place = body.get("loc")
        if isinstance(place, list | tuple):
            found += [name for name in place[:6] if isinstance(name, str)]
        for value in list(body.values())[:50]:
            found += _locations(value, depth + 1)
    elif isinstance(body, list):
        for value in body[:50]:
            found += _locations(value, depth + 1)
    elif isinstance(body, str) and "'loc':" in body[:10_000]:
        # vLLM writes the list into its message.
        for place in re.findall(r"'loc': \(([^)]{1,200})\)", body[:10_000]):
            found += re.findall(r"'(\w+)'", place)
    return found


def _other_name(name: str, words: str) -> str | None:
    """The name that a refusal wants in place of another."""
    pairs = {
        "max_tokens": "max_completion_tokens",
        "max_completion_tokens": "max_tokens",
        "seed": "random_seed",
        "random_seed": "seed",
    }
    other = pairs.get(name)
    if other is None:
        return None
    if re.search(rf"(?<!\w){other}(?!\w)", words):
        return other
    # Who does not know the new name knows the old one.
    return other if name == "max_completion_tokens" else None


def _has_system(sent: dict[str, Any]) -> bool:
    return any(message.get("role") == "system" for message in sent.get("messages", []))
