"""What leaves when a conversation is answered elsewhere: told before a person agrees to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chatdesk.chat.budget import bound_history
from chatdesk.chat.estimate import estimate_tokens
from chatdesk.chat.messages import Conversation, Message, Role
from chatdesk.chat.provider import PromptMessage
from chatdesk.session.requests import prompt_of, system_prompt_of
from chatdesk.settings import Settings


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What of a conversation goes along with its next message, at most.

    messages: earlier messages of the active path. left_out: those that are not sent because the
    settings bound how many are. characters and tokens count the messages and the system prompt;
    tokens is an estimate. Other branches, reasoning and drafts are never sent.
    """

    messages: int
    left_out: int
    system_prompt: bool
    characters: int
    tokens: int

    def told(self, receiver: str) -> str:
        """In plain sentences, for a person who is about to choose; receiver: "Mistral"."""
        parts = []
        if self.messages == 1:
            parts.append("the earlier message of this conversation")
        elif self.messages:
            parts.append(f"the {self.messages:,} earlier messages of this conversation")
        if self.system_prompt:
            parts.append("the system prompt")
        if not parts:
            return f"Only what you write from now on is sent to {receiver}."
        verb = "are" if len(parts) > 1 or self.messages > 1 else "is"
        told = (
            f"With your next message, {' and '.join(parts)} ({self._size()}) {verb} sent to "
            f"{receiver}."
        )
        if self.left_out:
            which = f"{self.left_out:,} messages are" if self.left_out > 1 else "message is"
            told += f" The oldest {which} not sent: the settings limit how many are."
        return told

    def _size(self) -> str:
        characters = f"{self.characters:,} character{'' if self.characters == 1 else 's'}"
        return f"{characters}, about {self.tokens:,} token{'' if self.tokens == 1 else 's'}"


def outgoing(conversation: Conversation, path: Iterable[Message], settings: Settings) -> Outgoing:
    """What the conversation's next message takes along to whoever answers it. Pure.

    path: the active path. A provider whose context window is smaller sends less.
    """
    turns = prompt_of(path)
    coming = PromptMessage(Role.USER, "", "")
    left_out = bound_history([*turns, coming], settings.chat.history)
    system = system_prompt_of(conversation, settings)
    texts = [turn.content for turn in turns[left_out:]] + ([system] if system else [])
    return Outgoing(
        messages=len(turns) - left_out,
        left_out=left_out,
        system_prompt=bool(system),
        characters=sum(map(len, texts)),
        tokens=sum(map(estimate_tokens, texts)),
    )
