"""What a server's refusal means, in words: its HTTP status and its own message.

Servers agree on statuses but not on bodies, so the message is looked for wherever any of them puts
it, and what it is about is recognised by the words that they use.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from chatdesk.errors import ChatdeskError, ContextOverflow, Remedy
from chatdesk.providers.remote.problems import (
    Again,
    KeyProblem,
    NoSuchModel,
    NotThisApi,
    ServerProblem,
    address_remedy,
    entry_remedy,
    key_remedy,
    server_words,
)

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profile

_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ]size|context[_ ]window|maximum context|exceed_context"
    r"|prompt is too long|too many tokens|too large for model with|input is too long"
    r"|inputs? tokens? (?:\+|must)|reduce the length",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model[_ ]not[_ ](?:found|exist|available)|invalid[_ ]model|unknown model|no such model"
    r"|not a valid model|models? ['\"`]?[^\s'\"`]{1,200}['\"`]? (?:does not exist|not found|is not)"
    r"|the model .{0,200}(?:does not exist|not found|not available)|model_not_available",
    re.IGNORECASE | re.DOTALL,
)
_NO_MONEY = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|funds)|exceeded your current quota|credit balance"
    r"|billing|payment required|out of credits",
    re.IGNORECASE,
)
_LOADING = re.compile(r"loading|warming|starting|not ready", re.IGNORECASE)
_TLS_WANTED = re.compile(r"https port|ssl-enabled|tls handshake|speaks tls", re.IGNORECASE)

# Longer than any server asks for; keeps dates and sums within what Python can hold.
_LONGEST_AFTER_S = 10 * 365 * 86_400.0
_QUOTED = 200  # characters of a server's message that go into the first sentence


@dataclass(frozen=True, slots=True)
class Refusal:
    """A server's answer that is no reply, taken apart. words: its own message, fit to be shown.

    body: the parsed JSON, None where it was none. code, kind, parameter: what OpenAI's form has in
    "code", "type" and "param", "" where there is nothing. html: it is a web page.
    """

    status: int
    words: str = ""
    code: str = ""
    kind: str = ""
    parameter: str = ""
    body: Any = None
    html: bool = False
    after: float | None = None
    may_repeat: bool = True

    @property
    def about(self) -> str:
        """All that may say what it is about."""
        return f"{self.words} {self.code} {self.kind}"

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], content: bytes) -> Refusal:
        """Take an answer apart, whatever it is."""
        text = content.decode("utf-8", "replace").strip()
        html = "html" in headers.get("content-type", "").lower() or text[:1] == "<"
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        refusal = cls.of(status, body)
        words = refusal.words or (_title(text) if html else server_words(text))
        return cls(
            status,
            words,
            refusal.code,
            refusal.kind,
            refusal.parameter,
            body,
            html and body is None,
            retry_after(headers),
            headers.get("x-should-retry", "").lower() != "false",
        )

    @classmethod
    def of(cls, status: int, body: Any) -> Refusal:
        """Take an error apart that came as JSON, or within a stream."""
        inner = body
        if isinstance(body, dict) and body.get("error"):
            inner = body["error"]
        if not isinstance(inner, dict):
            return cls(status, server_words(_text(inner)), body=body)
        message = next(
            (inner[name] for name in ("message", "detail", "error", "msg", "reason")
             if inner.get(name)),
            "",
        )  # fmt: skip
        return cls(
            status,
            server_words(_text(message)),
            _short(inner.get("code")),
            _short(inner.get("type")),
            _short(inner.get("param")),
            body,
        )


def refusal_problem(
    refusal: Refusal, profile: Profile, *, model: str = "", keyed: bool = True
) -> ChatdeskError:
    """The error that a refusal is. keyed: a key was sent."""
    return _Words(refusal, profile, model, keyed).problem()


def stream_problem(body: Any, profile: Profile, *, model: str = "") -> ChatdeskError:
    """The error that a server told within a stream, where there is no status."""
    refusal = Refusal.of(0, body)
    status = next(
        (int(code) for code in (refusal.code, _short(_get(body, "status")))
         if code.isdigit() and 400 <= int(code) < 600),
        0,
    )  # fmt: skip
    if status or _TOO_LONG.search(refusal.about) or _NO_MONEY.search(refusal.about):
        known = Refusal(
            status or 400, refusal.words, refusal.code, refusal.kind, refusal.parameter, body
        )
        return refusal_problem(known, profile, model=model)
    return ServerProblem(
        f"{profile.name} reported an error" + _quoted(refusal.words),
        "Try again.",
        again="few",
        why=f"{profile.name} reported an error",
        detail=_detail(refusal),
    )


def unreadable(profile: Profile, content_type: str, detail: str = "") -> NotThisApi:
    """The error that an answer is which is no answer of this API at all."""
    if "html" in content_type.lower():
        what = f"{profile.base_url} answers with a web page, not with a model's reply."
    else:
        what = f"What {profile.base_url} answers cannot be read: it is no OpenAI-compatible API."
    return NotThisApi(
        what,
        "Check the base URL. Most end in /v1.",
        remedy=address_remedy(profile),
        detail=server_words(f"Content-Type: {content_type or 'none'}. {detail}"),
    )


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """For how many seconds the server wants to be left alone; None where it does not say.

    Retry-After has seconds or a date; retry-after-ms is OpenAI's and more exact. Never negative.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if not math.isnan(seconds):
            return min(max(0.0, seconds), _LONGEST_AFTER_S)
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    left = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(0.0, left), _LONGEST_AFTER_S)


class _Words:
    """One refusal, put into words."""

    def __init__(self, refusal: Refusal, profile: Profile, model: str, keyed: bool) -> None:
        self._refusal = refusal
        self._profile = profile
        self._name = profile.name
        self._model = model
        self._keyed = keyed

    def problem(self) -> ChatdeskError:
        refusal = self._refusal
        status = refusal.status
        if status in (400, 413, 422, 500) and _TOO_LONG.search(refusal.about):
            return self._too_long()
        if self._model and status in (400, 403, 404, 422) and _NO_MODEL.search(refusal.about):
            return self._no_model()
        if status == 402 or (status in (400, 403, 429) and _NO_MONEY.search(refusal.about)):
            return self._no_money()
        if status == 401 or (status == 403 and not self._keyed):
            return self._key()
        if status == 403:
            return self._problem(
                f"{self._name} does not allow this{_quoted(refusal.words)}",
                "The key may lack a permission, or the model may not be open to your account.",
            )
        if status in (404, 405, 501):
            return self._nothing_there()
        if status == 429:
            return self._problem(
                f"{self._name} takes no more requests for now.",
                "Wait a little and try again, or choose another model.",
                "soon",
                f"{self._name} is busy",
            )
        if status == 503 and _LOADING.search(refusal.words):
            return self._problem(
                f"{self._name} is still loading its model.",
                "Try again in a moment.",
                "soon",
                f"{self._name} is loading its model",
            )
        if status in (408, 409, 425) or status >= 500:
            return self._problem(
                f"{self._name} has a problem (HTTP {status}){_quoted(refusal.words)}",
                "Try again later, or choose another model.",
                "soon",
                f"{self._name} has a problem",
            )
        if refusal.html:
            return self._web_page()
        if status < 400:
            return self._problem(
                f"{self._name} gave no answer but pointed elsewhere (HTTP {status}).",
                "Check the base URL.",
                remedy=address_remedy(self._profile),
            )
        return self._problem(
            f"{self._name} did not accept the request{_quoted(refusal.words)}",
            f"{'Change what it names' if refusal.words else 'Change the parameters'}, or choose "
            "another model.",
        )

    def _too_long(self) -> ContextOverflow:
        window = _window(self._refusal)
        size = f" of {window:,} tokens" if window else ""
        return ContextOverflow(
            f"The conversation does not fit in the model's context window{size}.",
            "Set the provider's context size, so that older messages are left out, or begin a new "
            "conversation.",
            remedy=entry_remedy(self._profile, "the context size", "--context-size N"),
            detail=_detail(self._refusal),
        )

    def _no_model(self) -> NoSuchModel:
        return NoSuchModel(
            f"{self._name} has no model {server_words(self._model, 100)}.",
            "Choose another one, or correct its name.",
            status=self._refusal.status,
            detail=_detail(self._refusal),
        )

    def _no_money(self) -> ServerProblem:
        return self._problem(
            f"The quota of this key at {self._name} is used up, or the account has no credit.",
            f"See the account's page at {self._name}, or choose another model.",
        )

    def _key(self) -> KeyProblem:
        if self._keyed:
            what, verb = f"{self._name} does not accept the key.", "Replace"
            advice = "It may be mistyped, or no longer valid."
        else:
            what, verb = f"{self._name} wants a key, and there is none.", "Add"
            advice = ""
        return KeyProblem(
            what,
            advice,
            remedy=key_remedy(self._profile, verb),
            status=self._refusal.status,
            detail=_detail(self._refusal),
        )

    def _nothing_there(self) -> ServerProblem:
        if self._refusal.html:
            return self._web_page()
        return NotThisApi(
            f"There is nothing like this API at {self._profile.base_url} "
            f"(HTTP {self._refusal.status}).",
            "Check the base URL: most end in /v1. If it is right, check the model's name.",
            remedy=address_remedy(self._profile),
            status=self._refusal.status,
            detail=_detail(self._refusal),
        )

    def _web_page(self) -> NotThisApi:
        advice = "Check the base URL. Most end in /v1."
        if _TLS_WANTED.search(self._refusal.words):
            advice = "Begin the base URL with https://."
        return NotThisApi(
            f"{self._profile.base_url} answers with a web page (HTTP {self._refusal.status}).",
            advice,
            remedy=address_remedy(self._profile),
            status=self._refusal.status,
            detail=_detail(self._refusal),
        )

    def _problem(
        self,
        what: str,
        advice: str,
        again: Again = None,
        why: str = "",
        remedy: Remedy | None = None,
    ) -> ServerProblem:
        refusal = self._refusal
        return ServerProblem(
            what,
            advice,
            remedy=remedy,
            again=again if refusal.may_repeat else None,
            after=refusal.after,
            status=refusal.status,
            why=why,
            retryable=again is not None,
            detail=_detail(refusal),
        )


def _window(refusal: Refusal) -> int | None:
    """The window that a refusal names: the number that stands beside the word."""
    told = _get(_get(refusal.body, "error"), "n_ctx")
    if isinstance(told, int) and 0 < told < 1_000_000_000:
        return told
    found = re.search(
        r"(?:maximum context length (?:is|of)|context (?:size|window|length)(?: \(| of| is)?)"
        r"\s*\(?(\d[\d,]{2,11})",
        refusal.words,
        re.IGNORECASE,
    )
    return int(found[1].replace(",", "")) if found else None


def _detail(refusal: Refusal) -> str:
    status = f"HTTP {refusal.status}" if refusal.status else ""
    return ": ".join(part for part in (status, refusal.words) if part)


def _quoted(words: str) -> str:
    """The end of a sentence that repeats what the server said."""
    if not words:
        return "."
    short = words if len(words) <= _QUOTED else f"{words[:_QUOTED].rstrip()}..."
    return f": {short}" if short[-1:] in ".!?" else f": {short}."


def _title(page: str) -> str:
    """The title of a web page, which says more than its markup."""
    found = re.search(r"<title[^>]{0,200}>(.{1,500}?)</title", page, re.IGNORECASE | re.DOTALL)
    return server_words(found[1]) if found else ""


def _text(message: Any) -> str:
    """A message as text: a string, or FastAPI's list of what is wrong where."""
    if isinstance(message, dict):
        return _text(message.get("message") or message.get("detail") or "")
    if isinstance(message, list):
        return "; ".join(_where(each) for each in message[:5])
    return message if isinstance(message, str) else ""


def _where(problem: Any) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    place = problem.get("loc")
    names = ".".join(str(each) for each in place[:6]) if isinstance(place, list) else ""
    return ": ".join(part for part in (names, str(problem.get("msg", ""))) if part)


def _short(value: Any) -> str:
    return str(value)[:100] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
