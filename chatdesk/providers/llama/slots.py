"""The places of a shared context: what each sequence holds, and which one a request gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatdesk.providers.llama.cache import common_prefix
from chatdesk.providers.llama.reply import Reply
from chatdesk.providers.llama.run import LlamaRun
from chatdesk.providers.llama.sampler import Sampler


@dataclass(eq=False, slots=True)
class Writing:
    """A reply that is being written. order: the older the request, the smaller."""

    run: LlamaRun
    prompt: list[int]
    reply: Reply
    sampler: Sampler
    order: int

    @property
    def length(self) -> int:
        """Tokens of the prompt and of what is written so far."""
        return len(self.prompt) + len(self.reply.written)

    def part(self, start: int, count: int) -> list[int]:
        """The tokens from a place on, of the prompt and behind it of the reply."""
        behind = start - len(self.prompt)
        if behind >= 0:
            return self.reply.written[behind : behind + count]
        tokens = self.prompt[start : start + count]
        return tokens + self.reply.written[: count - len(tokens)]


@dataclass(eq=False, slots=True)
class Slot:
    """One sequence. tokens: what it holds in the KV cache, kept when its reply has ended.

    number: the sequence's id. conversation: whose tokens these are, "" if nobody's. used: when it
    was last used, as a count; 0: never.
    """

    number: int
    tokens: list[int] = field(default_factory=list)
    conversation: str = ""
    used: int = 0
    writing: Writing | None = None

    @property
    def rest(self) -> int:
        """How many tokens are to be evaluated before the next one can be chosen."""
        return self.writing.length - len(self.tokens) if self.writing is not None else 0


def choose(idle: Sequence[Slot], prompt: Sequence[int], conversation: str = "") -> Slot:
    """The slot for a prompt: the one that begins like it, else the longest unused.

    Most prompts begin alike, with a system prompt for instance. That alone is no reason to
    overwrite a long conversation which may go on: a slot counts only where more of it is kept than
    lost, or where it is of the same conversation, whose past nobody will ask for again.
    """
    best: tuple[int, int, Slot] | None = None
    for slot in idle:
        kept = common_prefix(slot.tokens, prompt)
        same = bool(conversation) and slot.conversation == conversation
        if not kept or not (same or 2 * kept > len(slot.tokens)):
            continue
        if best is None or (kept, slot.used) > best[:2]:
            best = kept, slot.used, slot
    return best[2] if best is not None else min(idle, key=lambda slot: slot.used)
