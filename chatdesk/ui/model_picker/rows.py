"""The picker's rows as a Qt model, and how each kind of row is painted."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QListView, QStyleOptionViewItem

from chatdesk.ui.icons import pixmap
from chatdesk.ui.listing import Index, RowDelegate
from chatdesk.ui.model_picker.offers import Row, Shelf
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.theme import ICON, S1, S2, S3, S4, Theme
from chatdesk.ui.tooltips import plain

ROW_ROLE = Qt.ItemDataRole.UserRole + 1
MARK = 14  # pixels of the mark in a heading
INDENT = ICON + S2  # models stand below their heading's words


class PickerRows(QAbstractListModel):
    """The rows as they are shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    def set_rows(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def row(self, index: Index) -> Row | None:
        """The row at an index; None where there is none."""
        found = index.isValid() and 0 <= index.row() < len(self._rows)
        return self._rows[index.row()] if found else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.text
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.spoken
        if role == Qt.ItemDataRole.ToolTipRole:
            if row.kind == "error":
                return plain(f"{row.text} {row.note}".strip())
            named = row.kind in ("heading", "model", "typed")
            return plain(f"{row.text}: {row.shelf.where}") if named else None
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row(index)
        if row is None or not row.selectable:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled


class PickerDelegate(RowDelegate):
    """Paints a Row (ROW_ROLE)."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(theme, view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row = index.data(ROW_ROLE)
        size = super().sizeHint(option, index)
        if not isinstance(row, Row):
            return size
        if row.kind in ("heading", "title"):
            height = QFontMetricsF(self.theme.small_font()).height()
            return QSize(0, round(height + S2 + (S3 if index.row() else S1)))
        if row.kind == "error":
            width = self._view.viewport().width() - S3 * 2 - INDENT - self._action_width(row)
            high = _wrapped(_error_text(row), self.theme.chrome_font(), max(80.0, width))
            return QSize(0, max(size.height(), round(high) + S2 * 2))
        return size

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(ROW_ROLE)
        if isinstance(row, Row) and row.kind in ("heading", "title"):
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._heading(painter, option, row, QRectF(option.rect).adjusted(S3, 0, -S3, 0))
            painter.restore()
            return
        super().paint(painter, option, index)

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        row = index.data(ROW_ROLE)
        if not isinstance(row, Row):
            return
        tokens = self.theme.tokens
        mark, ink = {
            "more": ("chevron-down", tokens.secondary),
            "typed": (_drawing(row.shelf), tokens.remote),
            "error": ("warning", tokens.warning),
        }.get(row.kind, ("check", tokens.accent) if row.in_use else ("", tokens.secondary))
        if mark:
            self._mark(painter, option, area, mark, ink, ICON)
        area = self._after(option, area, INDENT)
        font, small = self.theme.chrome_font(), self.theme.small_font()
        if row.kind == "error":
            if row.action:
                self.draw(painter, option, area, row.action, small, tokens.accent, end=True)
                area = self._before(option, area, self._action_width(row))
            painter.setFont(font)
            painter.setPen(tokens.text)
            side = Qt.AlignmentFlag.AlignLeft
            if self.right_to_left(option):
                side = Qt.AlignmentFlag.AlignRight
            flags = side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area, flags | Qt.TextFlag.TextWordWrap, _error_text(row))
            return
        name_width = QFontMetricsF(font).horizontalAdvance(row.text)
        for text, color in self._ends(row):
            left = area.width() - QFontMetricsF(small).horizontalAdvance(text) - S3
            if not row.problem and left < min(name_width, area.width() / 2):
                continue  # the name says more
            width = self.draw(painter, option, area, text, small, color, end=True) + S3
            area = self._before(option, area, width)
        quiet = row.kind in ("loading", "empty") or row.problem
        self.draw(
            painter,
            option,
            area,
            row.text,
            font,
            tokens.secondary if quiet else tokens.text,
            # What tells long names of models apart is at their end as often as at their beginning.
            elide=Qt.TextElideMode.ElideMiddle,
        )

    def _ends(self, row: Row) -> list[tuple[str, QColor]]:
        """What stands at the end of a row, outermost first."""
        tokens = self.theme.tokens
        ends: list[tuple[str, QColor]] = []
        if row.problem:
            ends.append((row.problem, tokens.warning))
        elif row.note and row.kind == "model":
            ends.append((row.note, tokens.secondary))
        if row.for_new:
            ends.append(("for new chats", tokens.accent))
        return ends

    def _heading(
        self, painter: QPainter, option: QStyleOptionViewItem, row: Row, area: QRectF
    ) -> None:
        tokens = self.theme.tokens
        ink = tokens.remote if row.shelf.remote else tokens.secondary
        small = self.theme.small_font()
        bold = QFont(small)
        bold.setWeight(QFont.Weight.DemiBold)
        height = QFontMetricsF(small).height() + S2
        area.setTop(area.bottom() - height)
        if row.kind == "title":
            area = self._after(option, area, INDENT)
            self.draw(painter, option, area, row.text, small, tokens.secondary)
            return
        self._mark(painter, option, area, _drawing(row.shelf), ink, MARK)
        area = self._after(option, area, INDENT)
        # A long name leaves room for where its messages go, which matters more.
        title = QRectF(area)
        where = QFontMetricsF(small).horizontalAdvance(row.note)
        title.setWidth(max(area.width() / 3, area.width() - where - S3))
        if self.right_to_left(option):
            title.moveRight(area.right())
        width = self.draw(painter, option, title, row.text, bold, tokens.text) + S2
        self.draw(painter, option, self._after(option, area, width), row.note, small, ink)

    def _mark(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        area: QRectF,
        name: str,
        ink: QColor,
        size: int,
    ) -> None:
        place = self.mirrored(option, area, QRectF(area.x() + (ICON - size) / 2, 0, size, size))
        place.moveTop(area.center().y() - size / 2)
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        painter.drawPixmap(place.topLeft(), pixmap(name, ink, size, ratio))

    def _action_width(self, row: Row) -> float:
        metrics = QFontMetricsF(self.theme.small_font())
        return metrics.horizontalAdvance(row.action) + S4 if row.action else 0.0

    def _after(self, option: QStyleOptionViewItem, area: QRectF, width: float) -> QRectF:
        """What is left of area after something of a width at its start."""
        if self.right_to_left(option):
            return area.adjusted(0, 0, -width, 0)
        return area.adjusted(width, 0, 0, 0)

    def _before(self, option: QStyleOptionViewItem, area: QRectF, width: float) -> QRectF:
        """What is left of area before something of a width at its end."""
        if self.right_to_left(option):
            return area.adjusted(width, 0, 0, 0)
        return area.adjusted(0, 0, -width, 0)


def _drawing(shelf: Shelf) -> str:
    """The mark of a place: as in the list of the providers."""
    if not shelf.remote:
        return "lock"
    return provider_mark(shelf.here)


def _error_text(row: Row) -> str:
    return f"{row.text} {row.note}".strip()


def _wrapped(text: str, font: QFont, width: float) -> float:
    """How high a text is when it is broken to a width, pixels."""
    flags = int(Qt.TextFlag.TextWordWrap)
    return QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 10_000), flags, text).height()
