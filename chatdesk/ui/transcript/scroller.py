"""Scrolling: exact by pixels, estimated only where the scroll bar is dragged far.

The layout is the truth and the scroll bar says where it is; when the person moves the bar, steps
under three viewports are taken as distances. Following begins only when the very end is in view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QWheelEvent

from chatdesk.ui.transcript.layout import Layout
from chatdesk.ui.transcript.painter import Shown
from chatdesk.ui.transcript.style import TOP

if TYPE_CHECKING:
    from chatdesk.ui.transcript.view import TranscriptView

NOTCH = 120  # of a wheel, in eighths of a degree
LINES_A_NOTCH = 3


class Scroller(QObject):
    """Moves the layout and keeps the scroll bar in step. Belongs to a TranscriptView."""

    def __init__(self, view: TranscriptView, layout: Layout) -> None:
        super().__init__(view)
        self._layout = layout
        self._bar = view.verticalScrollBar()
        self._writing = False
        self._value = 0
        self._bar.valueChanged.connect(self._moved)

    @property
    def _view(self) -> TranscriptView:
        return self.parent()  # type: ignore[return-value]

    @property
    def at_end(self) -> bool:
        """Whether the end of the last message is in view."""
        return self._layout.following or self._layout.at_end(self._view.viewport().height())

    def to_end(self) -> None:
        """Show the end and follow it."""
        self._layout.following = True
        self._settle()

    def to_start(self) -> None:
        """Show the first entry."""
        self._layout.scroll_to(0)
        self._settle()

    def to_entry(self, index: int) -> None:
        """Show the beginning of an entry."""
        self._layout.scroll_to_unit(index, 0, TOP)
        self._settle()

    def by(self, delta: int) -> None:
        """Move the view down by exactly so many pixels, as far as there is content."""
        self._view.ensure()
        self._layout.scroll_by(delta)
        self._settle()

    def sideways(self, one: Shown, delta: int) -> None:
        """Scroll a wide block sideways, with all pieces of it."""
        after = max(0, min(one.scroll + delta, one.block.scroll_range()))
        if after != one.scroll:
            one.message.scrolls[one.block_id] = after
            self._view.viewport().update()

    def wheel(self, event: QWheelEvent) -> bool:
        """Pixels from touch pads, three lines a notch from wheels; sideways over wide blocks.

        Returns whether the event means scrolling.
        """
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return False
        pixels, angle = event.pixelDelta(), event.angleDelta()
        notch = LINES_A_NOTCH * self._view.line / NOTCH
        down = -pixels.y() if not pixels.isNull() else -round(angle.y() * notch)
        right = -pixels.x() if not pixels.isNull() else -round(angle.x() * notch)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not right:
            down, right = 0, down
        if abs(right) > abs(down):
            one = self._view.pointer.unit_at(event.position().toPoint())
            if one is not None:
                self.sideways(one, right)
        elif down:
            self.by(down)
        return True

    def write(self) -> None:
        """Make the scroll bar say where we are; estimates may only shape its middle."""
        height = self._view.viewport().height()
        most = self._most(height)
        value = self._layout.offset
        if self._layout.following:
            value = most
        elif value > 0:
            value = min(value, max(most - 1, 1))
        self._writing = True
        self._bar.setPageStep(height)
        self._bar.setSingleStep(2 * self._view.line)
        self._bar.setRange(0, most)
        self._bar.setValue(value)
        self._writing = False
        self._value = self._bar.value()

    def _most(self, height: int) -> int:
        return max(0, self._layout.content_height - height)

    def _settle(self) -> None:
        """Lay out after a move, and follow from now on if the very end is in view."""
        self._view.ensure(changed=True)
        height = self._view.viewport().height()
        # One pixel up is enough to read on undisturbed.
        if self._layout.at_end(height) and self._layout.offset >= self._most(height):
            self._layout.following = True
            self.write()
        self._view.pointer.scrolled()

    def _moved(self, value: int) -> None:
        if self._writing:
            return
        delta = value - self._value
        if value >= self._bar.maximum():
            self.to_end()
        elif value <= self._bar.minimum():
            self.to_start()
        elif abs(delta) < 3 * self._view.viewport().height():
            self.by(delta)
        else:
            self._layout.scroll_to(value)
            self._settle()
