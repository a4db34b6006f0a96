"""What a model says in the list: its name, one line about it, a mark at the end."""

from __future__ import annotations

from chatdesk.ui.listing import Index, TwoLines
from chatdesk.ui.models.rows import ROW_ROLE, Row
from chatdesk.ui.theme import Tokens


def model_lines(index: Index, tokens: Tokens) -> TwoLines | None:
    """What a Row (ROW_ROLE) says."""
    row = index.data(ROW_ROLE)
    if not isinstance(row, Row):
        return None
    mark = tokens.warning if row.broken else tokens.secondary
    return TwoLines(
        "warning" if row.broken else "model",
        tokens.accent if row.in_use else mark,
        row.entry.name,
        tokens.secondary if row.broken else tokens.text,
        row.summary,
        tokens.secondary,
        end=row.badge,
        end_ink=tokens.warning if row.warns else tokens.accent,
    )
