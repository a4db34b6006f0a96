"""The message view: the widget that shows a conversation, however long it is.

It paints; there is no widget and no document per message. Stage holds the messages and where they
stand, painter paints them, Pointer and Keys know what the person means, ActionRow holds the real
buttons. Nothing that a reply contains is ever loaded: there is no image, no resource and no HTML
in here. All methods belong to the GUI thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QToolTip, QWhatsThis, QWidget

from chatdesk.ui.controls import QuietScrollBar
from chatdesk.ui.theme import Theme
from chatdesk.ui.tooltips import plain
from chatdesk.ui.transcript.accessible import MessageList, announce, install, say, tell_focus
from chatdesk.ui.transcript.code import Code
from chatdesk.ui.transcript.content import Content
from chatdesk.ui.transcript.entries import Entry, Part
from chatdesk.ui.transcript.inks import Inks
from chatdesk.ui.transcript.keys import Keys
from chatdesk.ui.transcript.menu import transcript_menu
from chatdesk.ui.transcript.message import Message
from chatdesk.ui.transcript.painter import Highlights, Shown, entry_rect, paint
from chatdesk.ui.transcript.pointer import Pointer
from chatdesk.ui.transcript.rows import Rows
from chatdesk.ui.transcript.scroller import Scroller
from chatdesk.ui.transcript.selection import Place, Selection
from chatdesk.ui.transcript.stage import Stage
from chatdesk.ui.transcript.streaming import Coalescer, Piece
from chatdesk.ui.transcript.style import EDGE, TOP, Style

AHEAD_MS = 4
COPIED_MS = 1_600
LEAST_COLUMN = 160
_BY_KEY = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class TranscriptView(QAbstractScrollArea):
    """A conversation. Give it entries; it emits what the person wants done with them.

    action_requested(entry id, action): see entries.Action; "copy" and "info" were done already
    when they are emitted. link_activated(url): a link was clicked; http, https and mailto only.
    """

    action_requested = Signal(str, str)
    link_activated = Signal(str)
    selection_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("transcript")
        self.setAccessibleName("Messages")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there, so that the column does not move when the conversation grows.
        self.setVerticalScrollBar(QuietScrollBar(self))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._theme = theme
        self._inks = Inks(theme.dark)
        self.content = Content(Style(theme), self._inks)
        self._stage = Stage(self.content)
        self._layout = self._stage.layout
        self.selection = Selection(self.content)
        self.highlights = Highlights()
        self._dirty = True
        self._hovered: str | None = None
        viewport = self.viewport()
        viewport.setMouseTracking(True)
        viewport.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._rows = Rows(self, theme)
        self._rows.triggered.connect(self.act)
        self._rows.more_requested.connect(self._show_menu)
        self._rows.end_requested.connect(self.scroll_to_end)
        self._scroller = Scroller(self, self._layout)
        self.pointer = Pointer(self)
        self._keys = Keys(self)
        self._coalescer = Coalescer(self)
        self._coalescer.ready.connect(self._take)
        self._soon = self._single_shot(0, self.ensure)
        self._ahead_timer = self._single_shot(AHEAD_MS, self._ahead)
        self._copied_timer = self._single_shot(COPIED_MS, self._forget_copied)
        theme.changed.connect(self._restyle)
        self._accessible: MessageList | None = None
        application = QCoreApplication.instance()
        assert application is not None
        install(application)

    def accessible(self) -> MessageList:
        """What assistive technology sees of the view."""
        if self._accessible is None:
            self._accessible = MessageList(self)
        return self._accessible

    def _single_shot(self, milliseconds: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    # -- entries ------------------------------------------------------------------------------

    def set_entries(self, entries: Iterable[Entry], *, to_end: bool | None = None) -> None:
        """Show these entries in place of those there are.

        What is equal in both keeps its place, its folds and the text streamed so far. to_end: show
        the end; by default when no entry is left of before, or when a new one stands there that
        the person wrote or that is being written.
        """
        self._coalescer.flush()
        self._stage.set_entries(entries, to_end)
        if self.selection.ordered() is None:
            self.selection.clear()
        if self._keys.focused is not None and self.content.index(self._keys.focused) is None:
            self._keys.focused = self.highlights.ring = None
        self._hovered = None
        self._request()

    def append_entry(self, entry: Entry) -> None:
        """Add an entry at the end. The person's own message brings the end into view."""
        self._coalescer.flush()
        self._stage.append_entry(entry)
        self._request()

    def update_entry(self, entry: Entry) -> None:
        """Show a newer state of an entry; unknown ids are ignored (they may be on another path).

        While it stays streaming its text is what was streamed, if that goes on from entry's.
        """
        self._coalescer.flush()
        message = self.content.find(entry.id)
        written = message is not None and message.entry.streaming and not entry.streaming
        if self._stage.update_entry(entry):
            self._request()
            if written:
                announce(self, entry)

    def append_text(self, entry_id: str, kind: str, text: str) -> None:
        """The reply grows: kind is "text" or "reasoning". Shown within a frame."""
        part: Part = "reasoning" if kind == "reasoning" else "content"
        if text and self.content.index(entry_id) is not None:
            self._coalescer.add(entry_id, part, text)

    def set_activity(self, entry_id: str, text: str, fraction: float | None = None) -> None:
        """Say what happens before a reply's first word; fraction 0..1 shows a bar."""
        if self._stage.set_activity(entry_id, text, fraction):
            self._request()

    def say(self, text: str) -> None:
        """Have assistive technology read out one line."""
        say(self, text)

    def text_of(self, entry_id: str) -> str:
        """The source text of an entry, all that has come; "" for an unknown one."""
        self._coalescer.flush()
        message = self.content.find(entry_id)
        return message.text("content") if message is not None else ""

    def entries(self) -> list[Entry]:
        """The entries shown, as they were given (streamed text is in text_of)."""
        return [message.entry for message in self.content.messages]

    def _take(self, pieces: list[Piece]) -> None:
        """Streamed text: lay out, and repaint from the first changed unit on if none moved."""
        changed = self._stage.take(pieces)
        if self._dirty:
            self.ensure()
            return
        before = self._stage.positions()
        self._place()
        after = set(self._stage.positions())
        first = min(changed, default=(len(self.content), 0))
        kept = 0
        while kept < len(before) and before[kept] in after and before[kept][:2] < first:
            kept += 1
        if kept == len(before) == len(after):
            return
        top = before[kept][2] if 0 < kept < len(before) else 0
        viewport = self.viewport()
        viewport.update(0, top, viewport.width(), viewport.height() - top)

    # -- geometry -----------------------------------------------------------------------------

    @property
    def column_left(self) -> int:
        """The left edge of the column in the viewport."""
        return (self.viewport().width() - self.content.width) // 2

    @property
    def line(self) -> int:
        """The pitch of message text."""
        return self.content.style.body.pitch

    @property
    def shown(self) -> list[Shown]:
        """The visible units from the top."""
        self.ensure()
        return self._stage.shown

    def heights_of(self, index: int) -> tuple[int, int]:
        """(top in the viewport, height) of an entry; estimated where it is not visible."""
        self.ensure()
        return self._layout.heights_of(index)

    def _request(self) -> None:
        """Lay out soon: many changes in a row cost one layout."""
        self._dirty = True
        if not self._soon.isActive():
            self._soon.start()

    def ensure(self, *, changed: bool = False) -> None:
        """Lay out now if anything changed since the last time."""
        if self._dirty or changed:
            self._place()
            self.viewport().update()

    def _place(self) -> None:
        self._dirty = False
        self._soon.stop()
        self._stage.place(self.viewport().height())
        self._scroller.write()
        self._place_rows()
        if not self._ahead_timer.isActive():
            self._ahead_timer.start()

    def _ahead(self) -> None:
        """An idle moment: colour what is painted plain, then parse what is about to be seen."""
        for one in self._stage.shown:
            if isinstance(one.block, Code) and one.block.plain:
                one.block.colour()
                area = self.viewport()
                area.update(0, one.placed.y, area.width(), one.placed.height)
                self._ahead_timer.start()
                return
        if self._stage.parse_ahead(self.viewport().height()):
            self._ahead_timer.start()

    def _place_rows(self) -> None:
        wanted = self._hovered or (self._keys.focused if self._keys.ring else None)
        active = self._rows.place(self._stage.shown, wanted, self._scroller.at_end)
        if active != self.highlights.active:
            self.highlights.active = active
            self.viewport().update()

    # -- scrolling ----------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the end stays in view while the reply grows."""
        return self._layout.following

    def scroll_to_end(self) -> None:
        """Show the end and follow it."""
        self._scroller.to_end()

    def scroll_to_start(self) -> None:
        """Show the first entry."""
        self._scroller.to_start()

    def scroll_to_entry(self, entry_id: str) -> None:
        """Show the beginning of an entry; unknown ids are ignored."""
        index = self.content.index(entry_id)
        if index is not None:
            self._scroller.to_entry(index)

    def scroll_by(self, delta: int) -> None:
        """Move the view down by exactly so many pixels, as far as there is content."""
        self._scroller.by(delta)

    def scroll_sideways(self, one: Shown, delta: int) -> None:
        """Scroll a wide block sideways, with all pieces of it."""
        self._scroller.sideways(one, delta)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.setAccepted(self._scroller.wheel(event))

    # -- selection ----------------------------------------------------------------------------

    def select(self, anchor: Place | None, head: Place | None) -> None:
        """Select from one place to another (None: nothing)."""
        if (anchor, head) != (self.selection.anchor, self.selection.head):
            self.selection.set(anchor, head)
            self.viewport().update()
            self.selection_changed.emit()

    def select_all(self) -> None:
        """Select every message."""
        self._coalescer.flush()
        if self.content.messages:
            first, last = self.content.messages[0], self.content.messages[-1]
            self.select(
                Place(first.entry.id, first.shown_parts[0], 0),
                Place(last.entry.id, "content", last.length("content")),
            )

    def clear_selection(self) -> None:
        """Select nothing."""
        self.select(None, None)

    def selected_text(self) -> str:
        """What is selected: Markdown of whole paragraphs, plain text within one."""
        return self.selection.text()

    def copy_selection(self) -> None:
        """Put what is selected into the clipboard; nothing selected changes nothing."""
        text = self.selected_text()
        if text:
            QGuiApplication.clipboard().setText(text)

    # -- doing things -------------------------------------------------------------------------

    def act(self, entry_id: str, action: str) -> None:
        """Ask for an action; copying is done here."""
        if action == "copy":
            QGuiApplication.clipboard().setText(self.text_of(entry_id))
            self._rows.show_copied(entry_id)
        elif action == "info":
            self._show_details(entry_id)
        self.action_requested.emit(entry_id, action)

    def _show_details(self, entry_id: str) -> None:
        """When a message was written and what it cost, until the next click or key."""
        message = self.content.find(entry_id)
        if message is None:
            return
        entry = message.entry
        lines = "\n".join(line for line in (entry.time, entry.meter_detail) if line)
        rect = entry_rect(self.shown, entry_id, self.column_left, self.content.width)
        below = min(rect.bottom(), self.viewport().height() - TOP) if rect is not None else 0
        place = self.viewport().mapToGlobal(
            QPoint(self.column_left + self.content.width // 4, max(below, 0))
        )
        QWhatsThis.showText(place, escape(lines).replace("\n", "<br>"), self)

    def copy_code(self, message: Message, part: Part, block_id: int) -> None:
        """Copy a whole code block and say so for a moment."""
        QGuiApplication.clipboard().setText(message.source(part).code(block_id))
        self.highlights.copied = (message.entry.id, block_id)
        self._copied_timer.start()
        self.viewport().update()

    def _forget_copied(self) -> None:
        self.highlights.copied = None
        self.viewport().update()

    def toggle_fold(self, message: Message) -> None:
        """Open or close a reply's reasoning."""
        self._stage.toggle_fold(message)
        self._request()

    def toggle_details(self, message: Message) -> None:
        """Open or close the details of an error."""
        self._stage.toggle_details(message)
        self._request()

    def menu_for(self, entry_id: str | None, one: Shown | None = None, link: str = "") -> QMenu:
        """The context menu of an entry; the caller shows it."""
        return transcript_menu(self, self._theme, entry_id, one, link)

    def _show_menu(self, entry_id: str, place: QPoint) -> None:
        self.menu_for(entry_id).popup(place)

    def show_menu_of_focused(self) -> None:
        """The menu of the entry that has the keyboard, below its first line."""
        entry_id = self._keys.focused
        if entry_id is None and self.content.messages:
            entry_id = self.content.messages[-1].entry.id
        if entry_id is None:
            return
        rect = entry_rect(self.shown, entry_id, self.column_left, self.content.width)
        place = QPoint(self.column_left, max(rect.top(), 0) + self.line) if rect else QPoint(0, 0)
        self.menu_for(entry_id).popup(self.viewport().mapToGlobal(place))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            one = self.pointer.unit_at(event.pos())
            entry_id = one.message.entry.id if one is not None else None
            target = self.pointer.target_at(event.pos())
            link = target.value if target is not None and target.kind == "link" else ""
            self.menu_for(entry_id, one, link).popup(event.globalPos())
        else:
            self.show_menu_of_focused()
        event.accept()

    # -- hovering and focus -------------------------------------------------------------------

    def set_hovered(self, entry_id: str | None) -> None:
        """The entry under the pointer changed."""
        if entry_id != self._hovered:
            self._hovered = entry_id
            self._place_rows()

    @property
    def focused_entry(self) -> str | None:
        """The entry that arrow keys go on from."""
        return self._keys.focused

    def focus_entry(self, entry_id: str | None, *, keyboard: bool = False) -> None:
        """Make an entry the one that keys act on; keyboard shows the ring and brings it in view."""
        self._keys.focused = entry_id
        self._keys.ring = keyboard and entry_id is not None
        if keyboard and entry_id is not None:
            self._bring_in_view(entry_id)
            tell_focus(self, self.content.index(entry_id) or 0)
        self._show_ring()

    def _show_ring(self) -> None:
        ringed = self._keys.ring and self.hasFocus()
        self.highlights.ring = self._keys.focused if ringed else None
        self._place_rows()
        self.viewport().update()

    def _bring_in_view(self, entry_id: str) -> None:
        index = self.content.index(entry_id)
        if index is None:
            return
        top, height = self.heights_of(index)
        room = self.viewport().height()
        if index == len(self.content) - 1 and height <= room:
            self.scroll_to_end()
        elif top < TOP or height > room:
            if top < 0 or top > room - 3 * TOP:
                self.scroll_to_entry(entry_id)
        elif top + height > room:
            self.scroll_by(top + height - room)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.setAccepted(self._keys.pressed(event))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in _BY_KEY:
            self._keys.ring = True
            if self._keys.focused is None and self.content.messages:
                self._keys.focused = self.content.messages[-1].entry.id
        self._show_ring()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._show_ring()

    # -- events -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._dirty:
            self._place()
        painter = QPainter(self.viewport())
        # Each line's own direction orders its words, as it does in messages.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        paint(
            painter,
            event.region(),
            self.column_left,
            self._stage.shown,
            self.content,
            self.selection,
            self.highlights,
        )
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_column()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit_column()

    def _fit_column(self) -> None:
        width = min(self.content.style.column, self.viewport().width() - 2 * EDGE)
        self._stage.set_width(max(width, LEAST_COLUMN))
        self._dirty = True
        self.ensure()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self.pointer.tooltip_at(event.pos())
            if text:
                QToolTip.showText(event.globalPos(), plain(text), self.viewport())
            else:
                QToolTip.hideText()
            return True
        if event.type() == QEvent.Type.Leave:
            self.pointer.left()
        return super().viewportEvent(event)

    # Mouse events of the viewport arrive here; the Pointer knows what they mean.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pointer.pressed(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointer.moved(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pointer.released(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.pointer.double_clicked(event)

    def sizeHint(self) -> QSize:
        return QSize(self.content.style.column + 2 * EDGE, 480)

    # -- theme --------------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Follow another theme from now on."""
        self._theme.changed.disconnect(self._restyle)
        self._theme = theme
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        """The theme changed: everything is laid out anew, the reading position stays."""
        self._inks.set_dark(self._theme.dark)
        self.content.restyle(Style(self._theme))
        self._layout.invalidate()
        self._rows.restyle(self._theme)
        self._fit_column()
