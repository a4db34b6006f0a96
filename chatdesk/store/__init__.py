"""The store: the only room with SQL. What it promises is said in its modules."""

from chatdesk.store.conversations import Conversations
from chatdesk.store.database import Database
from chatdesk.store.messages import Messages
from chatdesk.store.opening import Store, open_store
from chatdesk.store.state import State

__all__ = ["Conversations", "Database", "Messages", "State", "Store", "open_store"]
