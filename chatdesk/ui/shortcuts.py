"""The shortcuts dialog (F1): every action that has a key, made from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.actions import GROUPS, Action, Actions, native
from chatdesk.ui.dialog import Dialog, EmptyState, label, wrapped
from chatdesk.ui.theme import S1, S2, S3, S4, S5, Theme

_OR = "or"


class Keys(QWidget):
    """Keys drawn as key caps: "Ctrl" "N", with "or" between alternatives."""

    def __init__(
        self, shortcuts: Sequence[str], theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._parts: list[str] = []
        for shortcut in shortcuts:
            if self._parts:
                self._parts.append(_OR)
            self._parts += caps(shortcut)
        self.setAccessibleName(f" {_OR} ".join(native(shortcut) for shortcut in shortcuts))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        # Keys are written from left to right in every language.
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        theme.changed.connect(self.updateGeometry)

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self._theme.small_font())

    def _width(self, part: str) -> float:
        metrics = self._metrics()
        if part == _OR:
            return metrics.horizontalAdvance(part) + S1
        return max(metrics.horizontalAdvance(part) + S2 + S1, metrics.height() + S1 * 1.5)

    def sizeHint(self) -> QSize:
        width = sum(self._width(part) + S1 for part in self._parts) - S1
        return QSize(max(0, round(width)) + 1, round(self._metrics().height() + S2))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.small_font())
        x = 0.0
        for part in self._parts:
            area = QRectF(x, 0, self._width(part), self.height())
            if part == _OR:
                painter.setPen(tokens.secondary)
            else:
                painter.setBrush(tokens.code)
                painter.setPen(QPen(tokens.border, 1))
                painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), S1, S1)
                painter.setPen(tokens.text)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, part)
            x += area.width() + S1


def caps(shortcut: str) -> list[str]:
    """The key caps of one shortcut: ["Ctrl", "Shift", "P"]."""
    text = native(shortcut)
    head, plus, last = text.rpartition("+")
    if not last and plus:  # the plus key itself
        head, last = head.removesuffix("+"), "+"
    return [*(part for part in head.split("+") if part), last]


class ShortcutsDialog(Dialog):
    """Lists what is connected; the search filters by words and keys. GUI thread only."""

    def __init__(
        self,
        actions: Actions,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        enter_sends: bool = True,
    ) -> None:
        """enter_sends: the setting, which decides what Enter does in the composer."""
        super().__init__("Keyboard shortcuts", theme, parent, QSize(560, 640))
        self.setObjectName("shortcutsDialog")
        entries = [entry for entry in actions.entries(enter_sends) if entry.shortcuts]
        top = QVBoxLayout()
        top.setContentsMargins(S5, S4, S5, S2)
        self.search = QLineEdit(self)
        self.search.setObjectName("shortcutSearch")
        self.search.setPlaceholderText("Search shortcuts")
        self.search.setAccessibleName("Search shortcuts")
        self.search.setToolTip("Search by what it does or by its keys")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        top.addWidget(self.search)
        self.body.addLayout(top)

        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setAccessibleName("Shortcuts")
        content = QWidget()
        area.setWidget(content)
        column = QVBoxLayout(content)
        column.setContentsMargins(S5, S2, S5, S5)
        column.setSpacing(S4)
        self._groups: list[_Group] = []
        for name in GROUPS:
            chosen = [entry for entry in entries if entry.group == name]
            if chosen:
                group = _Group(name, chosen, theme, content)
                self._groups.append(group)
                column.addWidget(group)
        self._nothing = EmptyState(theme, "keyboard", "Clear the search", content)
        self._nothing.button.clicked.connect(self.search.clear)
        self._nothing.hide()
        column.addWidget(self._nothing)
        column.addStretch(1)
        self.body.addWidget(area, 1)
        self.buttons.addStretch(1)
        self.add_close()

    def texts(self) -> list[str]:
        """What is listed now, in order."""
        return [text for group in self._groups for text in group.texts()]

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        found = [group.filter(words) for group in self._groups]
        self._nothing.set_words(f"No shortcut matches “{text.strip()}”", "Try another word.")
        self._nothing.setVisible(not any(found))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self.search, self.search.setFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
        else:
            super().keyPressEvent(event)


class _Group(QWidget):
    """One group's heading and card."""

    def __init__(self, name: str, entries: Sequence[Action], theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S2)
        column.addWidget(label(name, "heading", self))
        card = QFrame(self)
        card.setProperty("card", True)
        rows = QVBoxLayout(card)
        rows.setContentsMargins(S4, S2, S4, S2)
        rows.setSpacing(0)
        column.addWidget(card)
        self._rows: list[tuple[str, str, QWidget]] = []
        for entry in entries:
            row = QWidget(card)
            across = QHBoxLayout(row)
            across.setContentsMargins(0, S1 + 1, 0, S1 + 1)
            across.setSpacing(S3)
            across.addWidget(wrapped(entry.text, row), 1)
            across.addWidget(Keys(entry.shortcuts, theme, row))
            keys = " ".join((*map(native, entry.shortcuts), *entry.shortcuts))
            self._rows.append((entry.text, f"{entry.text} {name} {keys}".casefold(), row))
            rows.addWidget(row)

    def texts(self) -> list[str]:
        return [text for text, _, row in self._rows if not row.isHidden()]

    def filter(self, words: Sequence[str]) -> bool:
        """Show what has all words; whether there is anything."""
        for _, searched, row in self._rows:
            row.setVisible(all(word in searched for word in words))
        found = any(not row.isHidden() for _, _, row in self._rows)
        self.setVisible(found)
        return found
