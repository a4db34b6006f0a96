"""Paints what the layout placed: each visible block with the look it has now."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QPainter, QRegion

from chatdesk.ui.theme import RING, RING_GAP
from chatdesk.ui.transcript.block import Block, Look, Target, rounded
from chatdesk.ui.transcript.content import Content
from chatdesk.ui.transcript.entries import Part
from chatdesk.ui.transcript.furniture import Footer
from chatdesk.ui.transcript.layout import Placed
from chatdesk.ui.transcript.message import Key, Message
from chatdesk.ui.transcript.prose import LeafBlock
from chatdesk.ui.transcript.selection import Selection
from chatdesk.ui.transcript.style import RADIUS, S2


@dataclass(frozen=True, slots=True)
class Shown:
    """A visible unit: where it is, whose it is, and its block."""

    placed: Placed
    message: Message
    key: Key
    block: Block

    @property
    def block_id(self) -> int:
        """The id of the code block or table that the unit is a piece of, -1 for others."""
        return self.block.leaf.block_id if isinstance(self.block, LeafBlock) else -1

    @property
    def scroll(self) -> int:
        """How far the unit is scrolled sideways."""
        return min(self.message.scrolls.get(self.block_id, 0), self.block.scroll_range())


@dataclass(slots=True)
class Highlights:
    """What is special now: pointer, keyboard, copies and actions."""

    hovered: tuple[str, Key, Target] | None = None
    copied: tuple[str, int] | None = None
    ring: str | None = None  # the entry with the keyboard's focus ring
    active: set[str] = field(default_factory=set)  # entries whose action row is shown


def paint(
    painter: QPainter,
    region: QRegion,
    left: int,
    shown: list[Shown],
    content: Content,
    selection: Selection,
    highlights: Highlights,
) -> None:
    """Paint the visible units that the region touches; left is the column's left edge."""
    style = content.style
    bounds = region.boundingRect()
    painter.fillRect(bounds, style.tokens.window)
    for one in shown:
        placed = one.placed
        if placed.bottom < bounds.top() or placed.y > bounds.bottom():
            continue
        painter.save()
        painter.translate(left, placed.y)
        one.block.paint(painter, _look(one, content, selection, highlights))
        painter.restore()
    if highlights.ring is not None:
        _paint_ring(painter, left, shown, content, highlights.ring)


def _look(one: Shown, content: Content, selection: Selection, highlights: Highlights) -> Look:
    message, block, (name, index) = one.message, one.block, one.key
    entry = message.entry
    look = Look(
        content.style,
        dimmed=entry.left_out,
        quiet=name == "reasoning",
        active=entry.id in highlights.active,
        scroll=one.scroll,
    )
    if name in ("content", "reasoning"):
        part: Part = "content" if name == "content" else "reasoning"
        selected = selection.range_in(one.placed.entry, part)
        if selected is not None and selected[1] > block.start and selected[0] <= block.end:
            look.selection = (
                block.position_of(selected[0]),
                # Past the end of the block: its last line end is selected too.
                block.position_of(selected[1]) + (1 if selected[1] > block.end else 0),
            )
        if entry.streaming and name == "content" and not entry.mine:
            look.caret = index == len(message.source("content").leaves) - 1
    hovered = highlights.hovered
    if hovered is not None and hovered[0] == entry.id and _is_target(one, hovered[1], hovered[2]):
        look.hovered = hovered[2]
    if highlights.copied is not None:
        look.copied = highlights.copied == (entry.id, one.block_id)
    return look


def _is_target(one: Shown, key: Key, target: Target) -> bool:
    """A link is hovered in all its pieces, anything else only in its own block."""
    return target.kind == "link" or key == one.key


def entry_rect(shown: list[Shown], entry_id: str, left: int, width: int) -> QRect | None:
    """The visible area of an entry, without the room of its action row."""
    own = [one for one in shown if one.message.entry.id == entry_id and one.key[0] != "divider"]
    if not own:
        return None
    body = [one for one in own if not isinstance(one.block, Footer)]
    top = (body or own)[0].placed.y
    bottom = (body or own)[-1].placed.bottom
    return QRect(left, top, width, bottom - top)


def _paint_ring(
    painter: QPainter, left: int, shown: list[Shown], content: Content, entry_id: str
) -> None:
    rect = entry_rect(shown, entry_id, left, content.width)
    if rect is None:
        return
    away = S2 + RING_GAP + RING
    rounded(
        painter,
        QRectF(rect).adjusted(-away, -S2, away, S2),
        RADIUS,
        None,
        content.style.tokens.accent,
        RING,
    )
