"""The model manager: what models there are, which one is used, adding and removing them."""

from __future__ import annotations

from chatdesk.ui.models.dialog import ModelsDialog

__all__ = ["ModelsDialog"]
