"""How a model is painted in the list: its name, one line about it, a mark at the end."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from chatdesk.ui.icons import pixmap
from chatdesk.ui.listing import Index, RowDelegate
from chatdesk.ui.models.rows import ROW_ROLE, Row
from chatdesk.ui.theme import ICON, S1, S2, S3


class ModelDelegate(RowDelegate):
    """Paints a Row (ROW_ROLE)."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        name = QFontMetricsF(self.theme.chrome_font(bold=True)).height()
        line = QFontMetricsF(self.theme.small_font()).height()
        return QSize(0, round(name + S1 + line + S3 * 2))

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        row = index.data(ROW_ROLE)
        if not isinstance(row, Row):
            return
        tokens = self.theme.tokens
        bold, small = self.theme.chrome_font(bold=True), self.theme.small_font()
        mark_color = tokens.warning if row.broken else tokens.secondary
        if row.in_use:
            mark_color = tokens.accent
        mark = self.mirrored(option, area, QRectF(area.x(), 0, ICON, ICON))
        mark.moveTop(area.center().y() - ICON / 2)
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        name = "warning" if row.broken else "model"
        painter.drawPixmap(mark.topLeft(), pixmap(name, mark_color, ICON, ratio))

        start = ICON + S3
        text = QRectF(area.x() + start, area.y() + S3, area.width() - start, 0)
        text.setHeight(QFontMetricsF(bold).height())
        badge_width = 0.0
        if row.badge:
            color = tokens.warning if row.warns else tokens.accent
            place = self.mirrored(option, area, text)
            badge_width = self.draw(painter, option, place, row.badge, small, color, end=True) + S2
        title = QRectF(text)
        title.setWidth(max(0.0, text.width() - badge_width))
        ink = tokens.secondary if row.broken else tokens.text
        self.draw(
            painter,
            option,
            self.mirrored(option, area, title),
            row.entry.name,
            bold,
            ink,
            elide=Qt.TextElideMode.ElideMiddle,
        )
        text.moveTop(text.bottom() + S1)
        text.setHeight(QFontMetricsF(small).height())
        self.draw(
            painter, option, self.mirrored(option, area, text), row.summary, small, tokens.secondary
        )
