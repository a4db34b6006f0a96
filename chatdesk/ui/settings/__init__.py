"""The settings dialog, made from the option table: no setting is known here by name."""

from __future__ import annotations

from chatdesk.ui.settings.dialog import SettingsDialog

__all__ = ["SettingsDialog"]
