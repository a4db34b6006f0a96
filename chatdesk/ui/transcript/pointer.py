"""What the pointer does in the transcript: hovering, clicking, selecting by dragging.

It turns points into units, places in source text and targets. Links and buttons act when they are
released where they were pressed. Dragging past an edge scrolls; a double click selects words, a
triple click paragraphs, and dragging goes on in the same steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QElapsedTimer, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QClipboard, QGuiApplication, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication

from chatdesk.ui.transcript.block import Target
from chatdesk.ui.transcript.code import is_wide
from chatdesk.ui.transcript.flow import word_at
from chatdesk.ui.transcript.message import Key
from chatdesk.ui.transcript.painter import Shown
from chatdesk.ui.transcript.selection import Place

if TYPE_CHECKING:
    from chatdesk.ui.transcript.view import TranscriptView

AUTO_SCROLL_MS = 30
Step = Literal["character", "word", "paragraph"]
Press = tuple[str, Key, Target]


class Pointer(QObject):
    """The pointer's state. Belongs to a TranscriptView, which forwards its mouse events."""

    def __init__(self, view: TranscriptView) -> None:
        super().__init__(view)
        self._pressed: Press | None = None
        self._dragging = False
        self._step: Step = "character"
        # The word or paragraph that a double or triple click began with.
        self._origin: tuple[Place, Place] | None = None
        self._last = QPoint(-1, -1)
        self._double = QElapsedTimer()
        self._double_at = QPoint()
        self._auto = QTimer(self)
        self._auto.setInterval(AUTO_SCROLL_MS)
        self._auto.timeout.connect(self._auto_scroll)

    @property
    def _view(self) -> TranscriptView:
        view = self.parent()
        return view  # type: ignore[return-value]

    # -- where things are ---------------------------------------------------------------------

    def unit_at(self, point: QPoint) -> Shown | None:
        """The unit whose band holds a point."""
        for one in self._view.shown:
            if one.placed.y <= point.y() < one.placed.bottom:
                return one
        return None

    def _inside(self, one: Shown, point: QPoint) -> tuple[float, float]:
        return float(point.x() - self._view.column_left), float(point.y() - one.placed.y)

    def target_at(self, point: QPoint) -> Target | None:
        """What a click at a point would do."""
        one = self.unit_at(point)
        return one.block.target_at(*self._inside(one, point), one.scroll) if one else None

    def tooltip_at(self, point: QPoint) -> str:
        one = self.unit_at(point)
        return one.block.tooltip_at(*self._inside(one, point), one.scroll) if one else ""

    def place_at(self, point: QPoint) -> Place | None:
        """The place in the text nearest to a point."""
        found = self._text_near(point)
        if found is None:
            return None
        one, edge = found
        block = one.block
        assert block.part is not None
        if edge == "start":
            position = 0
        elif edge == "end":
            position = len(block.text)
        else:
            position = block.position_at(*self._inside(one, point), one.scroll)
        return _place(one, position)

    def _text_near(self, point: QPoint) -> tuple[Shown, Literal["start", "inside", "end"]] | None:
        """The unit with text at a point, else the one before it or after it."""
        before: Shown | None = None
        for one in self._view.shown:
            if one.block.part is None:
                continue
            if one.placed.y > point.y():
                return (before, "end") if before is not None else (one, "start")
            if point.y() < one.placed.bottom:
                return one, "inside"
            before = one
        return (before, "end") if before is not None else None

    # -- events -------------------------------------------------------------------------------

    def pressed(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        view, point = self._view, event.position().toPoint()
        one = self.unit_at(point)
        if one is not None:
            view.focus_entry(one.message.entry.id)
        self._pressed = None
        target = self.target_at(point)
        if one is not None and target is not None:
            self._pressed = (one.message.entry.id, one.key, target)
            if target.kind != "link":
                return
        place = self.place_at(point)
        if place is None:
            return
        self._dragging = True
        if self._is_triple(point):
            self._begin(point, "paragraph")
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and view.selection.anchor:
            self._step, self._origin = "character", None
            view.select(view.selection.anchor, place)
        else:
            self._step, self._origin = "character", None
            view.select(place, place)

    def double_clicked(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position().toPoint()
        target = self.target_at(point)
        if target is not None and target.kind != "link":
            self.pressed(event)
            return
        self._double.start()
        self._double_at = point
        self._dragging = True
        self._begin(point, "word")

    def moved(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        self._last = point
        if self._dragging and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag_to(point)
            outside = not 0 <= point.y() < self._view.viewport().height()
            if outside and not self._auto.isActive():
                self._auto.start()
            elif not outside:
                self._auto.stop()
        else:
            self._hover(point)

    def released(self, event: QMouseEvent) -> None:
        self._auto.stop()
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._dragging = False
        view, point = self._view, event.position().toPoint()
        pressed, self._pressed = self._pressed, None
        one = self.unit_at(point)
        # A link that was dragged over was selected, not clicked.
        clicked = pressed is not None and (pressed[2].kind != "link" or view.selection.empty)
        if clicked and one is not None and pressed is not None:
            target = self.target_at(point)
            same_place = target is not None and (
                (one.message.entry.id, target) == (pressed[0], pressed[2])
            )
            if same_place and (pressed[2].kind == "link" or one.key == pressed[1]):
                self._activate(one, pressed[2])
        clipboard = QGuiApplication.clipboard()
        if clipboard.supportsSelection() and not view.selection.empty:
            clipboard.setText(view.selected_text(), QClipboard.Mode.Selection)
        self._hover(point)

    def left(self) -> None:
        """The pointer left the view."""
        self._last = QPoint(-1, -1)
        self._view.set_hovered(None)
        self._set_target(None)

    def scrolled(self) -> None:
        """What is under the pointer changed though it did not move."""
        if self._last.x() >= 0 and not self._dragging:
            self._hover(self._last)

    # -- hovering and clicking ----------------------------------------------------------------

    def _hover(self, point: QPoint) -> None:
        view = self._view
        one = self.unit_at(point)
        view.set_hovered(one.message.entry.id if one is not None else None)
        target = self.target_at(point) if one is not None else None
        if one is None or target is None:
            self._set_target(None)
        else:
            self._set_target((one.message.entry.id, one.key, target))
        shape = Qt.CursorShape.ArrowCursor
        if target is not None:
            shape = Qt.CursorShape.PointingHandCursor
        elif one is not None and one.block.is_text(*self._inside(one, point), one.scroll):
            shape = Qt.CursorShape.IBeamCursor
        if view.viewport().cursor().shape() != shape:
            view.viewport().setCursor(shape)

    def _set_target(self, target: Press | None) -> None:
        view = self._view
        if view.highlights.hovered != target:
            view.highlights.hovered = target
            view.viewport().update()

    def _activate(self, one: Shown, target: Target) -> None:
        view, message = self._view, one.message
        if target.kind == "link":
            view.link_activated.emit(target.value)
        elif target.kind == "copy" and one.block.part is not None:
            view.copy_code(message, one.block.part, int(target.value))
        elif target.kind == "fold":
            view.toggle_fold(message)
        elif target.kind == "details":
            view.toggle_details(message)
        elif target.kind == "action":
            view.act(message.entry.id, target.value)

    # -- selecting ----------------------------------------------------------------------------

    def _is_triple(self, point: QPoint) -> bool:
        interval = QApplication.doubleClickInterval()
        near = (point - self._double_at).manhattanLength() < QApplication.startDragDistance()
        return self._double.isValid() and self._double.elapsed() < interval and near

    def _begin(self, point: QPoint, step: Step) -> None:
        self._step = step
        around = self._around(point)
        self._origin = around
        if around is not None:
            self._view.select(*around)

    def _around(self, point: QPoint) -> tuple[Place, Place] | None:
        """The word or paragraph at a point."""
        found = self._text_near(point)
        if found is None:
            return None
        one, edge = found
        text = one.block.text
        position = one.block.position_at(*self._inside(one, point), one.scroll)
        if edge != "inside":
            position = 0 if edge == "start" else len(text)
        start, end = 0, len(text)
        if self._step == "word":
            start, end = word_at(text, position)
        elif "\n" in text and one.block.part is not None:
            # A "paragraph" of code, of a table or of a person's message is a line.
            start = text.rfind("\n", 0, position) + 1
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
        return _place(one, start), _place(one, end)

    def _drag_to(self, point: QPoint) -> None:
        view = self._view
        height = view.viewport().height()
        point = QPoint(point.x(), max(0, min(point.y(), height - 1)))
        self._scroll_wide(point)
        selection = view.selection
        if self._origin is None:
            place = self.place_at(point)
            if place is not None and selection.anchor is not None:
                view.select(selection.anchor, place)
            return
        around = self._around(point)
        if around is None:
            return
        first, last = self._origin
        if selection.key(around[0]) < selection.key(first):
            view.select(last, around[0])
        else:
            view.select(first, max(around[1], last, key=selection.key))

    def _scroll_wide(self, point: QPoint) -> None:
        """Dragging past the side of a wide block scrolls it."""
        one = self.unit_at(point)
        if one is None or not is_wide(one.block):
            return
        x = point.x() - self._view.column_left
        if x < 12:
            self._view.scroll_sideways(one, -16)
        elif x > self._view.content.width - 12:
            self._view.scroll_sideways(one, 16)

    def _auto_scroll(self) -> None:
        view = self._view
        y, height = self._last.y(), view.viewport().height()
        if not self._dragging or 0 <= y < height:
            self._auto.stop()
            return
        away = y if y < 0 else y - height + 1
        view.scroll_by(max(-60, min(60, away // 2 + (4 if away > 0 else -4))))
        self._drag_to(self._last)

    # -- keyboard -----------------------------------------------------------------------------

    def extend_by_key(self, event: QKeyEvent) -> bool:
        """Shift with an arrow moves the selection's end; returns whether the key was one."""
        view = self._view
        head, anchor = view.selection.head, view.selection.anchor
        key = event.key()
        keys = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)
        if key not in keys or head is None or anchor is None:
            return False
        one = self._unit_of(head)
        if one is None:
            return False
        block = one.block
        position = block.position_of(head.offset)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            to = _place(one, max(0, min(position + step, len(block.text))))
            view.select(anchor, to)
            return True
        rect = block.caret_rect(position)
        if rect is None:
            return False
        stride = view.line if key == Qt.Key.Key_Down else -view.line
        y = one.placed.y + rect.center().y() + stride
        if not 0 <= y + stride < view.viewport().height():
            view.scroll_by(3 * stride)
            moved = self._unit_of(head)
            if moved is None:
                return True
            y += moved.placed.y - one.placed.y
            one = moved
        point = QPointF(view.column_left + rect.x(), y).toPoint()
        place = self.place_at(point) if one.placed.y <= y < one.placed.bottom else None
        if place is None or place == head:
            # Between this text and the next there may be a gap, a name, a row of actions.
            units = [other for other in view.shown if other.block.part is not None]
            next_one = units.index(one) + (1 if stride > 0 else -1)
            if not 0 <= next_one < len(units):
                return True
            band = units[next_one].placed
            point.setY(band.y + 1 if stride > 0 else band.bottom - 2)
            place = self.place_at(point)
        if place is not None:
            view.select(anchor, place)
        return True

    def _unit_of(self, place: Place) -> Shown | None:
        """The visible unit that shows a place."""
        found: Shown | None = None
        for one in self._view.shown:
            own = one.message.entry.id == place.entry_id and one.block.part == place.part
            if own and (one.block.start <= place.offset or found is None):
                found = one
        return found


def _place(one: Shown, position: int) -> Place:
    """The place in the source of a position in a unit's text.

    At the end of a leaf it is the end of its last shown character, or of the whole leaf where
    what follows is only markup.
    """
    assert one.block.part is not None
    return Place(one.message.entry.id, one.block.part, one.block.source_at(position))
