"""What the keyboard does in the transcript.

Up and Down go from message to message (through a tall one by lines), Left and Right through its
variants, Enter and the Menu key open its menu, Tab goes on into its action row. Page keys, Home,
End and Space scroll. Keys that mean nothing here are left to the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from chatdesk.ui.transcript.style import TOP

if TYPE_CHECKING:
    from chatdesk.ui.transcript.view import TranscriptView

_NO_MODIFIERS = ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)


class Keys(QObject):
    """The focused entry and the keys that act on it. Belongs to a TranscriptView."""

    def __init__(self, view: TranscriptView) -> None:
        super().__init__(view)
        self.focused: str | None = None
        # Whether the keyboard brought it there: then it has a ring and its actions are shown.
        self.ring = False

    @property
    def _view(self) -> TranscriptView:
        return self.parent()  # type: ignore[return-value]

    def pressed(self, event: QKeyEvent) -> bool:
        """Do what a key means; returns whether it means something here."""
        view, key = self._view, event.key()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        plain = not event.modifiers() & _NO_MODIFIERS
        page = max(view.viewport().height() - 2 * view.line, 40)
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            view.select_all()
        elif shift and view.pointer.extend_by_key(event):
            pass
        elif key == Qt.Key.Key_PageDown or (key == Qt.Key.Key_Space and plain and not shift):
            view.scroll_by(page)
        elif key == Qt.Key.Key_PageUp or (key == Qt.Key.Key_Space and plain):
            view.scroll_by(-page)
        elif key == Qt.Key.Key_Home:
            view.scroll_to_start()
        elif key == Qt.Key.Key_End:
            view.scroll_to_end()
        elif plain and key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._step(1 if key == Qt.Key.Key_Down else -1)
        elif plain and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._step_variant(1 if key == Qt.Key.Key_Right else -1)
        elif (
            key == Qt.Key.Key_Menu
            or (key == Qt.Key.Key_F10 and shift)
            or (plain and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter))
        ):
            view.show_menu_of_focused()
        elif key == Qt.Key.Key_Escape and not view.selection.empty:
            view.clear_selection()
        else:
            return False
        return True

    def _copy(self) -> None:
        view = self._view
        if view.selection.empty and self.focused is not None:
            view.act(self.focused, "copy")
        else:
            view.copy_selection()

    def _step_variant(self, step: int) -> None:
        view = self._view
        message = view.content.find(self.focused) if self.focused is not None else None
        if message is None or message.entry.streaming:
            return
        index, count = message.entry.variant
        if 1 <= index + step <= count:
            view.act(message.entry.id, "next" if step > 0 else "previous")

    def _step(self, step: int) -> None:
        """Go to the next or previous entry; through a tall one by lines first."""
        view = self._view
        messages = view.content.messages
        if not view.shown:
            return
        index = view.content.index(self.focused) if self.focused is not None else None
        if index is None:
            visible = view.shown[-1 if step < 0 else 0].message
            view.focus_entry(visible.entry.id, keyboard=True)
            return
        top, height = view.heights_of(index)
        room, stride = view.viewport().height(), 3 * view.line
        in_view = top < room and top + height > 0
        if self.ring and in_view and step > 0 and top + height - TOP > room:
            view.scroll_by(min(stride, top + height - room))
        elif self.ring and in_view and step < 0 and top < 0:
            view.scroll_by(-min(stride, TOP - top))
        elif not self.ring:
            view.focus_entry(self.focused, keyboard=True)
        elif 0 <= index + step < len(messages):
            view.focus_entry(messages[index + step].entry.id, keyboard=True)
        else:
            view.scroll_by(step * stride)
