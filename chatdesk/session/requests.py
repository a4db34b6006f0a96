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
    system = conversation.system_prompt
    if system is None:
        system = settings.chat.system_prompt
    messages = [PromptMessage(Role.SYSTEM, system)] if system.strip() else []
    # A reply that failed before its first word would only teach the model to say nothing.
    messages += [
        PromptMessage(message.role, message.content, message.id)
        for message in path
        if message.content
    ]
    return Request(
        conversation_id=conversation.id,
        messages=tuple(messages),
        parameters=sampling_parameters(settings, conversation.parameters),
        continuation=continuing.content if continuing else "",
        model=conversation.model,
        history=settings.chat.history,
    )
