"""The command palette: type a few letters of what to do, press Enter."""

from __future__ import annotations

import re

from PySide6.QtCore import QModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyleOptionViewItem, QWidget

from chatdesk.ui.actions import Action, Actions, native
from chatdesk.ui.listing import Index, RowDelegate
from chatdesk.ui.search_panel import SearchPanel
from chatdesk.ui.theme import ICON, S1, S2, S3, Theme

_KEYS = Qt.ItemDataRole.UserRole + 1


def rank(query: str, action: Action) -> tuple[int, int] | None:
    """How well an action answers a query, lower is better; None where it does not.

    Best is a text that begins with the query, then words that do, then the query somewhere in the
    text, then the first letters of words ("nc" for "New chat").
    """
    wanted, text = query.casefold().strip(), action.text.casefold()
    if text.startswith(wanted):
        return 0, len(text)
    words = re.findall(r"\w+", f"{text} {action.group.casefold()}")
    if all(any(word.startswith(part) for word in words) for part in wanted.split()):
        return 1, len(text)
    if wanted in text:
        return 2, text.index(wanted)
    initials = iter(word[0] for word in words)
    if all(letter in initials for letter in wanted):
        return 3, len(text)
    return None


class Palette(SearchPanel):
    """Offers what Actions.available() gives and triggers what is chosen. GUI thread only."""

    def __init__(self, actions: Actions, theme: Theme, parent: QWidget | None = None) -> None:
        self.list = QListWidget()
        super().__init__("Commands", "What do you want to do?", self.list, theme, parent)
        self.setObjectName("palette")
        self.search.setObjectName("paletteSearch")
        self.list.setObjectName("paletteList")
        self.list.setItemDelegate(_CommandDelegate(theme, self.list))
        # Itself it is not offered: it is open.
        self._all = [pair for pair in actions.available() if pair[0].id != "palette"]
        self.show_query()

    def refill(self, query: str) -> str:
        ranked = []
        for order, (entry, action) in enumerate(self._all):
            quality = rank(query, entry) if query.strip() else (0, order)
            if quality is not None:
                ranked.append((quality, order, entry, action))
        ranked.sort(key=lambda found: found[:2])
        self.list.clear()
        for _, _, entry, action in ranked:
            item = QListWidgetItem(action.icon(), entry.text)
            item.setData(Qt.ItemDataRole.UserRole, entry.id)
            item.setData(_KEYS, native(entry.shortcuts[0]) if entry.shortcuts else "")
            item.setToolTip(entry.hint)
            self.list.addItem(item)
        return "No such command. Try another word."

    def choose(self, index: QModelIndex) -> None:
        wanted = index.data(Qt.ItemDataRole.UserRole)
        action = next(action for entry, action in self._all if entry.id == wanted)
        self.accept()
        action.trigger()


class _CommandDelegate(RowDelegate):
    """An action's icon and text, its key at the end."""

    def paint_content(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRectF
    ) -> None:
        mirrored = self.right_to_left(option)
        keys = str(index.data(_KEYS) or "")
        if keys:
            font, color = self.theme.small_font(), self.theme.tokens.secondary
            width = self.draw(painter, option, area, keys, font, color, end=True) + S3
            area = area.adjusted(width, 0, 0, 0) if mirrored else area.adjusted(0, 0, -width, 0)
        found = index.data(Qt.ItemDataRole.DecorationRole)
        if found is None or found.isNull():
            step = ICON + S2 + S1 / 2  # texts stand in one line, with an icon or without
            area = area.adjusted(0, 0, -step, 0) if mirrored else area.adjusted(step, 0, 0, 0)
        super().paint_content(painter, option, index, area)
