"""Where the real buttons are: action rows on the footers they belong to, and the way to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal

from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript.end_button import EndButton
from chatdesk.ui.transcript.furniture import Footer
from chatdesk.ui.transcript.overlay import INSET, ActionRow
from chatdesk.ui.transcript.painter import Shown
from chatdesk.ui.transcript.style import HEAD_ROW, ROW_GAP

if TYPE_CHECKING:
    from chatdesk.ui.transcript.view import TranscriptView


class Rows(QObject):
    """One row for the hovered or focused entry, one for the last. Belongs to a TranscriptView."""

    triggered = Signal(str, str)
    more_requested = Signal(str, QPoint)
    end_requested = Signal()

    def __init__(self, view: TranscriptView, theme: Theme) -> None:
        super().__init__(view)
        viewport = view.viewport()
        self._floating = ActionRow(theme, viewport)
        self._last = ActionRow(theme, viewport)
        self._end = EndButton(theme, viewport)
        self._end.clicked.connect(self.end_requested)
        for row in (self._floating, self._last):
            row.triggered.connect(self.triggered)
            row.more_requested.connect(self.more_requested)

    @property
    def _view(self) -> TranscriptView:
        return self.parent()  # type: ignore[return-value]

    def place(self, shown: list[Shown], wanted: str | None, at_end: bool) -> set[str]:
        """Put everything where it belongs; returns the entries whose actions are shown.

        shown: the visible units. wanted: the hovered or focused entry. A row that has the keyboard
        stays with its entry.
        """
        messages = self._view.content.messages
        last = messages[-1].entry.id if messages else None
        if self._floating.has_focus() and self._floating.entry is not None:
            wanted = self._floating.entry.id
        active: set[str] = set()
        for row, entry_id in (
            (self._floating, wanted if wanted != last else None),
            (self._last, last),
        ):
            footer = _footer(shown, entry_id)
            if footer is None or footer.message.entry.streaming:
                row.hide()
            else:
                self._put(row, footer)
                active.add(footer.message.entry.id)
        self._end.place(not at_end and bool(messages))
        return active

    def _put(self, row: ActionRow, footer: Shown) -> None:
        view, entry = self._view, footer.message.entry
        row.show_for(entry)
        width = row.sizeHint().width()
        left = view.column_left - INSET
        if entry.mine:
            left = view.column_left + view.content.width - width + INSET
        row.setGeometry(left, footer.placed.y + ROW_GAP, width, HEAD_ROW)
        row.show()

    def show_copied(self, entry_id: str) -> None:
        """Say for a moment that a message was copied."""
        for row in (self._floating, self._last):
            if row.entry is not None and row.entry.id == entry_id:
                row.show_copied()

    def restyle(self, theme: Theme) -> None:
        """Fetch icons and colours of the theme."""
        for widget in (self._floating, self._last, self._end):
            widget.restyle(theme)


def _footer(shown: list[Shown], entry_id: str | None) -> Shown | None:
    """The visible footer of an entry."""
    for one in shown:
        if one.message.entry.id == entry_id and isinstance(one.block, Footer):
            return one
    return None
