"""Where the person agreed to send which conversation: remembered for each server's address.

A choice holds for one conversation and one origin. Another conversation, or the same provider at
another address, is asked about again; so is a conversation in which something was written for a
model on this computer since.
"""

from __future__ import annotations

from chatdesk.credentials import Origin
from chatdesk.store import State

_KEY = "consent."  # and the conversation's id: the origins, as text


class Consents:
    """Belongs to the database's thread; methods raise StoreError."""

    def __init__(self, state: State) -> None:
        self._state = state

    def given(self, conversation_id: str, origin: Origin) -> bool:
        """Whether this conversation may be sent there."""
        return str(origin) in self.origins(conversation_id)

    def give(self, conversation_id: str, origin: Origin) -> None:
        """The person chose to send this conversation there."""
        known = self.origins(conversation_id)
        if str(origin) not in known:
            self._state.set(_KEY + conversation_id, [*known, str(origin)])

    def withdraw(self, conversation_id: str) -> None:
        """What was agreed to no longer covers what stands in this conversation."""
        if self.origins(conversation_id):
            self._state.set(_KEY + conversation_id, [])

    def origins(self, conversation_id: str) -> list[str]:
        """Where this conversation may be sent, in the order in which it was chosen."""
        found = self._state.get(_KEY + conversation_id, [])
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
