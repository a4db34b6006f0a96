"""What the tests of the dialogs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from chatdesk.settings import SettingsFile
from chatdesk.ui.theme import Theme


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """A theme that dresses nothing: the application of the tests is shared."""
    theme = Theme()
    yield theme
    theme.deleteLater()


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.json")
