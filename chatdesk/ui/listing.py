"""Lists of dialogs: how a row is painted, rounded, with hover, selection and focus ring.

Subclasses of RowDelegate paint the content; a TwoLineDelegate is told by a function what a row
says. Colours come from the theme at each paint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import ICON, RADIUS_SMALL, RING, S1, S2, S3, Theme, Tokens

Index = QModelIndex | QPersistentModelIndex


class RowDelegate(QStyledItemDelegate):
    """Paints a row's background, its icon and its text (DisplayRole, DecorationRole)."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
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


@dataclass(frozen=True, slots=True)
class TwoLines:
    """What a row says: a mark before a name in bold and a small line below.

    end: at the name's end, "" for nothing. shorten: the line in so many pixels; None: it is cut at
    its end.
    """

    icon: str
    icon_ink: QColor
    name: str
    name_ink: QColor
    line: str
    line_ink: QColor
    end: str = ""
    end_ink: QColor | None = None
    shorten: Callable[[QFontMetricsF, float], str] | None = None


class TwoLineDelegate(RowDelegate):
    """Paints rows of two lines."""

    def __init__(
        self,
        theme: Theme,
        lines: Callable[[Index, Tokens], TwoLines | None],
        padding: int = S2 * 2 + S1,
    ) -> None:
        """lines: what a row says, None for nothing. padding: pixels above and below together."""
        super().__init__(theme)
        self._lines = lines
        self._padding = padding

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, round(self._height() + self._padding))

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        said = self._lines(index, self.theme.tokens)
        if said is None:
            return
        bold, small = self.theme.chrome_font(bold=True), self.theme.small_font()
        mark = self.mirrored(option, area, QRectF(area.x(), 0, ICON, ICON))
        mark.moveTop(area.center().y() - ICON / 2)
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        painter.drawPixmap(mark.topLeft(), pixmap(said.icon, said.icon_ink, ICON, ratio))

        start = ICON + S3
        top = area.center().y() - self._height() / 2
        first = QRectF(area.x() + start, top, area.width() - start, QFontMetricsF(bold).height())
        title = QRectF(first)
        if said.end:
            half = first.adjusted(first.width() / 2, 0, 0, 0)  # the name is never left without room
            place = self.mirrored(option, area, half)
            ink = said.end_ink or said.line_ink
            taken = self.draw(painter, option, place, said.end, small, ink, end=True)
            title.setWidth(max(0.0, first.width() - taken - S3))
        # What tells long names apart is at their end as often as at their beginning.
        middle = Qt.TextElideMode.ElideMiddle
        place = self.mirrored(option, area, title)
        self.draw(painter, option, place, said.name, bold, said.name_ink, elide=middle)
        metrics = QFontMetricsF(small)
        second = QRectF(first.x(), first.bottom() + S1, first.width(), metrics.height())
        line = said.shorten(metrics, second.width()) if said.shorten else said.line
        self.draw(painter, option, self.mirrored(option, area, second), line, small, said.line_ink)

    def _height(self) -> float:
        """Of the two lines."""
        name = QFontMetricsF(self.theme.chrome_font(bold=True)).height()
        return name + S1 + QFontMetricsF(self.theme.small_font()).height()


def row_list(
    name: str, spoken: str, model: QAbstractItemModel, delegate: RowDelegate, parent: QWidget
) -> QListView:
    """A list without a frame whose rows a delegate paints. spoken: its accessible name."""
    found = QListView(parent)
    found.setObjectName(name)
    found.setAccessibleName(spoken)
    found.setModel(model)
    delegate.setParent(found)
    found.setItemDelegate(delegate)
    found.setFrameShape(QFrame.Shape.NoFrame)
    found.setProperty("bare", True)
    found.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
    found.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    found.setMouseTracking(True)
    return found
