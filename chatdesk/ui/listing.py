"""How a row of a list is painted in dialogs: rounded, with hover, selection and focus ring.

Subclasses of RowDelegate paint the content; colours come from the theme at each paint.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from chatdesk.ui.theme import ICON, RADIUS_SMALL, RING, S1, S2, S3, Theme

Index = QModelIndex | QPersistentModelIndex


class RowDelegate(QStyledItemDelegate):
    """Paints a row's background, its icon and its text (DisplayRole, DecorationRole)."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        height = QFontMetricsF(self.theme.chrome_font()).height()
        return QSize(0, max(36, round(height + S2 * 2)))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_background(painter, option)
        area = QRectF(option.rect).adjusted(S3, 0, -S3, 0)
        self.paint_content(painter, option, index, area)
        painter.restore()

    def paint_background(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        tokens = self.theme.tokens
        area = QRectF(option.rect).adjusted(0, 1, 0, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(tokens.accent_soft)
            painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(tokens.hover)
            painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.accent, RING))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), RADIUS_SMALL - 1, RADIUS_SMALL - 1)

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        area = self.paint_icon(painter, option, index, area)
        font = self.theme.chrome_font()
        text = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        self.draw(painter, option, area, text, font, self.theme.tokens.text)

    def paint_icon(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> QRectF:
        """Paint the icon at the start of area; returns what is left for the text."""
        found = index.data(Qt.ItemDataRole.DecorationRole)
        if not isinstance(found, QIcon) or found.isNull():
            return area
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        mode = QIcon.Mode.Selected if selected else QIcon.Mode.Normal
        place = self.mirrored(option, area, QRectF(area.x(), 0, ICON, ICON))
        place.moveTop(area.center().y() - ICON / 2)
        found.paint(painter, place.toRect(), Qt.AlignmentFlag.AlignCenter, mode)
        step = ICON + S2 + S1 / 2
        if self.right_to_left(option):
            return area.adjusted(0, 0, -step, 0)
        return area.adjusted(step, 0, 0, 0)

    def draw(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        area: QRectF,
        text: str,
        font: QFont,
        color: QColor,
        *,
        end: bool = False,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> float:
        """One line at the start (or end) of area, elided; returns the width it took."""
        metrics = QFontMetricsF(font)
        shown = metrics.elidedText(text, elide, area.width())
        leading = end if self.right_to_left(option) else not end
        side = Qt.AlignmentFlag.AlignLeft if leading else Qt.AlignmentFlag.AlignRight
        painter.setFont(font)
        painter.setPen(color)
        # A text's own direction says where its punctuation goes; its place is the layout's.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        painter.drawText(
            area,
            int(side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter)
            | int(Qt.TextFlag.TextSingleLine),
            shown,
        )
        return metrics.horizontalAdvance(shown)

    @staticmethod
    def right_to_left(option: QStyleOptionViewItem) -> bool:
        return option.direction == Qt.LayoutDirection.RightToLeft

    def mirrored(self, option: QStyleOptionViewItem, area: QRectF, place: QRectF) -> QRectF:
        """place as it lies in area from right to left, where that is the direction."""
        if not self.right_to_left(option):
            return place
        result = QRectF(place)
        result.moveLeft(area.right() - (place.x() - area.x()) - place.width())
        return result
