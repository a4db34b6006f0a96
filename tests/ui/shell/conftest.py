"""A dressed application, conversations out of thin air, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from PySide6.QtWidgets import QApplication

from chatdesk.chat.messages import Conversation
from chatdesk.ui.theme import Theme

NOW = datetime(2026, 11, 21, 12, 0).timestamp()
DAY = 86_400.0


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The theme in light, without motion, so that what is asked for has happened at once."""
    theme = Theme()
    theme.configure(mode="light", reduced_motion=True)
    theme.apply(qapp)
    yield theme
    qapp.styleHints().unsetColorScheme()


@pytest.fixture
def clock() -> Callable[[], float]:
    """Noon of 21 November 2026."""
    return lambda: NOW


@pytest.fixture
def conversation() -> Callable[..., Conversation]:
    """conversation("id", "Title", days_ago=1)"""

    def make(
        identity: str,
        title: str = "",
        *,
        days_ago: float = 0.0,
        deleted_days_ago: float | None = None,
    ) -> Conversation:
        time = NOW - days_ago * DAY
        deleted = None if deleted_days_ago is None else NOW - deleted_days_ago * DAY
        return Conversation(identity, title or identity, time, time, deleted_at=deleted)

    return make
