"""How full the context of each conversation was at its last reply, and what was left out of it.

What was left out is the beginning of the path, so one message's id is enough to know it again at
the next start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chatdesk.chat.events import Started
from chatdesk.chat.messages import Message
from chatdesk.chat.tree import Tree
from chatdesk.store import State

# And the conversation's id: [window, how many are left out, the last of them]; kept where something
# is left out, and where a provider wrote the last reply: no model here knows its window.
_KEY = "context."


@dataclass(frozen=True, slots=True)
class Filling:
    """How full the context window was at the last reply. Tokens; window None: unknown.

    estimated: used is an estimate. remote: a provider wrote the reply.
    """

    used: int
    window: int | None
    left_out: int
    estimated: bool = False
    remote: bool = False


class Contexts:
    """Belongs to the GUI thread; methods that read or save raise StoreError."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._left_out: dict[str, frozenset[str]] = {}
        self._filling: dict[str, Filling] = {}

    def left_out(self, conversation_id: str, tree: Tree) -> frozenset[str]:
        """The ids of the messages that the model did not see at the last reply."""
        known = self._left_out.get(conversation_id)
        if known is None:
            saved = self._saved(conversation_id)
            last = saved[2] if saved else None
            known = frozenset(m.id for m in tree.upwards(last)) if last in tree else frozenset()
            self._left_out[conversation_id] = known
        return known

    def filling(self, conversation_id: str, tree: Tree) -> Filling | None:
        """How full the context is; None before the first reply."""
        known = self._filling.get(conversation_id)
        if known is not None:
            return known
        for message in tree.upwards():
            usage = message.usage
            if usage is not None and usage.prompt_tokens is not None:
                used = usage.prompt_tokens + (usage.completion_tokens or 0)
                window, count, _last = self._saved(conversation_id) or (None, 0, None)
                known = Filling(used, window, count, usage.estimated, message.provider is not None)
                self._filling[conversation_id] = known
                return known
        return None

    def started(self, conversation_id: str, tree: Tree, event: Started) -> frozenset[str]:
        """A reply has its prompt; returns the ids of messages that are left out now or were."""
        before = self.left_out(conversation_id, tree)
        now = frozenset(event.left_out)
        self._left_out[conversation_id] = now
        self._filling[conversation_id] = Filling(
            event.prompt_tokens or 0,
            event.context_window,
            len(now),
            event.estimated,
            bool(event.provider),
        )
        last = event.left_out[-1] if now else None
        value = (event.context_window, len(now), last) if now or event.provider else None
        if value != self._saved(conversation_id):
            self._state.set(_KEY + conversation_id, value)
        return now ^ before

    def finished(self, message: Message) -> None:
        """A reply has its end, and with it the figures that count."""
        known = self._filling.get(message.conversation_id)
        usage = message.usage
        if known is not None and usage is not None and usage.prompt_tokens:
            used = usage.prompt_tokens + (usage.completion_tokens or 0)
            self._filling[message.conversation_id] = replace(
                known, used=used, estimated=usage.estimated
            )

    def _saved(self, conversation_id: str) -> tuple[int | None, int, str | None] | None:
        saved = self._state.get(_KEY + conversation_id)
        return tuple(saved) if saved else None
