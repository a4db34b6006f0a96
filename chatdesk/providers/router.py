"""Sends each request to who was chosen for it: this computer's model, or a provider on a server.

The request's model decides, and nothing else does. Where the one that was chosen cannot answer the
reply fails; the other one is never asked in its place.
"""

from __future__ import annotations

from chatdesk.chat.provider import Deliver, Provider, Request, Run
from chatdesk.providers.profiles import Profiles, split


class Router:
    """A Provider made of two. start() is for any thread that may call theirs.

    A request whose model names a known provider goes to remote, every other one to local, which
    refuses the name of a provider that is not known.
    """

    def __init__(self, local: Provider, remote: Provider, profiles: Profiles) -> None:
        self._local = local
        self._remote = remote
        self._profiles = profiles

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Start the reply where its model is."""
        self._profiles.reload_if_changed()  # another process may have added or removed one
        remote = split(request.model, self._profiles) is not None
        return (self._remote if remote else self._local).start(request, deliver)
