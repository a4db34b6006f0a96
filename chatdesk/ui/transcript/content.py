"""All messages of the transcript, and the bounded memory of what is parsed and laid out.

The layout asks here for heights, the view for blocks to paint. Only what is asked for is made, and
only so much of it is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from chatdesk.ui.transcript.block import Block
from chatdesk.ui.transcript.entries import Entry
from chatdesk.ui.transcript.inks import Inks
from chatdesk.ui.transcript.message import Key, Message
from chatdesk.ui.transcript.style import Style

BLOCKS_KEPT = 200
CHARACTERS_PARSED = 300_000


class Content:
    """The messages in order. laid_out and parsed count work done, for tests and benchmarks."""

    def __init__(self, style: Style, inks: Inks) -> None:
        self.style = style
        self.width = style.column
        self.messages: list[Message] = []
        self.laid_out = 0
        self.parsed = 0
        self._inks = inks
        self._index: dict[str, int] = {}
        self._blocks: OrderedDict[tuple[str, Key], Message] = OrderedDict()
        self._widths: dict[tuple[str, Key], int] = {}
        self._parsed: OrderedDict[str, int] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self.messages)

    def index(self, entry_id: str) -> int | None:
        return self._index.get(entry_id)

    def find(self, entry_id: str) -> Message | None:
        index = self._index.get(entry_id)
        return None if index is None else self.messages[index]

    # -- changing -----------------------------------------------------------------------------

    def set_entries(self, entries: Iterable[Entry]) -> list[int | None]:
        """Replace all; returns for each message the index it had if it is as it was.

        A message whose entry is known keeps its parse, its folds and its blocks as far as they
        are still right, wherever it stands now.
        """
        old = {message.entry.id: (i, message) for i, message in enumerate(self.messages)}
        self.messages = []
        origins: list[int | None] = []
        for entry in entries:
            origin, message = old.pop(entry.id, (None, None))
            if message is None:
                message = Message(entry)
            elif message.entry.role is not entry.role:
                self._forget(message)
                origin, message = None, Message(entry)
            elif message.entry != entry:
                message.renew(entry)
                origin = None
            self.messages.append(message)
            origins.append(origin)
        self._index = {message.entry.id: i for i, message in enumerate(self.messages)}
        for _index, message in old.values():
            self._forget(message)
        for position in range(len(self.messages)):
            if self._set_divider(position):
                origins[position] = None
        return origins

    def append(self, entry: Entry) -> None:
        self._index[entry.id] = len(self.messages)
        self.messages.append(Message(entry))
        self._set_divider(len(self.messages) - 1)

    def refresh_divider(self, position: int) -> bool:
        """Set whether a divider stands before a message; returns whether that changed."""
        return 0 <= position < len(self.messages) and self._set_divider(position)

    def _set_divider(self, position: int) -> bool:
        message = self.messages[position]
        divider = (
            position > 0
            and not message.entry.left_out
            and self.messages[position - 1].entry.left_out
        )
        changed = divider != message.divider
        message.divider = divider
        return changed

    def restyle(self, style: Style) -> None:
        """Another theme: every block is made anew when it is next needed."""
        self.style = style
        self._clear_blocks()

    def _clear_blocks(self) -> None:
        for message in self._blocks.values():
            message.blocks.clear()
        self._blocks.clear()
        self._widths.clear()

    def _forget(self, message: Message) -> None:
        message.drop()
        self._characters -= self._parsed.pop(message.entry.id, 0)

    # -- asked by the layout ------------------------------------------------------------------

    def estimate(self, entry: int) -> int:
        return self.messages[entry].estimate(self.style, self.width)

    def unit_estimates(self, entry: int, first: int = 0) -> Sequence[int]:
        self.open(entry)
        return self.messages[entry].estimates(first, self.style, self.width)

    def unit_height(self, entry: int, unit: int) -> int:
        return self.block(entry, unit).height

    # -- asked by the view --------------------------------------------------------------------

    def open(self, entry: int, most: int | None = None) -> bool:
        """Parse a message, or a slice of it; returns whether all of it is parsed now."""
        message = self.messages[entry]
        if not message.parsed:
            self.parsed += 1
            message.parse(most)
        self._keep_parsed(message)
        return message.parsed

    def block(self, entry: int, unit: int) -> Block:
        """The block of a unit, laid out for the present width."""
        self.open(entry)
        return self.block_of(self.messages[entry], self.messages[entry].key(unit))

    def block_of(self, message: Message, key: Key) -> Block:
        known = message.blocks.get(key)
        block = message.block(key, self.style, self._inks)
        name = (message.entry.id, key)
        if block is not known or self._widths.get(name) != self.width:
            block.lay_out(self.width)
            self.laid_out += 1
            self._widths[name] = self.width
        self._blocks[name] = message
        self._blocks.move_to_end(name)
        while len(self._blocks) > BLOCKS_KEPT:
            (_, old), owner = self._blocks.popitem(last=False)
            self._widths.pop((owner.entry.id, old), None)
            owner.blocks.pop(old, None)
        return block

    def _keep_parsed(self, message: Message) -> None:
        entry_id = message.entry.id
        length = message.length("content") + message.length("reasoning")
        self._characters += length - self._parsed.get(entry_id, 0)
        self._parsed[entry_id] = length
        self._parsed.move_to_end(entry_id)
        while self._characters > CHARACTERS_PARSED and len(self._parsed) > 8:
            oldest = next(iter(self._parsed))
            old = self.find(oldest)
            if old is None or oldest == entry_id or old.entry.streaming:
                break
            self._characters -= self._parsed.pop(oldest)
            old.drop()
