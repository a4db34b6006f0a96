"""How a provider is painted in the list: its mark, its name, where it is and the key's state."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from chatdesk.ui.icons import pixmap
from chatdesk.ui.listing import Index, RowDelegate
from chatdesk.ui.providers.rows import ROW_ROLE, SEPARATOR, Row
from chatdesk.ui.theme import ICON, S1, S2, S3

LEAST = 4  # characters of an address that still tell something


class ProviderDelegate(RowDelegate):
    """Paints a Row (ROW_ROLE). All wear the violet mark: none of them runs in Chatdesk."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        name = QFontMetricsF(self.theme.chrome_font(bold=True)).height()
        line = QFontMetricsF(self.theme.small_font()).height()
        return QSize(0, round(name + S1 + line + S2 * 2 + S1))

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        row = index.data(ROW_ROLE)
        if not isinstance(row, Row):
            return
        tokens = self.theme.tokens
        bold, small = self.theme.chrome_font(bold=True), self.theme.small_font()
        name, line = QFontMetricsF(bold).height(), QFontMetricsF(small).height()
        top = area.center().y() - (name + S1 + line) / 2
        mark = self.mirrored(option, area, QRectF(area.x(), 0, ICON, ICON))
        mark.moveTop(area.center().y() - ICON / 2)
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        drawing = "computer" if row.profile.on_this_computer else "cloud"
        painter.drawPixmap(mark.topLeft(), pixmap(drawing, tokens.remote, ICON, ratio))
        start = ICON + S3
        text = QRectF(area.x() + start, top, area.width() - start, name)
        place = self.mirrored(option, area, text)
        # What tells long names apart is at their end as often as at their beginning.
        middle = Qt.TextElideMode.ElideMiddle
        self.draw(painter, option, place, row.profile.name, bold, tokens.text, elide=middle)
        text.moveTop(top + name + S1)
        text.setHeight(line)
        ink = tokens.warning if row.lacks_key else tokens.secondary
        place = self.mirrored(option, area, text)
        summary = shortened(row, QFontMetricsF(small), text.width())
        self.draw(painter, option, place, summary, small, ink)


def shortened(row: Row, metrics: QFontMetricsF, width: float) -> str:
    """A row's summary in so many pixels: the address gives way to the state of the key."""
    key = row.key_words
    if not key or metrics.horizontalAdvance(row.summary) <= width:
        return row.summary
    left = width - metrics.horizontalAdvance(SEPARATOR + key)
    place = metrics.elidedText(row.profile.place, Qt.TextElideMode.ElideMiddle, left)
    return place + SEPARATOR + key if len(place) > LEAST else key
