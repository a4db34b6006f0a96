"""The context budget: which messages of a conversation are sent to the model.

The oldest turns are left out first. The system prompt is never left out, no message is cut in
half, and a reply is never sent without the message it answers. When something must be left out,
more than necessary is (down to RELIEF of the room), and the same cut is kept while it still fits:
each new cut makes the KV cache's prefix useless, so cutting one turn per message would evaluate
the whole window anew for every message of a long conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage
from chatdesk.errors import ContextOverflow

# Of the room for messages, how much a new cut fills. Three quarters leave room for a quarter
# window of conversation until the next cut.
RELIEF = 0.75


@dataclass(frozen=True, slots=True)
class Fit:
    """kept and left_out together are the messages given; tokens counts the kept ones."""

    kept: tuple[PromptMessage, ...]
    left_out: tuple[PromptMessage, ...]
    tokens: int


def reply_reserve(window: int, max_tokens: int) -> int:
    """Tokens of the context window kept free for the reply.

    max_tokens where it is set, at most half of the window; else a quarter, at most 1,024.
    """
    if max_tokens > 0:
        return max(1, min(max_tokens, window // 2))
    return max(1, min(1024, window // 4))


def bound_history(messages: Sequence[PromptMessage], history: int) -> int:
    """How many of the first turn messages a bound of `history` past messages leaves out.

    messages without the system prompt. The last message is the new one and is not counted. A cut
    never separates a reply from the message before it, so one more may be left out.
    """
    if history <= 0 or len(messages) <= history + 1:
        return 0
    return _next_turn(messages, len(messages) - 1 - history)


def fit(
    messages: Sequence[PromptMessage],
    count: Callable[[PromptMessage], int],
    room: int,
    *,
    history: int = 0,
    keep_from: str | None = None,
) -> Fit:
    """Choose what is sent.

    count gives the tokens of one message as the template writes it (called for kept messages and
    at most one more turn, so its cost does not grow with the conversation); room is in tokens.
    keep_from: the id of the first kept message of the conversation's last cut, if there was one.
    Raises ContextOverflow when the system prompt and the last message do not fit.
    """
    head = 1 if messages and messages[0].role is Role.SYSTEM else 0
    system, turns = messages[:head], messages[head:]
    fixed = sum(count(message) for message in system)
    if not turns:
        return Fit(tuple(system), (), fixed)
    needed = fixed + count(turns[-1])
    if needed > room:
        raise ContextOverflow(
            f"The message does not fit in the context window: it needs {needed:,} tokens and "
            f"{max(room, 0):,} are free.",
            "Shorten it, or choose a larger context size in the settings.",
        )
    first = bound_history(turns, history)
    start, tokens = _longest_suffix(turns, count, room - fixed, first)
    if start > first:
        kept_before = next(
            (
                index
                for index, message in enumerate(turns)
                if keep_from and message.id == keep_from and message.role is not Role.ASSISTANT
            ),
            None,
        )
        if kept_before is not None and kept_before >= start:
            start = kept_before
            tokens = sum(count(message) for message in turns[start:])
        else:
            start, tokens = _longest_suffix(turns, count, int(room * RELIEF) - fixed, first)
    return Fit((*system, *turns[start:]), tuple(turns[:start]), fixed + tokens)


def _longest_suffix(
    turns: Sequence[PromptMessage], count: Callable[[PromptMessage], int], room: int, first: int
) -> tuple[int, int]:
    """(start, tokens) of the longest suffix of whole turns that fits; the last message always."""
    start = len(turns) - 1
    tokens = total = count(turns[start])
    for index in range(len(turns) - 2, first - 1, -1):
        total += count(turns[index])
        if total > room:
            break
        if turns[index].role is not Role.ASSISTANT or index == 0:
            start, tokens = index, total
    return start, tokens


def _next_turn(turns: Sequence[PromptMessage], start: int) -> int:
    """The first index from start on that does not begin with a reply."""
    while start < len(turns) - 1 and turns[start].role is Role.ASSISTANT:
        start += 1
    return start
