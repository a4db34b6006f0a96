"""Blocks of running text: paragraphs, headings, list items, quotes, rules and images by name."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from chatdesk.ui.markdown.leaf import Item, Leaf, Quote, Run
from chatdesk.ui.transcript.block import Block, Look, Target, caret, rounded
from chatdesk.ui.transcript.entries import Part
from chatdesk.ui.transcript.flow import Flow, Span
from chatdesk.ui.transcript.style import (
    CARET_WIDTH,
    GAP,
    GAP_BLOCK,
    GAP_TIGHT,
    INDENT,
    QUOTE_BAR,
    QUOTE_INDENT,
    S2,
    S5,
    THINKING_INDENT,
    Face,
    Style,
)

IMAGE_INDENT = 24
_HEADING_ABOVE = (28, 24, 20, 16, 16, 16)
_HEADING_BELOW = S2


def gap_before(leaf: Leaf, previous: Leaf | None) -> int:
    """The free room above a leaf, decided by what stands above it."""
    if previous is None or leaf.joined:
        return 0
    if leaf.block_id >= 0 and leaf.block_id == previous.block_id and not leaf.first:
        return 0
    if leaf.kind == "heading":
        return _HEADING_ABOVE[leaf.level - 1]
    if previous.kind == "heading":
        return _HEADING_BELOW
    if "rule" in (leaf.kind, previous.kind):
        return S5 - GAP_TIGHT
    if leaf.kind in ("code", "table") or previous.kind in ("code", "table"):
        return GAP_BLOCK
    if leaf.spacing == "tight":
        return GAP_TIGHT
    if leaf.marks and previous.item is not None:
        return S2
    return GAP


def shared_ancestors(leaf: Leaf, previous: Leaf | None) -> int:
    """How many of a leaf's ancestors, from the outermost, are also around the leaf before it."""
    if previous is None:
        return 0
    count = 0
    for mine, other in zip(leaf.ancestry, previous.ancestry, strict=False):
        if isinstance(mine, Quote) != isinstance(other, Quote) or mine.start != other.start:
            break
        count += 1
    return count


def run_spans(runs: tuple[Run, ...], style: Style, face: Face) -> list[Span]:
    """The formats of runs, as positions in their joined text."""
    spans = []
    at = 0
    for run in runs:
        end = at + len(run.text)
        mono = run.code or run.math
        if run.bold or run.italic or run.strike or mono or run.link:
            spans.append(
                Span(
                    at,
                    end,
                    style.format(run.bold, run.italic, run.strike, mono, bool(run.link), face),
                )
            )
        at = end
    return spans


def paint_runs(
    painter: QPainter,
    flow: Flow,
    runs: tuple[Run, ...],
    look: Look,
    at: QPointF,
    first: int = 0,
    code_fill: QColor | None = None,
) -> None:
    """Paint a flow made of runs: grounds of inline code, selection, text, underlines of links.

    first: the position of the flow's text in the block's text, which look.selection counts.
    """
    style = look.style
    x, y = at.x(), at.y()
    position = 0
    links: list[tuple[Run, int, int]] = []
    for run in runs:
        end = position + len(run.text)
        if run.code or run.math:
            for rect in flow.rects(position, end, tight=True):
                rounded(
                    painter,
                    rect.translated(x, y).adjusted(-2, 0, 2, 1),
                    4,
                    code_fill or style.inline_code_fill,
                )
        if run.link:
            links.append((run, position, end))
        position = end
    painter.setPen(look.ink)
    flow.paint(painter, x, y, look.selected_from(first), style.selected)
    for run, a, b in links:
        hovered = look.hovered == Target("link", run.link)
        color = QColor(style.tokens.accent)
        color.setAlphaF(1.0 if hovered else 0.4)
        painter.setPen(QPen(color, 1))
        for rect in flow.rects(a, b, tight=True):
            line = round(y + rect.bottom()) + 0.5
            painter.drawLine(QPointF(x + rect.left(), line), QPointF(x + rect.right(), line))


class Frame:
    """The quotes and list items around a leaf: how far they indent it, and their bars and markers.

    For a leaf that reads right to left all is mirrored.
    """

    __slots__ = ("_gap", "_leaf", "_places", "_quiet", "_shared", "indent", "width")

    def __init__(self, leaf: Leaf, gap: int, shared: int, style: Style, quiet: bool) -> None:
        self._leaf = leaf
        self._gap = gap
        self._shared = shared
        self._quiet = quiet
        self._places: list[int] = []
        x = THINKING_INDENT if quiet else 0
        metrics: QFontMetricsF | None = None
        for ancestor in leaf.ancestry:
            self._places.append(x)
            if isinstance(ancestor, Quote):
                x += QUOTE_INDENT
            elif ancestor.ordered and ancestor.ordinal > 99:
                metrics = metrics or QFontMetricsF(style.body.font)
                x += max(INDENT, round(metrics.horizontalAdvance(ancestor.label)) + S2)
            else:
                x += INDENT
        self.indent = x
        self.width = 0

    def paint(self, painter: QPainter, look: Look, height: int, flow: Flow | None) -> None:
        style, leaf = look.style, self._leaf
        if self._quiet:
            painter.fillRect(0, 0, 2, height, style.tokens.border)
        for index, ancestor in enumerate(leaf.ancestry):
            x = self._places[index]
            if isinstance(ancestor, Quote):
                top = 0 if index < self._shared else self._gap
                left = self.width - x - QUOTE_BAR if leaf.rtl else x
                painter.fillRect(left, top, QUOTE_BAR, height - top, style.tokens.border)
            elif index in leaf.marks:
                end = self._places[index + 1] if index + 1 < len(self._places) else self.indent
                self._paint_marker(painter, look, ancestor, x, end, flow)

    def _paint_marker(
        self, painter: QPainter, look: Look, item: Item, x: int, end: int, flow: Flow | None
    ) -> None:
        style = look.style
        pitch = flow.lines[0].bottom if flow is not None and flow.lines else style.body.pitch
        middle = self._gap + pitch / 2
        # The marker's right edge (its left one in a right-to-left list) is 8 px from the text.
        edge = end - S2
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = style.tokens.secondary
        painter.setPen(ink)
        if item.checked is not None:
            size = 14.0
            left = self._mirror(end - S2 - size, size)
            box = QRectF(left, round(middle - size / 2), size, size)
            if item.checked:
                rounded(painter, box, 3, style.tokens.accent)
                painter.setPen(QPen(style.tokens.on_accent, 1.8))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                a, b = box.left(), box.top()
                painter.drawPolyline(
                    QPolygonF(
                        [
                            QPointF(a + 3.4, b + 7.2),
                            QPointF(a + 6.0, b + 9.8),
                            QPointF(a + 10.8, b + 4.4),
                        ]
                    )
                )
            else:
                rounded(painter, box, 3, None, style.tokens.control_border, 1.2)
        elif item.ordered:
            painter.setFont(style.body.font)
            width = QFontMetricsF(style.body.font).horizontalAdvance(item.label)
            left = self._mirror(edge - width, width)
            line = flow.caret(0) if flow is not None else QRectF(0, 0, 0, pitch)
            baseline = self._gap + line.top() + style.body.ascent
            if flow is None:
                baseline = middle + style.body.ascent / 2
            painter.drawText(QPointF(left, baseline), item.label)
        else:
            left = self._mirror(edge - 8, 6)
            painter.setBrush(ink)
            if item.depth % 3 == 1:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(ink, 1.2))
                painter.drawEllipse(QPointF(left + 3, middle + 0.5), 2.3, 2.3)
            elif item.depth % 3 == 2:
                painter.fillRect(QRectF(left + 0.8, middle - 1.6, 4.4, 4.4), ink)
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.drawEllipse(QPointF(left + 3, middle + 0.5), 2.6, 2.6)
        painter.restore()

    def _mirror(self, left: float, width: float) -> float:
        return self.width - left - width if self._leaf.rtl else left


class LeafBlock(Block):
    """What all blocks made of a leaf share: their place, their frame, their mapping to source."""

    def __init__(self, leaf: Leaf, previous: Leaf | None, style: Style, part: Part) -> None:
        self.leaf = leaf
        self.part = part
        self.start, self.end = leaf.start, leaf.end
        self.gap = gap_before(leaf, previous)
        self.shared = shared_ancestors(leaf, previous)
        self.style = style
        self.frame = Frame(leaf, self.gap, self.shared, style, part == "reasoning")

    def fits(self, leaf: Leaf, previous: Leaf | None, style: Style) -> bool:
        """Whether this block would be made again for a leaf at this place."""
        return (
            (leaf is self.leaf or leaf == self.leaf)
            and style is self.style
            and self.gap == gap_before(leaf, previous)
            and self.shared == shared_ancestors(leaf, previous)
        )

    @property
    def text(self) -> str:
        return self.leaf.text

    def source_at(self, position: int) -> int:
        return self.leaf.source_at(position)

    def position_of(self, source: int) -> int:
        return self.leaf.position_at(source)

    @property
    def left(self) -> int:
        """Where the text's room begins."""
        return 0 if self.leaf.rtl else self.frame.indent

    def room(self, width: int) -> int:
        """The width that the frame leaves."""
        self.frame.width = width
        return max(width - self.frame.indent, 80)


class Prose(LeafBlock):
    """A paragraph, heading or image's label."""

    def __init__(self, leaf: Leaf, previous: Leaf | None, style: Style, part: Part) -> None:
        super().__init__(leaf, previous, style, part)
        self._face = style.headings[leaf.level - 1] if leaf.kind == "heading" else style.body
        self._pad = IMAGE_INDENT if leaf.kind == "image" else 0
        self.flow = Flow(
            leaf.text, self._face, run_spans(leaf.runs, style, self._face), rtl=leaf.rtl
        )

    def lay_out(self, width: int) -> int:
        self.height = self.gap + self.flow.lay_out(self.room(width) - self._pad)
        return self.height

    @property
    def _origin(self) -> QPointF:
        return QPointF(self.left + (0 if self.leaf.rtl else self._pad), self.gap)

    def paint(self, painter: QPainter, look: Look) -> None:
        self.frame.paint(painter, look, self.height, self.flow)
        origin = self._origin
        if self.leaf.kind == "image":
            self._paint_picture(painter, look)
        paint_runs(painter, self.flow, self.leaf.runs, look, origin)
        if look.caret:
            rect = self.flow.caret(len(self.flow.text)).translated(origin)
            caret(painter, rect, look.style.tokens.accent, CARET_WIDTH)

    def _paint_picture(self, painter: QPainter, look: Look) -> None:
        """A small frame with a hill: here an image is named, and never fetched."""
        size = 16.0
        left = self.frame.width - self.frame.indent - size if self.leaf.rtl else self.left
        top = round(self.gap + (self._face.pitch - size) / 2)
        box = QRectF(left, top + 1, size, size - 2)
        rounded(painter, box, 3, None, look.style.tokens.secondary, 1.3)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(look.style.tokens.secondary, 1.3))
        painter.drawPolyline(
            QPolygonF(
                [
                    QPointF(box.left() + 2, box.bottom() - 3),
                    QPointF(box.left() + 6, box.top() + 6),
                    QPointF(box.left() + 9.5, box.bottom() - 4.5),
                    QPointF(box.left() + 11, box.bottom() - 6),
                    QPointF(box.left() + 14, box.bottom() - 3),
                ]
            )
        )
        painter.restore()

    def position_at(self, x: float, y: float, scroll: int = 0) -> int:
        origin = self._origin
        return self.flow.position_at(x - origin.x(), y - origin.y())

    def is_text(self, x: float, y: float, scroll: int = 0) -> bool:
        return 0 <= y - self.gap < self.flow.height

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        origin = self._origin
        link = link_at(self.flow, self.leaf.runs, x - origin.x(), y - origin.y())
        return Target("link", link) if link else None

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        target = self.target_at(x, y)
        return target.value if target is not None else ""

    def caret_rect(self, position: int) -> QRectF | None:
        return self.flow.caret(position).translated(self._origin)


def link_at(flow: Flow, runs: tuple[Run, ...], x: float, y: float) -> str:
    """The address of the link whose ink is under a point, "" where there is none."""
    if not flow.is_over(x, y) or not any(run.link for run in runs):
        return ""
    position = 0
    for run in runs:
        end = position + len(run.text)
        if run.link and any(rect.contains(x, y) for rect in flow.rects(position, end)):
            return run.link
        position = end
    return ""


class Rule(LeafBlock):
    """A thematic break."""

    THICKNESS = 9

    def lay_out(self, width: int) -> int:
        self.room(width)
        self.height = self.gap + self.THICKNESS
        return self.height

    def paint(self, painter: QPainter, look: Look) -> None:
        self.frame.paint(painter, look, self.height, None)
        width = self.frame.width - self.frame.indent
        painter.fillRect(
            self.left, self.gap + self.THICKNESS // 2, width, 1, look.style.tokens.border
        )
