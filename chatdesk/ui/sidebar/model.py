"""The rows of the conversation list: headings and conversations, newest first.

It is a QStringListModel for its row count: Qt asks for it at every step of laying out a list, and
answered in Python that costs 100 ms for 100,000 rows instead of 20 [measured]. The strings in
it are empty; what rows show comes from data(). Changes are told row by row, so that selection,
scroll position and an open editor survive them. GUI thread only.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import lt
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QStringListModel,
    Qt,
    SignalInstance,
)

from chatdesk.chat.messages import Conversation
from chatdesk.ui.dates import Section, day_ends, section_of, sections
from chatdesk.ui.sidebar.search import fold, matches, words

UNTITLED = "New chat"

ID = Qt.ItemDataRole.UserRole  # str; "" for a heading
HEADING = Qt.ItemDataRole.UserRole + 1  # bool
STREAMING = Qt.ItemDataRole.UserRole + 2  # bool

# A heading's row id: no conversation's id begins with it.
_MARK = "\n"

Index = QModelIndex | QPersistentModelIndex


class ConversationModel(QStringListModel):
    """Conversations sorted by when they changed (in the trash: when they were deleted)."""

    def __init__(
        self, parent: QObject | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._all: dict[str, Conversation] = {}
        self._folded: dict[str, str] = {}  # titles as they are searched
        self._unfolded: Iterator[str] = iter(())
        self._wanted: list[str] = []
        self._streaming: frozenset[str] = frozenset()
        self._midnight = 0.0  # when the headings of now are no longer right
        # One entry for each row, sorted by the key: minus the time, for a heading minus the end of
        # its section, which puts it before all of its conversations.
        self._rows: list[str] = []
        self._keys: list[float] = []

    # -- reading ------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many conversations there are, shown or not."""
        return len(self._all)

    @property
    def filtered(self) -> bool:
        return bool(self._wanted)

    def id_at(self, row: int) -> str:
        """The conversation of a row; "" for a heading and outside of the list."""
        if not 0 <= row < len(self._rows):
            return ""
        found = self._rows[row]
        return "" if found.startswith(_MARK) else found

    def row_of(self, conversation_id: str) -> int:
        """The row of a conversation; -1 where it is not shown."""
        conversation = self._all.get(conversation_id)
        if conversation is None:
            return -1
        row = bisect_left(self._keys, -_time(conversation))
        while row < len(self._rows) and self._keys[row] == -_time(conversation):
            if self._rows[row] == conversation_id:
                return row
            row += 1
        return -1

    def conversation(self, conversation_id: str) -> Conversation | None:
        return self._all.get(conversation_id)

    def next_id(self, row: int, step: int) -> str:
        """The nearest conversation from a row on, in a direction (1 or -1); "" where none is."""
        while 0 <= row < len(self._rows):
            if found := self.id_at(row):
                return found
            row += step
        return ""

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._rows[index.row()]
        if row.startswith(_MARK):
            return _heading_data(row[1:], role)
        if role == ID:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return _title(self._all[row])
        if role == STREAMING:
            return row in self._streaming
        if role == HEADING:
            return False
        if role == Qt.ItemDataRole.AccessibleTextRole:
            title = _title(self._all[row])
            return f"{title}, a reply is being written" if row in self._streaming else title
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self._rows[index.row()].startswith(_MARK):
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsEditable
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def prepare_search(self, count: int) -> bool:
        """Make the next `count` titles ready to be searched; returns whether some are left.

        Done in small steps when idle, so that the first key of a search does not wait for all.
        """
        done = 0
        for conversation_id in islice(self._unfolded, count):
            done += 1
            if conversation_id in self._all and conversation_id not in self._folded:
                self._folded[conversation_id] = fold(_title(self._all[conversation_id]))
        return done == count

    # -- changing -----------------------------------------------------------------------------

    def set_conversations(self, conversations: Iterable[Conversation]) -> bool:
        """Show these; returns whether anything changed (the list is reset only then)."""
        new = {conversation.id: conversation for conversation in conversations}
        if new == self._all and list(new) == list(self._all):
            return False
        self._rebuild(new)
        return True

    def set_filter(self, query: str) -> bool:
        """Show only titles with all words of the query; returns whether the list was reset."""
        wanted = words(query)
        if wanted == self._wanted:
            return False
        self._wanted = wanted
        self.rebuild()
        return True

    def refresh_dates(self) -> bool:
        """Group anew when a day has passed; returns whether the list was reset."""
        if not self._rows or self._clock() < self._midnight:
            return False
        self.rebuild()
        return True

    def rebuild(self) -> None:
        """Sort and group anew."""
        self._rebuild(self._all)

    def _rebuild(self, everything: dict[str, Conversation]) -> None:
        now = self._clock()
        self._midnight = day_ends(now)
        if everything is not self._all:
            self._folded = {}
            self._unfolded = iter(list(everything))
        shown = self._matching(everything)
        # As _time(), written out: a call for each of 100,000 rows is what this would cost most.
        times = [c.updated_at if c.deleted_at is None else c.deleted_at for c in shown]
        if any(map(lt, times, islice(times, 1, None))):  # seldom: they come sorted
            shown.sort(key=_time, reverse=True)
            times.sort(reverse=True)
        rows: list[str] = []
        keys: list[float] = []
        for section, first, last in sections(times, now):
            rows.append(_MARK + section.label)
            keys.append(-section.end)
            rows += [conversation.id for conversation in shown[first:last]]
            keys += [-moment for moment in times[first:last]]

        def change() -> None:
            self._all, self._rows, self._keys = everything, rows, keys

        with self._after(self.modelAboutToBeReset, change):
            self.setStringList([""] * len(rows))

    def update(self, conversation: Conversation) -> None:
        """Put a conversation's new state in its place; a new one is added."""
        self.refresh_dates()
        old_row = self.row_of(conversation.id)
        old = self._all.get(conversation.id)
        self._all[conversation.id] = conversation
        self._folded[conversation.id] = fold(_title(conversation))
        shown = not self._wanted or matches(self._folded[conversation.id], self._wanted)
        if not shown:
            if old_row >= 0:
                self._take(old_row)
                self._drop_empty_heading(old_row - 1)
            return
        if old_row < 0 or old is None:
            row = self._place(conversation)
            self._insert(row, conversation.id, -_time(conversation))
        elif _time(old) == _time(conversation):
            self._tell(old_row)
        else:
            self._move(old_row, conversation)

    def remove(self, ids: Iterable[str]) -> None:
        """Take conversations out of the list; unknown ids are ignored."""
        gone = [i for i in dict.fromkeys(ids) if i in self._all]
        if len(gone) > 200:
            kept = set(self._all).difference(gone)
            self.set_conversations([c for c in self._all.values() if c.id in kept])
            return
        for conversation_id in gone:
            row = self.row_of(conversation_id)
            if row >= 0:
                self._take(row)
                self._drop_empty_heading(row - 1)
            del self._all[conversation_id]
            self._folded.pop(conversation_id, None)

    def set_streaming(self, ids: Iterable[str]) -> None:
        """Mark the conversations in which a reply is being written."""
        new = frozenset(ids)
        changed = new ^ self._streaming
        self._streaming = new
        for conversation_id in changed:
            if (row := self.row_of(conversation_id)) >= 0:
                self._tell(row)

    # -- inner --------------------------------------------------------------------------------

    def _matching(self, everything: dict[str, Conversation]) -> list[Conversation]:
        if not self._wanted:
            return list(everything.values())
        if len(self._folded) != len(everything):
            known = self._folded
            self._folded = {i: known.get(i) or fold(_title(c)) for i, c in everything.items()}
        if len(self._wanted) == 1:
            word = self._wanted[0]
            return [everything[i] for i, folded in self._folded.items() if word in folded]
        wanted = self._wanted
        return [everything[i] for i, folded in self._folded.items() if matches(folded, wanted)]

    def _place(self, conversation: Conversation) -> int:
        """The row for a conversation, below its section's heading, which is made if missing."""
        moment = _time(conversation)
        section = section_of(moment, self._clock())
        self._ensure_heading(section)
        return bisect_left(self._keys, -moment)

    def _ensure_heading(self, section: Section) -> None:
        row = bisect_left(self._keys, -section.end)
        label = _MARK + section.label
        while row < len(self._rows) and self._keys[row] == -section.end:
            if self._rows[row] == label:
                return
            row += 1
        self._insert(row, label, -section.end)

    @contextmanager
    def _after(self, signal: SignalInstance, change: Callable[[], None]) -> Iterator[None]:
        """Change the rows between the two signals with which Qt announces and ends a change.

        Views look at the old rows at the first and at the new ones at the second. The slot is
        connected for this change only and so comes after theirs.
        """

        def slot(*_: object) -> None:
            change()

        signal.connect(slot)
        try:
            yield
        finally:
            signal.disconnect(slot)

    def _insert(self, row: int, row_id: str, key: float) -> None:
        def change() -> None:
            self._rows.insert(row, row_id)
            self._keys.insert(row, key)

        with self._after(self.rowsAboutToBeInserted, change):
            self.insertRows(row, 1)

    def _take(self, row: int) -> None:
        def change() -> None:
            del self._rows[row], self._keys[row]

        with self._after(self.rowsAboutToBeRemoved, change):
            self.removeRows(row, 1)

    def _drop_empty_heading(self, row: int) -> None:
        """Remove the heading at row when nothing stands below it any more."""
        if not 0 <= row < len(self._rows) or not self._rows[row].startswith(_MARK):
            return
        if row + 1 == len(self._rows) or self._rows[row + 1].startswith(_MARK):
            self._take(row)

    def _move(self, row: int, conversation: Conversation) -> None:
        # With the old key out of the way the keys stay sorted for the search of the new place.
        moment = _time(conversation)
        self._keys[row] = self._keys[row - 1]
        before = len(self._rows)
        section = section_of(moment, self._clock())
        heading = bisect_left(self._keys, -section.end)
        self._ensure_heading(section)
        if len(self._rows) > before and heading <= row:
            row += 1
        target = bisect_left(self._keys, -moment)
        if target in (row, row + 1):
            self._keys[row] = -moment
            self._tell(row)
        else:
            before_row, target = target, target - 1 if target > row else target

            def change() -> None:
                del self._rows[row], self._keys[row]
                self._rows.insert(target, conversation.id)
                self._keys.insert(target, -moment)

            with self._after(self.rowsAboutToBeMoved, change):
                self.moveRows(QModelIndex(), row, 1, QModelIndex(), before_row)
            self._tell(target)
        above = row if target < row else row - 1
        self._drop_empty_heading(above)

    def _tell(self, row: int) -> None:
        index = self.index(row)
        self.dataChanged.emit(index, index)


def _title(conversation: Conversation) -> str:
    # A title is one line; line breaks would be drawn as such or as boxes.
    return " ".join(conversation.title.split()) or UNTITLED


def _time(conversation: Conversation) -> float:
    if conversation.deleted_at is not None:
        return conversation.deleted_at
    return conversation.updated_at


def _heading_data(label: str, role: int) -> Any:
    if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
        return label
    if role == HEADING:
        return True
    if role == ID:
        return ""
    if role == STREAMING:
        return False
    return None
