"""The list of providers: name, where it is, where its key is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from chatdesk.providers.profiles import Profile
from chatdesk.ui.listing import Index
from chatdesk.ui.providers.key_field import KeyPlace

ROW_ROLE = Qt.ItemDataRole.UserRole + 1
SEPARATOR = " · "

_KEYS: dict[KeyPlace, str] = {
    "keyring": "key saved",
    "unreachable": "keyring cannot be asked",
    "memory": "key until closing",
    "environment": "key from the environment",
    "none": "no key",
    "unknown": "",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One provider. place: where its key is."""

    profile: Profile
    place: KeyPlace = "unknown"

    @property
    def lacks_key(self) -> bool:
        """Whether it cannot answer now, for want of its key."""
        return self.place == "unreachable" or (self.profile.needs_key and self.place == "none")

    @property
    def summary(self) -> str:
        """Where it is and the state of its key, in a line."""
        return SEPARATOR.join(part for part in (self.profile.place, self.key_words) if part)

    @property
    def key_words(self) -> str:
        """The state of its key, "" where that is of no interest."""
        if self.place == "none" and not self.profile.needs_key:
            return ""
        return _KEYS[self.place]


class ProviderRows(QAbstractListModel):
    """The providers by name, each with the state of its key as far as it is known."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._places: dict[str, KeyPlace] = {}

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.profile.name
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = (row.profile.name, row.profile.base_url, row.key_words)
            return "\n".join(line for line in lines if line)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (row.profile.name, row.profile.remote_words, row.key_words)
            return ", ".join(part for part in parts if part)
        return None

    def row(self, index: Index) -> Row | None:
        """The row at an index; None where there is none."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        return self._rows[index.row()]

    def profile(self, profile_id: str) -> Profile | None:
        """The provider with this id; None where there is none."""
        return next((row.profile for row in self._rows if row.profile.id == profile_id), None)

    def index_of(self, profile_id: str) -> QModelIndex:
        """The index of a provider; an invalid one where it is not there."""
        for at, row in enumerate(self._rows):
            if row.profile.id == profile_id:
                return self.index(at)
        return QModelIndex()

    def set_profiles(self, profiles: Sequence[Profile]) -> None:
        self.beginResetModel()
        self._rows = [Row(profile, self._places.get(profile.id, "unknown")) for profile in profiles]
        self.endResetModel()

    def set_places(self, places: Mapping[str, KeyPlace]) -> None:
        """Say where keys are, by the id of the provider."""
        self._places.update(places)
        self._rows = [
            Row(row.profile, self._places.get(row.profile.id, "unknown")) for row in self._rows
        ]
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))
