"""How a message of the tree becomes an entry of the transcript."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QLocale

from chatdesk.chat.messages import Message, Role, Status, Usage
from chatdesk.chat.tree import Tree
from chatdesk.ui.transcript.entries import Entry


def entry_of(message: Message, tree: Tree, *, left_out: bool = False) -> Entry:
    """message with its text so far; tree tells its variants."""
    reply = message.role is Role.ASSISTANT
    return Entry(
        id=message.id,
        role=message.role,
        content=message.content,
        reasoning=message.reasoning,
        status=message.status,
        name=(message.model or "") if reply else "",
        error=message.error or "",
        error_retryable=message.status is Status.FAILED,
        variant=tree.variant(message.id),
        meter=meter(message.usage) if reply else "",
        meter_detail=meter_detail(message.usage) if reply else "",
        left_out=left_out,
        can_continue=can_continue(message),
        time=QLocale().toString(
            QDateTime.fromSecsSinceEpoch(int(message.created_at)), QLocale.FormatType.ShortFormat
        ),
    )


def can_continue(message: Message) -> bool:
    """Whether a reply ended before the model's turn was over and has text to go on from."""
    if message.role is not Role.ASSISTANT or not message.content:
        return False
    cut = {Status.STOPPED, Status.INTERRUPTED, Status.FAILED}
    return message.status in cut or message.finish_reason == "length"


def meter(usage: Usage | None) -> str:
    """The short line at the end of a reply, as in "41 tok/s · 0.2 s"."""
    if usage is None:
        return ""
    parts = []
    if usage.tokens_per_second:
        parts.append(f"{usage.tokens_per_second:.0f} tok/s")
    if usage.first_token_ms is not None:
        seconds = usage.first_token_ms / 1000
        parts.append(f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.2f} s")
    return " · ".join(parts)


def meter_detail(usage: Usage | None) -> str:
    """The same in words, for the tooltip."""
    if usage is None:
        return ""
    lines = []
    if usage.tokens_per_second:
        lines.append(f"{usage.tokens_per_second:.1f} tokens per second")
    if usage.first_token_ms is not None:
        lines.append(f"First token after {usage.first_token_ms / 1000:.2f} seconds")
    if usage.prompt_tokens is not None:
        cached = (
            f", {usage.cached_tokens:,} of them kept from before" if usage.cached_tokens else ""
        )
        lines.append(f"{usage.prompt_tokens:,} tokens read{cached}")
    if usage.completion_tokens is not None:
        lines.append(f"{usage.completion_tokens:,} tokens written")
    return "\n".join(lines)
