"""Conversations and messages as JSON shows them. Scripts rely on these shapes: only add to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatdesk.chat.messages import Conversation, Message, Usage
from chatdesk.chat.tree import Tree
from chatdesk.cli.output import iso

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Profiles


def conversation_summary(conversation: Conversation, profiles: Profiles) -> dict[str, Any]:
    """A conversation without its messages. A remote model is named as --model takes it."""
    from chatdesk.providers.profiles import typed

    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": iso(conversation.created_at),
        "updated_at": iso(conversation.updated_at),
        "deleted_at": iso(conversation.deleted_at),
        "model": typed(conversation.model, profiles),
    }


def whole_conversation(
    conversation: Conversation, tree: Tree, profiles: Profiles
) -> dict[str, Any]:
    """A conversation with every branch; "active" marks the path that is shown."""
    active = {message.id for message in tree.path()}
    messages = sorted(tree, key=lambda message: message.order)
    return {
        **conversation_summary(conversation, profiles),
        "system_prompt": conversation.system_prompt,
        "parameters": conversation.parameters,
        "messages": [message_shape(message, message.id in active) for message in messages],
    }


def message_shape(message: Message, active: bool) -> dict[str, Any]:
    """One message. provider: the name of who ran the model, None for this computer."""
    return {
        "id": message.id,
        "parent_id": message.parent_id,
        "role": message.role.value,
        "content": message.content,
        "reasoning": message.reasoning,
        "status": message.status.value,
        "active": active,
        "model": message.model,
        "provider": message.provider,
        "created_at": iso(message.created_at),
        "usage": (message.usage or Usage()).to_dict(),
        "finish_reason": message.finish_reason,
        "error": message.error,
    }
