"""The last word on whether a conversation may leave: no way around it leads to a server.

Window and terminal ask before they send. Should something be sent without having been asked about,
it is refused here, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chatdesk.chat.events import Event, Failed
from chatdesk.chat.provider import Deliver, Provider, Request, Run
from chatdesk.errors import ChatdeskError, ProviderError
from chatdesk.providers.profiles import Profile, Profiles, split
from chatdesk.session.consents import Consents
from chatdesk.session.whereabouts import Whereabouts


class Gatekeeper:
    """A Provider before another. Belongs to the session's thread; so do the events it sees."""

    def __init__(
        self,
        provider: Provider,
        profiles: Profiles,
        consents: Consents,
        whereabouts: Whereabouts,
        failed: Callable[[Profile, ChatdeskError], None] = lambda profile, error: None,
    ) -> None:
        """failed: a remote reply ended with an error; called after the reply was told of it."""
        self._provider = provider
        self._profiles = profiles
        self._consents = consents
        self._whereabouts = whereabouts
        self._failed = failed

    def start(self, request: Request, deliver: Deliver) -> Run:
        """Start the reply. Raises ProviderError where nobody agreed to send the conversation.

        What is written for a local model is for this computer: before the conversation is sent
        again the person is asked again.
        """
        self._profiles.reload_if_changed()  # it may have moved to another address a moment ago
        remote = split(request.model, self._profiles)
        if remote is None:
            self._consents.withdraw(request.conversation_id)
            return self._provider.start(request, deliver)
        profile = remote.profile
        if not self._consents.given(request.conversation_id, profile.origin):
            raise ProviderError(
                f"Nothing was sent: this conversation was not meant for {profile.place} so far.",
                "Try again, and choose whether it may be sent.",
                retryable=True,
            )

        self._whereabouts.sending(request.conversation_id, profile)

        def watch(event: Event) -> None:
            deliver(event)
            if isinstance(event, Failed):
                self._failed(profile, event.error)

        return self._provider.start(replace(request, only_to=str(profile.origin)), watch)
