"""Providers: which remote models there are, where they are, and the keys they need."""

from __future__ import annotations

from chatdesk.ui.providers.dialog import ProvidersDialog

__all__ = ["ProvidersDialog"]
