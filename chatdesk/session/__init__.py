"""The session: everything a front end does with conversations, without Qt and on one thread."""

from chatdesk.session.consents import Consents
from chatdesk.session.conversing import Removed, Session
from chatdesk.session.gatekeeper import Gatekeeper
from chatdesk.session.listener import Listener, Silent
from chatdesk.session.outgoing import Outgoing, outgoing
from chatdesk.session.whereabouts import Whereabouts

__all__ = [
    "Consents",
    "Gatekeeper",
    "Listener",
    "Outgoing",
    "Removed",
    "Session",
    "Silent",
    "Whereabouts",
    "outgoing",
]
