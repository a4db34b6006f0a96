"""The session: everything a front end does with conversations, without Qt and on one thread."""

from chatdesk.session.conversing import Removed, Session
from chatdesk.session.listener import Listener, Silent

__all__ = ["Listener", "Removed", "Session", "Silent"]
