"""What stands around the text: names, the fold of reasoning, states, errors, progress, meters.

These blocks have no text of the message. What can be clicked in them can also be reached through
the entry's action row and menu, which are real buttons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from chatdesk.chat.messages import Status
from chatdesk.ui import icons
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.transcript.block import Block, Look, Target, caret, rounded
from chatdesk.ui.transcript.entries import Entry, origin, title
from chatdesk.ui.transcript.flow import Flow
from chatdesk.ui.transcript.overlay import WORDS
from chatdesk.ui.transcript.style import (
    CARET_WIDTH,
    ENTRY_GAP,
    ENTRY_GAP_MINE,
    HEAD_ROW,
    RADIUS,
    RADIUS_SMALL,
    ROW_GAP,
    S1,
    S2,
    S3,
    S4,
    S5,
    Face,
    Style,
    tabular,
)

LEFT_OUT = "The model no longer sees the messages above"
SMALL_ICON = 15


def draw_icon(painter: QPainter, name: str, ink: QColor, size: int, x: float, y: float) -> None:
    """An icon with its top left corner at (x, y), sharp on the painter's device."""
    ratio = painter.device().devicePixelRatioF()
    painter.drawPixmap(QPointF(round(x), round(y)), icons.pixmap(name, ink, size, ratio))


def draw_line(painter: QPainter, text: str, face: Face, ink: QColor, x: float, top: float) -> float:
    """One line of text in a band of the face's pitch; returns where it ends."""
    painter.setFont(face.font)
    painter.setPen(ink)
    baseline = top + (face.pitch - face.ascent - face.descent) / 2 + face.ascent
    painter.drawText(QPointF(x, round(baseline)), text)
    return x + QFontMetricsF(face.font).horizontalAdvance(text)


class Header(Block):
    """The name of who replies, small above the reply; a provider's wears its mark."""

    ABOVE, BELOW = S1, S1

    def __init__(self, entry: Entry, style: Style) -> None:
        self._entry = entry
        self._style = style
        self._width = 0

    def lay_out(self, width: int) -> int:
        self._width = width
        self.height = self.ABOVE + self._style.small_bold.pitch + self.BELOW
        return self.height

    def _shown(self) -> str:
        """The name, cut where the column ends: what a server calls a model may be long."""
        room = self._width - (S2 + SMALL_ICON if self._entry.provider else 0)
        metrics = QFontMetricsF(self._style.small_bold.font)
        name = title(self._entry) or "Reply"
        return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, max(room, 0))

    def paint(self, painter: QPainter, look: Look) -> None:
        style = look.style
        face, ink = style.small_bold, style.tokens.secondary
        x = draw_line(painter, self._shown(), face, ink, 0, self.ABOVE)
        if self._entry.provider:
            top = self.ABOVE + (face.pitch - SMALL_ICON) / 2
            mark = provider_mark(self._entry.here)
            draw_icon(painter, mark, style.tokens.remote, SMALL_ICON, x + S2, top)

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        if y < self.ABOVE or x >= max(self._width / 2, self._end()):
            return ""
        whole = title(self._entry) if self._shown() != title(self._entry) else ""
        lines = (whole if self._entry.name else "", origin(self._entry), self._entry.time)
        return "\n".join(line for line in lines if line)

    def _end(self) -> float:
        """Where the name and its mark end."""
        name = QFontMetricsF(self._style.small_bold.font).horizontalAdvance(self._shown())
        return name + (S2 + SMALL_ICON if self._entry.provider else 0)


class Divider(Block):
    """The border between what the model no longer sees and what it still does."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._width = 0

    def lay_out(self, width: int) -> int:
        self._width = width
        self.height = S4 + self._style.small.pitch + S4
        return self.height

    def paint(self, painter: QPainter, look: Look) -> None:
        face = look.style.small
        metrics = QFontMetricsF(face.font)
        label = metrics.elidedText(LEFT_OUT, Qt.TextElideMode.ElideRight, self._width - 2 * S5)
        text = metrics.horizontalAdvance(label)
        left = round((self._width - text) / 2)
        middle = S4 + face.pitch // 2
        line = look.style.tokens.border
        painter.fillRect(QRectF(0, middle, left - S3, 1), line)
        painter.fillRect(QRectF(left + text + S3, middle, self._width - left - text - S3, 1), line)
        draw_line(painter, label, face, look.style.tokens.secondary, left, S4)

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        return (
            "The conversation is longer than the model's context window, so the oldest messages "
            "are no longer sent."
        )


class Footer(Block):
    """The room of the action row below every message, with the meter at its right."""

    def __init__(self, entry: Entry, style: Style) -> None:
        self._entry = entry
        self._style = style
        self._width = 0

    def lay_out(self, width: int) -> int:
        self._width = width
        gap = ENTRY_GAP_MINE if self._entry.mine else ENTRY_GAP
        self.height = ROW_GAP + HEAD_ROW + gap
        return self.height

    def _meter_rect(self) -> QRectF:
        face = self._style.meter
        width = QFontMetricsF(face.font).horizontalAdvance(self._entry.meter)
        top = ROW_GAP + (HEAD_ROW - face.pitch) / 2
        return QRectF(self._width - width, top, width, face.pitch)

    def paint(self, painter: QPainter, look: Look) -> None:
        index, count = self._entry.variant
        if count > 1 and not look.active:
            # Other versions exist: told where the buttons to them will appear.
            text, face = f"{index}/{count}", look.style.meter
            width = QFontMetricsF(face.font).horizontalAdvance(text)
            left = self._width - width if self._entry.mine else 0.0
            top = ROW_GAP + (HEAD_ROW - face.pitch) / 2
            draw_line(painter, text, face, look.style.tokens.secondary, left, top)
        if self._entry.meter and look.active:
            rect = self._meter_rect()
            draw_line(
                painter,
                self._entry.meter,
                look.style.meter,
                look.style.tokens.secondary,
                rect.left(),
                rect.top(),
            )

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        over = self._entry.meter and self._meter_rect().adjusted(-4, -6, 4, 6).contains(x, y)
        return self._entry.meter_detail if over else ""


class ThoughtHead(Block):
    """The fold of a reply's reasoning: one line that opens and closes it."""

    def __init__(self, folded: bool, thinking: bool, style: Style) -> None:
        self._folded = folded
        self._label = "Thinking" if thinking else "Thought for a moment"
        self._style = style

    def lay_out(self, width: int) -> int:
        self.height = 28 + (S1 if not self._folded else S2)
        return self.height

    def _button(self) -> QRectF:
        text = QFontMetricsF(self._style.small.font).horizontalAdvance(self._label)
        return QRectF(-S2, 0, S2 + SMALL_ICON + S1 + text + S3, 28)

    def paint(self, painter: QPainter, look: Look) -> None:
        style = look.style
        hovered = look.hovered is not None and look.hovered.kind == "fold"
        if hovered:
            rounded(painter, self._button(), RADIUS_SMALL, style.tokens.hover)
        ink = style.tokens.text if hovered else style.tokens.secondary
        painter.save()
        painter.translate(SMALL_ICON / 2, 14)
        if self._folded:
            painter.rotate(-90)
        draw_icon(painter, "chevron-down", ink, SMALL_ICON, -SMALL_ICON / 2, -SMALL_ICON / 2)
        painter.restore()
        draw_line(
            painter, self._label, style.small, ink, SMALL_ICON + S1, (28 - style.small.pitch) / 2
        )

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        return Target("fold") if self._button().contains(x, y) else None

    def tooltip_at(self, x: float, y: float, scroll: int = 0) -> str:
        if not self._button().contains(x, y):
            return ""
        return "Show the reasoning" if self._folded else "Hide the reasoning"


class ThoughtEnd(Block):
    """The room between opened reasoning and the reply."""

    def lay_out(self, width: int) -> int:
        self.height = S4
        return self.height

    def paint(self, painter: QPainter, look: Look) -> None:
        return


class Activity(Block):
    """What happens before the reply's first word, with a thin bar where there is a measure.

    below_text: it is a continued reply, whose beginning stands above.
    """

    BAR = 240

    def __init__(
        self, text: str, fraction: float | None, style: Style, *, below_text: bool = False
    ) -> None:
        self._style = style
        self._above = S3 if below_text else S1
        self._text = text
        self._fraction = fraction

    def lay_out(self, width: int) -> int:
        self._width = min(self.BAR, width)
        self.height = (
            self._above + self._style.body.pitch + (S2 if self._fraction is not None else 0)
        )
        return self.height

    def paint(self, painter: QPainter, look: Look) -> None:
        style = look.style
        if not self._text:
            face = style.body
            size = face.ascent + face.descent
            place = QRectF(-2, self._above + (face.pitch - size) / 2, 0, size)
            caret(painter, place, style.tokens.accent, CARET_WIDTH)
            return
        x = draw_line(painter, self._text, style.chrome, style.tokens.secondary, 0, self._above)
        if self._fraction is None:
            return
        share = max(0.0, min(self._fraction, 1.0))
        numbers = Face.of(tabular(style.chrome.font), 1.4)
        draw_line(painter, f"{share:.0%}", numbers, style.tokens.secondary, x + S2, self._above)
        track = QRectF(0, S1 + style.body.pitch + 3, self._width, 3)
        rounded(painter, track, 1.5, style.tokens.border)
        if share > 0:
            done = QRectF(track)
            done.setWidth(max(3.0, track.width() * share))
            rounded(painter, done, 1.5, style.tokens.accent)


@dataclass(slots=True)
class _Button:
    label: str
    target: Target
    rect: QRectF


class _Buttons:
    """A row of painted buttons."""

    HEIGHT = 28

    def __init__(self, labels: list[tuple[str, Target]], style: Style) -> None:
        self._face = style.chrome
        self.buttons = [_Button(label, target, QRectF()) for label, target in labels]

    def place(self, x: float, y: float) -> float:
        """Put the row at a point; returns where it ends."""
        metrics = QFontMetricsF(self._face.font)
        for button in self.buttons:
            width = round(metrics.horizontalAdvance(button.label)) + 2 * S3
            button.rect = QRectF(x, y, width, self.HEIGHT)
            x += width + S2
        return x

    def paint(self, painter: QPainter, look: Look) -> None:
        tokens = look.style.tokens
        for button in self.buttons:
            hovered = look.hovered == button.target
            rounded(
                painter,
                button.rect,
                RADIUS_SMALL,
                tokens.hover if hovered else None,
                tokens.control_border,
            )
            painter.setFont(self._face.font)
            painter.setPen(tokens.text)
            painter.drawText(button.rect, Qt.AlignmentFlag.AlignCenter, button.label)

    def at(self, x: float, y: float) -> Target | None:
        for button in self.buttons:
            if button.rect.contains(x, y):
                return button.target
        return None


class Notice(Block):
    """Why a reply ended early: a quiet line with what can be done about it."""

    _LINES: ClassVar = {
        Status.STOPPED: ("stop", "You stopped this reply"),
        Status.INTERRUPTED: ("info", "Interrupted when Chatdesk closed"),
        Status.COMPLETE: ("info", "The reply reached its length limit"),
    }

    def __init__(self, entry: Entry, style: Style) -> None:
        self._style = style
        self._icon, self.label = self._LINES[entry.status]
        if entry.only_thought:
            self.label = "The reply ended while the model was thinking"
        actions = []
        if entry.can_continue:
            actions.append(("Continue", Target("action", "continue")))
        elif entry.status is not Status.COMPLETE or entry.only_thought:
            actions.append(("Try again", Target("action", "regenerate")))
        self._buttons = _Buttons(actions, style)

    def lay_out(self, width: int) -> int:
        text = QFontMetricsF(self._style.small.font).horizontalAdvance(self.label)
        self._buttons.place(SMALL_ICON + 6 + round(text) + S4, S3)
        self.height = S3 + _Buttons.HEIGHT
        return self.height

    def paint(self, painter: QPainter, look: Look) -> None:
        style = look.style
        middle = S3 + _Buttons.HEIGHT / 2
        ink = style.tokens.secondary
        draw_icon(painter, self._icon, ink, SMALL_ICON, 0, middle - SMALL_ICON / 2)
        draw_line(
            painter, self.label, style.small, ink, SMALL_ICON + 6, middle - style.small.pitch / 2
        )
        self._buttons.paint(painter, look)

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        return self._buttons.at(x, y)


class ErrorCard(Block):
    """A reply that failed or was cut: what happened, what to do, and details folded away."""

    ABOVE = S3

    def __init__(self, entry: Entry, unfolded: bool, style: Style) -> None:
        self._style = style
        what, advice = entry.error or "The reply could not be written.", entry.error_advice
        if not advice and ". " in what:
            # One text for both: its first sentence is what happened.
            what, advice = what.split(". ", 1)
            what += "."
        self._what = Flow(what, style.chrome_bold)
        self._advice = Flow(advice, style.chrome) if advice else None
        self._detail = (
            Flow(entry.error_detail, style.small) if unfolded and entry.error_detail else None
        )
        self._cut = entry.status is Status.INTERRUPTED
        labels = []
        if entry.error_retryable:
            labels.append(("Try again", Target("action", "retry")))
        if entry.can_continue:
            # Of a reply that was going well, going on is what is wanted most.
            labels.insert(0 if self._cut else 1, ("Continue", Target("action", "continue")))
        if entry.error_mend:
            labels.append((WORDS[entry.error_mend][0], Target("action", entry.error_mend)))
        if entry.error_detail:
            labels.append(("Hide details" if unfolded else "Details", Target("details")))
        self._buttons = _Buttons(labels, style)
        self._width = 0
        self._tops = (0, 0, 0)

    def lay_out(self, width: int) -> int:
        self._width = width
        x = S4 + 18 + S3
        room = max(width - x - S4, 80)
        y = self.ABOVE + S3 + S1
        top_what = y
        y += self._what.lay_out(room)
        top_advice = y + 2
        if self._advice is not None:
            y = top_advice + self._advice.lay_out(room)
        if self._buttons.buttons:
            y += S3
            self._buttons.place(x, y)
            y += _Buttons.HEIGHT
        top_detail = y + S3
        if self._detail is not None:
            y = top_detail + self._detail.lay_out(room)
        self._tops = (top_what, top_advice, top_detail)
        self.height = y + S4
        return self.height

    def paint(self, painter: QPainter, look: Look) -> None:
        style = look.style
        tokens = style.tokens
        ink = tokens.warning if self._cut else tokens.danger
        rect = QRectF(0, self.ABOVE, self._width, self.height - self.ABOVE)
        rounded(painter, rect, RADIUS, tokens.raised, tokens.border)
        painter.save()
        painter.setClipRect(QRectF(0, self.ABOVE, 3, rect.height()))
        rounded(painter, rect, RADIUS, ink)
        painter.restore()
        what, advice, detail = self._tops
        middle = what + style.chrome.pitch / 2
        draw_icon(painter, "warning", ink, 18, S4, middle - 9)
        x = S4 + 18 + S3
        painter.setPen(QPen(tokens.text))
        self._what.paint(painter, x, what)
        painter.setPen(QPen(tokens.secondary))
        if self._advice is not None:
            self._advice.paint(painter, x, advice)
        self._buttons.paint(painter, look)
        if self._detail is not None:
            painter.setPen(QPen(tokens.secondary))
            self._detail.paint(painter, x, detail)

    def target_at(self, x: float, y: float, scroll: int = 0) -> Target | None:
        return self._buttons.at(x, y)
