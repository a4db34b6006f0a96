"""Conversations and messages as JSON shows them. Scripts rely on these shapes: only add to them."""

from __future__ import annotations

from typing import Any

from chatdesk.chat.messages import Conversation, Message, Usage
from chatdesk.chat.tree import Tree
from chatdesk.cli.output import iso


def conversation_summary(conversation: Conversation) -> dict[str, Any]:
    """A conversation without its messages."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": iso(conversation.created_at),
        "updated_at": iso(conversation.updated_at),
        "deleted_at": iso(conversation.deleted_at),
        "model": conversation.model,
    }


def whole_conversation(conversation: Conversation, tree: Tree) -> dict[str, Any]:
    """A conversation with every branch; "active" marks the path that is shown."""
    active = {message.id for message in tree.path()}
    messages = sorted(tree, key=lambda message: message.order)
    return {
        **conversation_summary(conversation),
        "system_prompt": conversation.system_prompt,
        "parameters": conversation.parameters,
        "messages": [message_shape(message, message.id in active) for message in messages],
    }


def message_shape(message: Message, active: bool) -> dict[str, Any]:
    """One message."""
    return {
        "id": message.id,
        "parent_id": message.parent_id,
        "role": message.role.value,
        "content": message.content,
        "reasoning": message.reasoning,
        "status": message.status.value,
        "active": active,
        "model": message.model,
        "created_at": iso(message.created_at),
        "usage": (message.usage or Usage()).to_dict(),
        "finish_reason": message.finish_reason,
        "error": message.error,
    }
