"""Where the person writes: a card that grows with the text, send and stop, the edit banner.

It knows nothing of conversations: it is given a draft and tells what was written. A draft that
changed is told at most DRAFT_MS after the last key, and at once when the focus leaves or the window
closes, so that no word is lost.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QHideEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from chatdesk.ui.controls import IconButton, hint
from chatdesk.ui.icons import pixmap
from chatdesk.ui.message_field import MessageField
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.theme import ICON, RADIUS, S1, S2, S3, S4, S5, SCROLL_BAR, TARGET, Theme

DRAFT_MS = 300
SMALL_ICON = 14  # pixels of the mark that says where a message goes
EDIT_BANNER = "Editing a message: a new branch starts here"


class Composer(QWidget):
    """submitted(text): send it (the text stays until set_draft or end_edit takes it away).

    draft_changed is silent while an earlier message is edited: edit_changed tells its text instead.
    """

    submitted = Signal(str)
    stop_requested = Signal()
    draft_changed = Signal(str)
    edit_changed = Signal(str)
    edit_last_requested = Signal()
    edit_cancelled = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._streaming = False
        self._editing = False
        self._stashed = ""  # the draft that an edit interrupted
        self._told = ""  # the draft as it was told last
        self._told_edit = ""

        self.card = _Card(theme, self)
        self.field = MessageField(theme, self.card)
        self.send_button = IconButton("send", "", theme, self.card, look="filled")
        self.send_button.setObjectName("sendButton")
        self.stop_button = IconButton(
            "stop", hint("Stop the reply", "Esc"), theme, self.card, look="filled"
        )
        self.stop_button.setObjectName("stopButton")
        self.stop_button.hide()
        self.banner = _Banner(theme, self.card)
        self.banner.hide()
        self.destination = _Destination(theme, self.card)
        self.destination.hide()

        buttons = QVBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addStretch(1)
        buttons.addWidget(self.send_button)
        buttons.addWidget(self.stop_button)
        row = self._row = QHBoxLayout()
        row.setSpacing(S2)
        row.addWidget(self.field, 1)
        row.addLayout(buttons)
        inside = QVBoxLayout(self.card)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(self.banner)
        inside.addLayout(row)
        inside.addWidget(self.destination)
        across = QHBoxLayout(self)
        across.setSpacing(0)
        across.addStretch(1)
        across.addWidget(self.card, 100_000)  # so much that not a pixel is left beside it
        across.addStretch(1)

        self._pending = QTimer(self)
        self._pending.setSingleShot(True)
        self._pending.setInterval(DRAFT_MS)
        self._pending.timeout.connect(self.flush_draft)
        self.field.textChanged.connect(self._changed)
        self.field.accepted.connect(self._submit)
        self.field.escaped.connect(self._escape)
        self.field.up_in_empty.connect(self._edit_last)
        self.field.installEventFilter(self)
        self.send_button.clicked.connect(self._submit)
        self.stop_button.clicked.connect(self.stop_requested)
        self.banner.cancelled.connect(self.edit_cancelled)
        theme.changed.connect(self._theme_changed)
        self.setFocusProxy(self.field)
        self._follow_layout()
        self._theme_changed()
        self.set_model_name("")
        self.set_enter_sends(True)
        self._changed()

    # -- data in --------------------------------------------------------------------------------

    def set_draft(self, text: str) -> None:
        """Show this draft with the cursor at its end; nothing is told."""
        if self._editing:
            self._stashed = text
            return
        self._put(text)
        self._told = text

    def set_streaming(self, streaming: bool) -> None:
        """Show stop in the place of send."""
        if streaming == self._streaming:
            return
        self._streaming = streaming
        focused = self.send_button.hasFocus() or self.stop_button.hasFocus()
        self.send_button.setVisible(not streaming)
        self.stop_button.setVisible(streaming)
        if focused:
            self.focus()

    def begin_edit(self, text: str) -> None:
        """Edit an earlier message: its text takes the draft's place until end_edit()."""
        if not self._editing:
            self.flush_draft()
            self._stashed = self.field.toPlainText()
        self._editing = True
        self.banner.show()
        self._put(text)
        self._told_edit = text
        self._name_send()
        self.focus()

    def end_edit(self) -> None:
        """Leave editing and show the draft again that it interrupted."""
        if not self._editing:
            return
        self._editing = False
        self.banner.hide()
        self._put(self._stashed)
        self._told, self._stashed = self._stashed, ""
        self._name_send()

    def set_model_name(self, name: str) -> None:
        """The model that will answer, for the placeholder."""
        self.field.setPlaceholderText(f"Message {name}".strip())
        # Qt repaints only where the placeholder appears or goes, not where it changes.
        self.field.viewport().update()

    def set_destination(self, text: str, tip: str = "", *, here: bool = False) -> None:
        """Where the message goes when it leaves Chatdesk ("Sent to api.mistral.ai"); "": nowhere.

        here: it stays on this computer all the same.
        A screen reader hears it with the field.
        """
        self.destination.tell(text, tip, here)
        self.field.setAccessibleDescription(tip or text)

    def set_enter_sends(self, enter_sends: bool) -> None:
        """Enter sends and Shift+Enter makes a line; else Enter makes a line, Ctrl+Enter sends."""
        self.field.enter_sends = enter_sends
        self._name_send()

    def flush_draft(self) -> None:
        """Tell the draft, or the edited text, now if it changed since it was told."""
        self._pending.stop()
        text = self.field.toPlainText()
        if self._editing and text != self._told_edit:
            self._told_edit = text
            self.edit_changed.emit(text)
        elif not self._editing and text != self._told:
            self._told = text
            self.draft_changed.emit(text)

    def focus(self) -> None:
        """Put the focus into the text field."""
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- data out -------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self.field.toPlainText()

    @property
    def editing(self) -> bool:
        return self._editing

    # -- inner ----------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._follow_layout()

    def _follow_layout(self) -> None:
        """Keep to the transcript's column: beside that stands its scroll bar, so that both have
        their middle in the same place, and their edges where there is no room for a whole column.
        """
        layout = self.layout()
        if layout is None:
            return
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            layout.setContentsMargins(S5 + SCROLL_BAR, S2, S5, S4)
            self._row.setContentsMargins(S1 + 2, S1, S4, S1)
        else:
            layout.setContentsMargins(S5, S2, S5 + SCROLL_BAR, S4)
            self._row.setContentsMargins(S4, S1, S1 + 2, S1)

    def _put(self, text: str) -> None:
        self.field.set_text(text)
        self._pending.stop()

    def _changed(self) -> None:
        self.send_button.setEnabled(not self.field.is_blank())
        self._pending.start()

    def _submit(self) -> None:
        if self._streaming or self.field.is_blank():
            return
        # Indentation of the first line may mean something (code); empty lines around do not.
        self.submitted.emit(self.field.toPlainText().strip("\n").rstrip())

    def _escape(self) -> None:
        if self._editing:
            self.edit_cancelled.emit()
        elif self._streaming:
            self.stop_requested.emit()

    def _edit_last(self) -> None:
        if not self._editing and not self._streaming:
            self.edit_last_requested.emit()

    def _name_send(self) -> None:
        key = "Return" if self.field.enter_sends else "Ctrl+Return"
        self.send_button.set_hint(hint("Send the edited message" if self._editing else "Send", key))

    def _theme_changed(self) -> None:
        self.card.setMaximumWidth(self._theme.column_width)
        self.card.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QFocusEvent) and watched is self.field:
            self.card.update()
            if event.type() == QEvent.Type.FocusOut:
                self.flush_draft()
        return super().eventFilter(watched, event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.flush_draft()


class _Card(QWidget):
    """The rounded ground; it wears the focus ring for the field in it."""

    def __init__(self, theme: Theme, composer: Composer) -> None:
        super().__init__(composer)
        self._theme = theme
        self._composer = composer
        self.setCursor(Qt.CursorShape.IBeamCursor)

    def mousePressEvent(self, event: object) -> None:
        self._composer.focus()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = self._theme.tokens
        focused = self._composer.field.hasFocus()
        width = 2 if focused else 1
        painter.setPen(QPen(tokens.accent if focused else tokens.control_border, width))
        painter.setBrush(tokens.raised)
        area = QRectF(self.rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2)
        painter.drawRoundedRect(area, RADIUS, RADIUS)


class _Destination(QWidget):
    """The violet mark of a message that will leave, and where it goes."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._text = ""
        self._mark = provider_mark(here=False)
        self.setObjectName("destination")
        self.setCursor(Qt.CursorShape.ArrowCursor)
        theme.changed.connect(self.updateGeometry)

    def tell(self, text: str, tip: str, here: bool) -> None:
        self._text = text
        self._mark = provider_mark(here)
        self.setToolTip(tip)
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self.update()

    @property
    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        return QSize(0, QFontMetrics(self._theme.small_font()).height() + S2 + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ink = self._theme.tokens.remote
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        height = self.height() - S2
        x = self.width() - S4 - SMALL_ICON if mirrored else S4
        image = pixmap(self._mark, ink, SMALL_ICON, self.devicePixelRatioF())
        painter.drawPixmap(x, (height - SMALL_ICON) // 2, image)
        painter.setFont(self._theme.small_font())
        painter.setPen(ink)
        lead = S4 + SMALL_ICON + S1 + 2
        room = self.rect().adjusted(S4 if mirrored else lead, 0, -lead if mirrored else -S4, -S2)
        side = Qt.AlignmentFlag.AlignRight if mirrored else Qt.AlignmentFlag.AlignLeft
        text = painter.fontMetrics().elidedText(
            self._text, Qt.TextElideMode.ElideRight, room.width()
        )
        flags = side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        painter.drawText(room, flags, text)


class _Banner(QWidget):
    """Says that an earlier message is being edited, and lets go of it."""

    cancelled = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("editBanner")
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._label = QLabel(EDIT_BANNER, self)
        self._label.setProperty("tone", "secondary")
        self._label.setMinimumWidth(1)
        cancel = IconButton("close", hint("Cancel the edit", "Esc"), theme, self)
        cancel.setObjectName("cancelEditButton")
        cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(S4 + ICON + S2, S1, S1 + 6, 0)
        row.setSpacing(S2)
        row.addWidget(self._label, 1)
        row.addWidget(cancel)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), TARGET + S1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = self._theme.tokens
        y = S1 + (self.height() - S1 - ICON) // 2
        painter.drawPixmap(S4, y, pixmap("edit", tokens.accent, ICON, self.devicePixelRatioF()))
        painter.fillRect(S3, self.height() - 1, self.width() - S3 * 2, 1, tokens.border)
