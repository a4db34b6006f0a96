"""The models of the library as rows of a list: a Qt model without widgets, filtered by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from chatdesk.library import (
    BrokenModel,
    Fit,
    Library,
    ModelInfo,
    fits,
    free_memory,
    reference,
    size_text,
)

Entry = ModelInfo | BrokenModel
Index = QModelIndex | QPersistentModelIndex

ROW_ROLE = Qt.ItemDataRole.UserRole + 1

_FROM = {
    "bundled": "comes with Chatdesk",
    "data": "in the models folder",
    "development": "in the source tree",
    "added": "added from elsewhere",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A model with what the list says about it.

    fit is None for a broken one. value: how the settings name the model, "" is the bundled one.
    """

    entry: Entry
    fit: Fit | None = None
    value: str = ""
    in_use: bool = False
    loading: float | None = None  # 0 to 1 while it is being loaded

    @property
    def broken(self) -> bool:
        return isinstance(self.entry, BrokenModel)

    @property
    def summary(self) -> str:
        """One line of what matters for choosing; for a broken file, what is wrong."""
        entry = self.entry
        if isinstance(entry, BrokenModel):
            return entry.what
        parts = [size_text(entry.size_bytes), entry.quantisation]
        if entry.context_length:
            parts.append(f"{entry.context_length:,} tokens")
        parts.append(_FROM[entry.source])
        return " · ".join(part for part in parts if part)

    @property
    def badge(self) -> str:
        """The mark at the end of the row; "" for none."""
        if self.loading is not None:
            return f"Loading {self.loading:.0%}"
        if self.in_use:
            return "In use"
        if self.broken:
            return "Cannot be used"
        if isinstance(self.entry, ModelInfo) and self.entry.problem:
            return "No chat template"
        if self.fit is not None and not self.fit.ok:
            return "Does not fit"
        return ""

    @property
    def warns(self) -> bool:
        """Whether the badge says that something is in the way."""
        return self.badge not in ("", "In use") and self.loading is None

    def matches(self, words: Sequence[str]) -> bool:
        entry = self.entry
        text = f"{entry.name} {entry.path.name} {self.summary} {self.badge}".casefold()
        return all(word in text for word in words)


def read_rows(library: Library, context_size: int) -> list[Row]:
    """The library's models with what they need of memory. Reads from disk: not the GUI thread.

    context_size: tokens, as in the settings.
    """
    free = free_memory()
    entries = library.list()
    return [
        Row(
            entry,
            fits(entry, context_size, free) if isinstance(entry, ModelInfo) else None,
            reference(entry, entries),
        )
        for entry in entries
    ]


class ModelRows(QAbstractListModel):
    """Rows that match the search words, in the library's order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[Row] = []
        self._shown: list[Row] = []
        self._words: list[str] = []
        self._current: Path | None = None
        self._loading: tuple[Path, float] | None = None

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.entry.name
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(row.entry.path)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (row.entry.name, row.badge, row.summary) if part)
        return None

    def row(self, index: Index) -> Row | None:
        """The row at an index; None where there is none."""
        if not index.isValid() or not 0 <= index.row() < len(self._shown):
            return None
        return self._shown[index.row()]

    @property
    def total(self) -> int:
        """How many models there are, whether or not they match the search."""
        return len(self._all)

    def index_of(self, path: Path | None) -> QModelIndex:
        """The index of a file's row; an invalid one where it is not shown."""
        for at, row in enumerate(self._shown):
            if row.entry.path == path:
                return self.index(at)
        return QModelIndex()

    def set_rows(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self._all = [self._marked(row) for row in rows]
        self._shown = [row for row in self._all if row.matches(self._words)]
        self.endResetModel()

    def set_search(self, text: str) -> None:
        self._words = text.casefold().split()
        self.set_rows(self._all)

    def set_state(self, current: Path | None, loading: tuple[Path, float] | None = None) -> None:
        """Say which file is loaded, and which is being loaded and how far (0 to 1)."""
        if (current, loading) == (self._current, self._loading):
            return
        self._current, self._loading = current, loading
        self._all = [self._marked(row) for row in self._all]
        self._shown = [self._marked(row) for row in self._shown]
        if self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1))

    def _marked(self, row: Row) -> Row:
        path = row.entry.path
        loading = self._loading[1] if self._loading and self._loading[0] == path else None
        return replace(row, in_use=path == self._current, loading=loading)
