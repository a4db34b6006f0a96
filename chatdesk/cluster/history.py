"""What of a user's conversation is sent to a model, and when its oldest turns are summarised.

Tokens are estimated: the model that counts exactly is at a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chatdesk.chat.budget import reply_reserve
from chatdesk.chat.estimate import estimate_tokens
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.cluster.dialogue import Ask, Turn

# What a chat template writes around a message, about.
_AROUND = 8
# The context window where no worker has told its own yet.
USUAL_WINDOW = 4096
# A summary is asked for when this part of the room is used, and replaces turns until half is free.
_FULL = 0.75
_AFTER = 0.5
SUMMARY_TOKENS = 200
_INTRODUCTION = "What was said before, in short:"
_WISH = (
    "Summarise the conversation above in a few sentences, for yourself, so that you can go on with "
    "it. Keep names, numbers, wishes and decisions. Write nothing but the summary."
)


def request_for(
    user: str,
    ask: Ask,
    *,
    system: str = "",
    turns: Sequence[Turn] | None = None,
    summary: str | None = None,
) -> Request:
    """The request that answers a prompt, with all that was said before it.

    turns, summary: in place of the ask's own.
    """
    turns = ask.turns if turns is None else turns
    head = _head(system, ask.summary if summary is None else summary)
    messages = [*head, *_messages(turns), PromptMessage(Role.USER, ask.prompt.text, ask.prompt.id)]
    return Request(
        conversation_id=f"user {user}",
        messages=tuple(messages),
        parameters=ask.prompt.parameters,
    )


def to_fold(ask: Ask, window: int, system: str = "") -> int:
    """How many of the oldest turns a summary should stand for; 0 while all of them fit."""
    room = window - reply_reserve(window, ask.prompt.parameters.max_tokens)
    fixed = sum(map(_tokens, _head(system, ask.summary))) + _tokens(
        PromptMessage(Role.USER, ask.prompt.text)
    )
    sizes = [sum(map(_tokens, _messages([turn]))) for turn in ask.turns]
    used = fixed + sum(sizes)
    if used <= room * _FULL:
        return 0
    folded = 0
    while folded < len(sizes) and used + SUMMARY_TOKENS > room * _AFTER:
        used -= sizes[folded]
        folded += 1
    return folded


def summary_request(user: str, ask: Ask, folded: int, window: int, system: str = "") -> Request:
    """The request for a summary of the oldest `folded` turns and of the summary before them."""
    turns = list(ask.turns[:folded])
    room = int(window * _FULL) - SUMMARY_TOKENS
    # A single turn may be longer than the window: what cannot be read cannot be summarised.
    while len(turns) > 1 and sum(map(_tokens, _messages(turns))) > room:
        turns.pop(0)
    return Request(
        conversation_id=f"user {user}",
        messages=(
            *_head(system, ask.summary),
            *_messages(turns),
            PromptMessage(Role.USER, _WISH),
        ),
        parameters=replace(
            SamplingParameters(), temperature=0.0, max_tokens=SUMMARY_TOKENS, seed=0
        ),
    )


def _head(system: str, summary: str) -> list[PromptMessage]:
    text = "\n\n".join(
        part for part in (system, f"{_INTRODUCTION}\n{summary}" if summary else "") if part
    )
    return [PromptMessage(Role.SYSTEM, text)] if text else []


def _messages(turns: Sequence[Turn]) -> list[PromptMessage]:
    messages: list[PromptMessage] = []
    for turn in turns:
        messages.append(PromptMessage(Role.USER, turn.prompt))
        messages.append(PromptMessage(Role.ASSISTANT, turn.reply))
    return messages


def _tokens(message: PromptMessage) -> int:
    return estimate_tokens(message.content) + _AROUND
