"""What of a conversation is sent to a server: the context budget, with estimates.

The same rules as for a local model (chat/budget.py), but the tokens of a server's model can only be
estimated, so a part of the window is kept free for the error.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from chatdesk.chat.budget import fit, reply_reserve
from chatdesk.chat.estimate import estimate_tokens
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ContextOverflow

# What chat templates write around a message: role, beginning and end.
_AROUND = 5
# Of the window, how much is kept free because counts are estimates. A long conversation's estimate
# is seldom further off (see estimate.py), and servers refuse what does not fit.
_CAUTION = 0.1
_CUTS = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """messages: what is sent. left_out: ids of what is not. tokens: an estimate of what is sent."""

    messages: tuple[PromptMessage, ...]
    left_out: tuple[str, ...]
    tokens: int


class Planner:
    """Remembers where conversations were cut, so that a cut stays. Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._cuts: OrderedDict[tuple[str, str], str] = OrderedDict()

    def plan(self, request: Request, model: str, window: int | None) -> Plan:
        """Choose what is sent to a model ("id:model"). window None: all that the bound allows.

        Raises ContextOverflow where the newest message alone does not fit.
        """
        begun = estimate_tokens(request.continuation)
        if window is None:
            # Only the person's own bound of past messages counts.
            room = 1 << 62
        else:
            room = int(window * (1 - _CAUTION)) - begun
            room -= reply_reserve(window, request.parameters.max_tokens)
        if request.continuation and room <= 0:
            raise ContextOverflow(
                "This reply fills the model's context window, so it cannot go on.",
                "Begin a new conversation, or choose a model with a larger context window.",
            )
        place = (model, request.conversation_id)
        chosen = fit(
            request.messages,
            _count,
            room,
            history=request.history,
            keep_from=self._cuts.get(place),
        )
        left_out = tuple(message.id for message in chosen.left_out)
        first = next((m.id for m in chosen.kept if m.role is not Role.SYSTEM), "")
        self._remember(place, first if left_out else "")
        return Plan(chosen.kept, left_out, chosen.tokens + begun)

    def _remember(self, place: tuple[str, str], first: str) -> None:
        self._cuts.pop(place, None)
        if first:
            self._cuts[place] = first
            if len(self._cuts) > _CUTS:
                self._cuts.popitem(last=False)


def _count(message: PromptMessage) -> int:
    return estimate_tokens(message.content) + _AROUND
