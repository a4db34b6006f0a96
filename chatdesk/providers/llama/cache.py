"""What is remembered between replies so that a follow-up message costs only its own tokens.

Turning a reply's text into tokens again may give other tokens than the model chose, and then
nothing behind that place in the KV cache could be used again. So the tokens of finished replies
are remembered by their text. All memory here is bounded.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatdesk.chat.provider import PromptMessage

_REMEMBERED_TOKENS = 262_144
_COUNTED_MESSAGES = 8_192
_CUTS = 256


@dataclass(frozen=True, slots=True)
class WrittenReply:
    """A reply as the model wrote it: its tokens, and text behind them that no whole token gives."""

    tokens: array[int]
    rest: str = ""


class ReplyMemory:
    """Replies by their text; the longest unused are forgotten first."""

    def __init__(self, limit: int = _REMEMBERED_TOKENS) -> None:
        self._replies: OrderedDict[str, WrittenReply] = OrderedDict()
        self._limit = limit
        self._size = 0

    def remember(self, text: str, tokens: Sequence[int], pieces: Sequence[bytes]) -> None:
        """Keep the tokens a reply was written with; pieces are the bytes of each.

        The text may end before the tokens do (a stop sequence was cut off) or not be theirs at
        all (they were no valid text): tokens are kept as far as they give exactly this text.
        """
        if not text:
            return
        data = text.encode("utf-8", "replace")
        whole = length = 0
        for count, piece in enumerate(pieces, start=1):
            if not data.startswith(piece, length):
                break
            length += len(piece)
            if length == len(data) or not _within_character(data[length]):
                whole = count
                kept = length
        if not whole:
            return
        self._forget(text)
        rest = data[kept:].decode("utf-8", "replace")
        self._replies[text] = WrittenReply(array("i", tokens[:whole]), rest)
        self._size += whole
        while self._size > self._limit and len(self._replies) > 1:
            self._forget(next(iter(self._replies)))

    def find(self, text: str) -> WrittenReply | None:
        reply = self._replies.get(text)
        if reply is not None:
            self._replies.move_to_end(text)
        return reply

    def _forget(self, text: str) -> None:
        forgotten = self._replies.pop(text, None)
        if forgotten is not None:
            self._size -= len(forgotten.tokens)


class MessageCounts:
    """Tokens of messages by id and content, so that each is counted once."""

    def __init__(self, count: Callable[[PromptMessage], int]) -> None:
        self._count = count
        self._known: OrderedDict[tuple[str, str, int, int], int] = OrderedDict()

    def __call__(self, message: PromptMessage) -> int:
        key = (message.id, message.role.value, len(message.content), hash(message.content))
        tokens = self._known.get(key)
        if tokens is None:
            tokens = self._known[key] = self._count(message)
            if len(self._known) > _COUNTED_MESSAGES:
                self._known.popitem(last=False)
        return tokens


class Cuts:
    """Where each conversation was last cut to fit the window: the id of its first kept message."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, str] = OrderedDict()

    def get(self, conversation_id: str) -> str | None:
        return self._first.get(conversation_id)

    def set(self, conversation_id: str, first_kept: str | None) -> None:
        """None: nothing is left out."""
        self._first.pop(conversation_id, None)
        if first_kept:
            self._first[conversation_id] = first_kept
            if len(self._first) > _CUTS:
                self._first.popitem(last=False)


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    shorter = min(len(left), len(right))
    if left[:shorter] == right[:shorter]:
        return shorter
    for index in range(shorter):
        if left[index] != right[index]:
            return index
    return shorter


def _within_character(byte: int) -> bool:
    return byte & 0xC0 == 0x80
