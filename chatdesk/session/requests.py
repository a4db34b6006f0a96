"""What a provider is asked for: the path of a conversation and how its reply is to be sampled."""

from __future__ import annotations

from collections.abc import Iterable

from chatdesk.chat.messages import Conversation, Message, Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.settings import Settings, sampling_parameters


def request_for(
    conversation: Conversation,
    path: Iterable[Message],
    settings: Settings,
    *,
    continuing: Message | None = None,
) -> Request:
    """A request for the reply to the last message of path, or for the rest of one begun.

    Raises SettingsError where the conversation has a parameter that is out of bounds.
    """
    system = system_prompt_of(conversation, settings)
    messages = [PromptMessage(Role.SYSTEM, system)] if system else []
    messages += prompt_of(path)
    return Request(
        conversation_id=conversation.id,
        messages=tuple(messages),
        parameters=sampling_parameters(settings, conversation.parameters),
        continuation=continuing.content if continuing else "",
        model=conversation.model,
        history=settings.chat.history,
    )


def system_prompt_of(conversation: Conversation, settings: Settings) -> str:
    """What the model is told before the conversation; "" for nothing."""
    own = conversation.system_prompt
    text = settings.chat.system_prompt if own is None else own
    return text if text.strip() else ""


def prompt_of(path: Iterable[Message]) -> list[PromptMessage]:
    """The messages of a path that are sent.

    A reply that failed before its first word would only teach the model to say nothing.
    """
    return [
        PromptMessage(message.role, message.content, message.id)
        for message in path
        if message.content
    ]
