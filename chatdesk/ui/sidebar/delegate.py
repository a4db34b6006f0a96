"""How a row of the conversation list looks, and the field in which a title is changed.

All rows have one height, headings too: that lets Qt lay out 100,000 of them at once. A heading's
text stands at the bottom of its row, which gives the sections air.
"""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from chatdesk.ui.controls import ring
from chatdesk.ui.icons import pixmap
from chatdesk.ui.sidebar.model import HEADING, ID, STREAMING
from chatdesk.ui.theme import ICON, RADIUS_SMALL, S1, S2, S3, Theme
from chatdesk.ui.tooltips import plain

Index = QModelIndex | QPersistentModelIndex

ROW = 36  # pixels at usual font sizes
DOT = 7  # diameter of the mark of a conversation in which a reply is being written


class ConversationDelegate(QStyledItemDelegate):
    """renamed(id, title) when the person gave a title that is not empty and not the old one."""

    renamed = Signal(str, str)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.opened = ""  # the conversation shown in the window
        self.trash = False
        self.pulse = 1.0  # opacity of the streaming mark
        self.ringed = False  # whether the current row wears the focus ring
        self.over_button = False
        # Not the view's state: a row that moves resets that while the field stays open.
        self.renaming = False
        self.closeEditor.connect(self._editor_gone)

    def row_height(self) -> int:
        return max(ROW, QFontMetrics(self._theme.chrome_font()).height() + S2 + S1)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, self.row_height())

    # -- places in a row, given for left-to-right and mirrored where needed ---------------------

    @staticmethod
    def body(row: QRect) -> QRect:
        """The rounded part of a row; the list itself keeps the distance on both sides."""
        return row.adjusted(0, 1, 0, -1)

    def button(self, row: QRect, direction: Qt.LayoutDirection) -> QRect:
        """Where the row's own button (menu, or restore in the trash) is."""
        body = self.body(row)
        side = body.height()
        area = QRect(body.right() - side + 1, body.top(), side, side)
        return _mirrored(area, row, direction)

    # -- painting -------------------------------------------------------------------------------

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.data(HEADING):
            self._paint_heading(painter, option, index)
        else:
            self._paint_row(painter, option, index)
        painter.restore()

    def _paint_heading(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        font = self._theme.small_font()
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(self._theme.tokens.secondary)
        area = self.body(option.rect).adjusted(S3 - S1, 0, -S2, -S1)
        painter.drawText(
            area,
            _leading(option.direction) | Qt.AlignmentFlag.AlignBottom,
            str(index.data(Qt.ItemDataRole.DisplayRole)),
        )

    def _paint_row(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens = self._theme.tokens
        state = option.state
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        opened = index.data(ID) == self.opened
        ringed = bool(self.ringed and state & QStyle.StateFlag.State_HasFocus)
        body = QRectF(self.body(option.rect))
        painter.setPen(Qt.PenStyle.NoPen)
        if opened:
            painter.setBrush(tokens.accent_soft)
            painter.drawRoundedRect(body, RADIUS_SMALL, RADIUS_SMALL)
        if (selected and not opened) or hovered:
            painter.setBrush(tokens.pressed if selected and not opened else tokens.hover)
            painter.drawRoundedRect(body, RADIUS_SMALL, RADIUS_SMALL)

        room = self.text_room(option, index, hovered or ringed)
        if hovered or ringed:
            area = self.button(option.rect, option.direction)
            name = "restore" if self.trash else "more"
            lit = hovered and self.over_button
            ink = tokens.text if lit else tokens.secondary
            if lit:
                painter.setBrush(tokens.hover)
                painter.drawRoundedRect(QRectF(area), RADIUS_SMALL, RADIUS_SMALL)
            inset = (area.height() - ICON) // 2
            ratio = painter.device().devicePixelRatio()
            painter.drawPixmap(
                area.topLeft().x() + inset, area.y() + inset, pixmap(name, ink, ICON, ratio)
            )
        elif index.data(STREAMING):
            color = tokens.accent
            painter.setOpacity(self.pulse)
            painter.setBrush(color)
            area = self.button(option.rect, option.direction)
            painter.drawEllipse(QPointF(QRectF(area).center()), DOT / 2, DOT / 2)
            painter.setOpacity(1.0)

        painter.setFont(self._theme.chrome_font())
        painter.setPen(tokens.secondary if self.trash and not hovered else tokens.text)
        text = str(index.data(Qt.ItemDataRole.DisplayRole))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        # The title's own direction orders its words; all titles begin at the same edge.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        align = _leading(option.direction) | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, align | Qt.TextFlag.TextSingleLine, shown)
        if ringed:
            ring(painter, body, tokens.accent, RADIUS_SMALL)

    def text_room(self, option: QStyleOptionViewItem, index: Index, button: bool) -> QRect:
        """Where the title may stand."""
        body = self.body(option.rect)
        taken = body.height() if button or index.data(STREAMING) else S2
        area = QRect(
            body.left() + S3 - S1, body.top(), body.width() - (S3 - S1) - taken, body.height()
        )
        return _mirrored(area, option.rect, option.direction)

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Tell the whole title where it is cut, and what the button does."""
        if event.type() != QEvent.Type.ToolTip or index.data(HEADING):
            return super().helpEvent(event, view, option, index)
        text = ""
        if self.button(option.rect, option.direction).contains(event.pos()):
            text = "Restore" if self.trash else "Rename or delete (Menu key)"
        else:
            title = str(index.data(Qt.ItemDataRole.DisplayRole))
            metrics = QFontMetrics(self._theme.chrome_font())
            if metrics.horizontalAdvance(title) > self.text_room(option, index, True).width():
                text = plain(title)
        QToolTip.showText(event.globalPos(), text, view)
        return True

    # -- renaming ---------------------------------------------------------------------------------

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setObjectName("renameField")
        editor.setAccessibleName("Title of the conversation")
        editor.setMaxLength(500)
        editor.setFont(self._theme.chrome_font())
        editor.destroyed.connect(self._editor_gone)
        self.renaming = True
        return editor

    def _editor_gone(self) -> None:
        self.renaming = False

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        if isinstance(editor, QLineEdit) and not editor.isModified():
            editor.setText(str(index.data(Qt.ItemDataRole.EditRole)))
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        if not isinstance(editor, QLineEdit):
            return
        title = " ".join(editor.text().split())
        if title and title != index.data(Qt.ItemDataRole.EditRole):
            self.renamed.emit(str(index.data(ID)), title)

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        editor.setGeometry(self.body(option.rect))


def _leading(direction: Qt.LayoutDirection) -> Qt.AlignmentFlag:
    right = direction == Qt.LayoutDirection.RightToLeft
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignAbsolute


def _mirrored(area: QRect, row: QRect, direction: Qt.LayoutDirection) -> QRect:
    if direction != Qt.LayoutDirection.RightToLeft:
        return area
    return QRect(row.left() + row.right() - area.right(), area.top(), area.width(), area.height())
