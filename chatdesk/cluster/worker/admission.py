"""What a worker refuses: requests that are too large, and users who ask for too much.

Each worker counts for itself, and knows users by the names that the server made them prove. Whoever
is not known by a name (subjects.ANYONE) cannot be told from others, so limits per user do not hold
for them; they do not hold either for the users that the operator excepts, such as the dataflow's
own, which asks for everybody.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Request
from chatdesk.errors import ChatdeskError, ProviderError, UsageError
from chatdesk.providers.nats.subjects import ANYONE

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """0: no limit. request_bytes: one request as it is sent. messages: in one request. max_tokens:
    of one reply. The others are for each user: runs: at once, waiting ones too. requests, tokens:
    in a minute; tokens are those that were evaluated and written. unlimited: users who may do that
    as they like.
    """

    request_bytes: int = 1_000_000
    messages: int = 2_000
    max_tokens: int = 0
    runs: int = 8
    requests: int = 60
    tokens: int = 100_000
    unlimited: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Account:
    """What a user did in the last minute. spent: (when, tokens)."""

    asked: deque[float] = field(default_factory=deque)
    spent: deque[tuple[float, int]] = field(default_factory=deque)


class Gate:
    """Says no in words. clock: seconds that never go back."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def check_size(self, size: int) -> None:
        """Raises UsageError for a message of too many bytes."""
        most = self._limits.request_bytes
        if most and size > most:
            raise UsageError(
                f"The conversation is too long for this worker: {size:,} of {most:,} bytes.",
                "Begin a new conversation, or send fewer messages of this one.",
            )

    def check_request(self, request: Request) -> None:
        """Raises UsageError for what is too large in a request."""
        limits = self._limits
        count = len(request.messages)
        if limits.messages and count > limits.messages:
            raise UsageError(
                f"The conversation is too long for this worker: {count:,} of "
                f"{limits.messages:,} messages.",
                "Begin a new conversation, or send fewer messages of this one.",
            )
        wanted = request.parameters.max_tokens
        if limits.max_tokens and wanted > limits.max_tokens:
            raise UsageError(
                f"This worker writes at most {limits.max_tokens:,} tokens in one reply.",
                "Ask for fewer.",
            )

    def admit(self, user: str, runs: int) -> None:
        """Count a request of this user, who has `runs` others here. Raises ProviderError."""
        if user == ANYONE or user in self._limits.unlimited:
            return
        limits, now = self._limits, self._clock()
        account = self._accounts.setdefault(user, _Account())
        _forget_old(account, now)
        if limits.runs and runs >= limits.runs:
            raise _try_later(
                f"{_counted(runs, 'other reply', 'other replies')} of yours "
                f"{'is' if runs == 1 else 'are'} being written or waited for; more are not "
                "allowed at once.",
                "Wait for one of them, or stop one.",
            )
        if limits.requests and len(account.asked) >= limits.requests:
            seconds = _left(account.asked[0], now)
            raise _try_later(
                f"You asked {_counted(limits.requests, 'time', 'times')} within a minute, which is "
                "as often as is allowed.",
                f"Try again in {seconds} s.",
            )
        if limits.tokens and sum(count for _, count in account.spent) >= limits.tokens:
            seconds = _left(account.spent[0][0], now)
            raise _try_later(
                f"You have used the {limits.tokens:,} tokens that are allowed within a minute.",
                f"Try again in {seconds} s.",
            )
        account.asked.append(now)

    def spend(self, user: str, usage: Usage) -> None:
        """Count what a reply of this user's cost."""
        if not self._limits.tokens or user == ANYONE or user in self._limits.unlimited:
            return
        prompt = max(0, (usage.prompt_tokens or 0) - (usage.cached_tokens or 0))
        tokens = prompt + (usage.completion_tokens or 0)
        if tokens:
            account = self._accounts.setdefault(user, _Account())
            account.spent.append((self._clock(), tokens))

    def forget_old(self) -> None:
        """Drop what is older than a minute, and the users of whom nothing is left."""
        now = self._clock()
        for user, account in list(self._accounts.items()):
            _forget_old(account, now)
            if not account.asked and not account.spent:
                del self._accounts[user]


def _forget_old(account: _Account, now: float) -> None:
    while account.asked and now - account.asked[0] >= MINUTE_S:
        account.asked.popleft()
    while account.spent and now - account.spent[0][0] >= MINUTE_S:
        account.spent.popleft()


def _left(since: float, now: float) -> int:
    return max(1, math.ceil(since + MINUTE_S - now))


def _counted(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _try_later(what: str, advice: str) -> ChatdeskError:
    return ProviderError(what, advice, retryable=True)
