"""The sidebar: the conversation list with its search, dates, trash and the way to the settings."""

from chatdesk.ui.sidebar.sidebar import Sidebar

__all__ = ["Sidebar"]
