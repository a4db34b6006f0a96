"""What of a conversation goes into one prompt: the context budget with this model's own numbers.

Messages are counted by themselves, which is quick but not exact; the prompt that comes out is
counted exactly, and if it is too long more turns are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatdesk.chat.budget import fit, reply_reserve
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ContextOverflow, ProviderError
from chatdesk.providers.llama.cache import Cuts, MessageCounts
from chatdesk.providers.llama.prompt import Prompt, PromptBuilder
from chatdesk.providers.llama.template import Turn

# What a template writes around a message, where it cannot be measured.
_USUAL_OVERHEAD = 8
_PROBE = "x"


@dataclass(frozen=True, slots=True)
class Plan:
    """A prompt that leaves room for the reply, and the ids of the messages that are not in it."""

    prompt: Prompt
    left_out: tuple[str, ...]


class Planner:
    """Plans prompts for one model. Belongs to the thread that owns the model."""

    def __init__(self, builder: PromptBuilder, window: int) -> None:
        self._builder = builder
        self._window = window
        self._counts = MessageCounts(self._count)
        self._cuts = Cuts()
        self._overhead, self._fixed = self._measure()

    def plan(self, request: Request) -> Plan:
        """Choose what is sent and build its prompt.

        Raises ContextOverflow where the newest message alone does not fit, and ProviderError.
        """
        limit = self._window - reply_reserve(self._window, request.parameters.max_tokens)
        room = limit - self._fixed
        if request.continuation:
            room -= self._builder.count(request.continuation)
            if room <= 0:
                raise ContextOverflow(
                    "This reply fills the context window, so it cannot go on.",
                    "Choose a larger context size in the settings, or begin a new conversation.",
                )
        keep_from = self._cuts.get(request.conversation_id)
        while True:
            chosen = fit(
                request.messages, self._counts, room, history=request.history, keep_from=keep_from
            )
            prompt = self._builder.build(_turns(chosen.kept), request.continuation)
            excess = len(prompt.tokens) - limit
            if excess <= 0:
                break
            # The count was too low: the exact prompt shows by how much.
            room = min(room, chosen.tokens) - excess
        left_out = tuple(message.id for message in chosen.left_out)
        first = next((m.id for m in chosen.kept if m.role is not Role.SYSTEM), None)
        self._cuts.set(request.conversation_id, first if left_out else None)
        return Plan(prompt, left_out)

    def _count(self, message: PromptMessage) -> int:
        return self._builder.count(message.content) + self._overhead

    def _measure(self) -> tuple[int, int]:
        """(what the template writes around each message, what it writes once), in tokens."""
        user, reply = Turn(Role.USER, _PROBE), Turn(Role.ASSISTANT, _PROBE)
        content = self._builder.count(_PROBE)
        try:
            one = len(self._builder.build([user]).tokens)
            three = len(self._builder.build([user, reply, user]).tokens)
        except ProviderError:
            # The template wants more than a probe; plan() corrects the estimate.
            return _USUAL_OVERHEAD, _USUAL_OVERHEAD
        overhead = max(0, (three - one - 2 * content + 1) // 2)
        return overhead, max(0, one - content - overhead)


def _turns(messages: Sequence[PromptMessage]) -> list[Turn]:
    return [Turn(message.role, message.content) for message in messages]
