"""Text can be read: WCAG AA contrasts of what the transcript mixes itself."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from chatdesk.ui.theme import DARK, LIGHT, Theme, Tokens, contrast
from chatdesk.ui.transcript import inks
from chatdesk.ui.transcript.style import Style


@pytest.mark.parametrize(("tokens", "table"), [(LIGHT, inks.LIGHT), (DARK, inks.DARK)])
def test_code_can_be_read(tokens: Tokens, table: dict[str, str]) -> None:
    for category, ink in table.items():
        assert contrast(QColor(ink), tokens.code) >= 4.5, category


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_dimmed_and_quiet_text_can_be_read(qtbot: QtBot, mode: str) -> None:
    theme = Theme()
    theme.configure(mode=mode)  # type: ignore[arg-type]
    style = Style(theme)
    for ground in (style.tokens.window, style.bubble_dimmed, style.inline_code_fill):
        assert contrast(style.dimmed, ground) >= 4.5
    assert contrast(style.tokens.text, style.tokens.selection) >= 4.5
    for ground in (style.tokens.window, style.tokens.code, style.tokens.raised):
        assert contrast(style.tokens.secondary, ground) >= 4.5
