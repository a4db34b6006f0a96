"""What a provider says in the list: its mark, its name, where it is and the key's state."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF

from chatdesk.ui.listing import Index, TwoLines
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.providers.rows import ROW_ROLE, SEPARATOR, Row
from chatdesk.ui.theme import Tokens

LEAST = 4  # characters of an address that still tell something


def provider_lines(index: Index, tokens: Tokens) -> TwoLines | None:
    """What a Row (ROW_ROLE) says. All wear the violet mark: none of them runs in Chatdesk."""
    row = index.data(ROW_ROLE)
    if not isinstance(row, Row):
        return None
    return TwoLines(
        provider_mark(row.profile.on_this_computer),
        tokens.remote,
        row.profile.name,
        tokens.text,
        row.summary,
        tokens.warning if row.lacks_key else tokens.secondary,
        shorten=partial(shortened, row),
    )


def shortened(row: Row, metrics: QFontMetricsF, width: float) -> str:
    """A row's summary in so many pixels: the address gives way to the state of the key."""
    key = row.key_words
    if not key or metrics.horizontalAdvance(row.summary) <= width:
        return row.summary
    left = width - metrics.horizontalAdvance(SEPARATOR + key)
    place = metrics.elidedText(row.profile.place, Qt.TextElideMode.ElideMiddle, left)
    return place + SEPARATOR + key if len(place) > LEAST else key
