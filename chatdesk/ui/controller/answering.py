"""Which model answers in the open conversation, and that nothing goes out without a choice.

A conversation without a model of its own is answered by the local default model; one that a person
gave a model keeps it. Before what is in a conversation goes to a server for the first time the
person is asked, once for each conversation and each address; and again where something was written
for a model on this computer since.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from chatdesk.chat.messages import Conversation
from chatdesk.errors import NotFound, StoreError
from chatdesk.providers.profiles import Profile, Profiles, RemoteName, provider_of, split
from chatdesk.session import Consents, Session
from chatdesk.settings import SettingsFile
from chatdesk.store import Store
from chatdesk.ui.controller.locals import LocalModel, Locals, short_name


class ProviderGone(NotFound):
    """The open conversation is answered by a provider that is not set up (any more)."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers. Exactly one of remote and local is set, unless the provider is gone.

    reference: as the conversation names the model, None for the local default. name: of the model.
    local None: it is not known yet what the reference means.
    """

    reference: str | None
    name: str
    remote: RemoteName | None = None
    local: LocalModel | None = None
    gone: bool = False

    @property
    def profile(self) -> Profile | None:
        """The provider, None for a local model."""
        return self.remote.profile if self.remote else None


@dataclass(frozen=True, slots=True)
class Question:
    """May this conversation be sent there? yes is called once if it may.

    told: what is sent, in sentences. before: where it could go until now, "" for nowhere. stay:
    what the button says that changes nothing.
    """

    profile: Profile
    told: str
    before: str
    stay: str
    yes: Callable[[], object]


class Answering(QObject):
    """changed: another model answers in the open conversation, or more is known of it.

    asked(Question): something has to be decided first. GUI thread only.
    """

    changed = Signal()
    asked = Signal(object)
    _profiles_changed = Signal()

    def __init__(
        self,
        session: Session,
        store: Store,
        settings: SettingsFile,
        profiles: Profiles,
        consents: Consents,
        known: Locals,
        attempt: Callable[[Callable[[], object]], bool],
        parent: QObject | None = None,
    ) -> None:
        """attempt: does something and tells the person of an expected error."""
        super().__init__(parent)
        self._session = session
        self._store = store
        self._settings = settings
        self._profiles = profiles
        self._consents = consents
        self._locals = known
        self._attempt = attempt
        self._conversation: str | None = None
        self._reference: str | None = None  # of the open conversation
        self._new: str | None = None  # chosen for the new conversation that is not saved yet
        # What conversations had whose local model is being tried; None: the new one.
        self._pinned: dict[str | None, str | None] = {}
        self._curious = False
        known.changed.connect(self.changed)
        # Profiles tells in the thread that changed them.
        self._profiles_changed.connect(self.refresh)
        self._unsubscribe = profiles.subscribe(self._profiles_changed.emit)

    def close(self) -> None:
        """Listen to the providers no more, and begin nothing."""
        self._curious = False
        self._unsubscribe()

    # -- reading ------------------------------------------------------------------------------

    @property
    def answerer(self) -> Answerer:
        """Who answers in the open conversation."""
        return self._answerer(self._reference)

    def remote_name(self, reference: str) -> tuple[str, str] | None:
        """A remote model's and its provider's name; None for a local one."""
        remote = split(reference, self._profiles)
        return None if remote is None else (_name(remote), remote.profile.name)

    def model_for_new(self) -> str | None:
        """What new conversations are made with: a remote default is written into each."""
        if self._new is not None:
            return self._new
        remote = split(self._settings.values.model.default, self._profiles)
        return None if remote is None else remote.reference

    def show(self, conversation_id: str | None, *, keep: bool = False) -> None:
        """Another conversation is open; None: a new one.

        keep: what was chosen for a new one before still holds, because its draft is still there.
        """
        self._conversation = conversation_id
        if conversation_id is None and not keep:
            self._new = None
        self.refresh()

    def refresh(self) -> None:
        """Look again which model the open conversation has."""
        if self._conversation is None:
            self._reference = self.model_for_new()
        else:
            # It may be deleted for good by another process, or the disk may refuse: what the person
            # does next tells.
            with suppress(NotFound, StoreError):
                self._reference = self._store.conversations.get(self._conversation).model
        self.changed.emit()

    def conversation_changed(self, conversation: Conversation) -> None:
        """Something about a conversation is another: perhaps its model."""
        if conversation.id == self._conversation and conversation.model != self._reference:
            self._reference = conversation.model
            self.changed.emit()

    def look_at_files(self) -> None:
        """From now on find out what local models are called: the window is there, no one waits."""
        if not self._curious:
            self._curious = True
            self.changed.emit()

    # -- choosing -----------------------------------------------------------------------------

    def choose_remote(self, reference: str) -> None:
        """Let a provider's model answer in the open conversation; asks where that sends something.

        Raises NotFound where there is no such provider, StoreError.
        """
        remote = split(reference, self._profiles)
        if remote is None:
            raise self._gone(reference)
        conversation = self._conversation
        if conversation is None:
            self._pinned.pop(None, None)
            self._use(None, remote.reference)
        elif self._must_ask(conversation, remote.profile):
            self._ask(conversation, remote.profile, lambda: self._set(conversation, remote))
        else:
            self._set(conversation, remote)

    def local_chosen(self, reference: str | None) -> None:
        """A local model was chosen, and looked right: it answers in the open conversation.

        reference: how a conversation names it for good. None: the local default.
        """
        conversation = self._conversation
        self._pinned.setdefault(conversation, self._reference)
        self._use(conversation, reference)

    def forget_new(self) -> None:
        """What was chosen for the new conversation no longer holds: the default is another."""
        if self._conversation is None:
            self._new = None
            self.refresh()

    def local_worked(self) -> None:
        """The model that was chosen last is loaded."""
        self._pinned.clear()

    def local_refused(self) -> None:
        """The local model that was chosen last cannot be loaded: conversations keep theirs."""
        pinned, self._pinned = self._pinned, {}
        for conversation, before in pinned.items():
            self._attempt(partial(self._use, conversation, before))

    # -- sending ------------------------------------------------------------------------------

    def when_allowed(self, send: Callable[[], object]) -> None:
        """Do what sends the open conversation: now, or once the person agreed to it, or not at all.

        Raises ProviderGone, and what send raises.
        """
        self.refresh()  # the command line may have given it another model a moment ago
        answerer, conversation = self.answerer, self._conversation
        if answerer.gone:
            raise self._gone(answerer.reference or "")
        profile = answerer.profile
        if profile is None or conversation is None:
            send()
        elif self._must_ask(conversation, profile):
            self._ask(conversation, profile, send)
        else:
            self._consents.give(conversation, profile.origin)
            send()

    def conversation_made(self, conversation: Conversation) -> None:
        """A new conversation was saved: where its model is remote, that was chosen for it."""
        remote = split(conversation.model, self._profiles)
        if remote is not None:
            self._consents.give(conversation.id, remote.profile.origin)
        self._new = None

    # -- inner --------------------------------------------------------------------------------

    def _answerer(self, reference: str | None) -> Answerer:
        remote = split(reference, self._profiles)
        if remote is not None:
            return Answerer(reference, _name(remote), remote=remote)
        local = self._locals.find(reference) if self._curious else None
        if reference is not None and provider_of(reference) and local is not None and local.error:
            name = reference.partition(":")[2]
            return Answerer(reference, name or provider_of(reference), gone=True)
        if local is not None:
            return Answerer(reference, local.name, local=local)
        default = self._settings.values.model.default
        return Answerer(reference, short_name(default if reference is None else reference))

    def _must_ask(self, conversation: str, profile: Profile) -> bool:
        if self._consents.given(conversation, profile.origin):
            return False
        outgoing = self._session.outgoing(conversation)
        return outgoing.messages > 0 or outgoing.system_prompt

    def _ask(self, conversation: str, profile: Profile, then: Callable[[], object]) -> None:
        def yes() -> None:
            def send() -> None:
                self._consents.give(conversation, profile.origin)
                then()

            self._attempt(send)

        now = self.answerer
        if now.profile is None and profile.on_this_computer:
            stay = "Stay in Chatdesk"  # the other program is on this computer, too
        elif now.profile is None:
            stay = "Stay on this computer"
        elif now.profile.id == profile.id:
            stay = "Do not send it"
        else:
            stay = f"Stay with {now.profile.name}"
        before = ""
        if now.profile is not None and now.profile.id == profile.id:
            before = next(reversed(self._consents.origins(conversation)), "")
        told = self._session.outgoing(conversation).told(f"{profile.name} ({profile.place})")
        self.asked.emit(Question(profile, told, before, stay, yes))

    def _set(self, conversation: str, remote: RemoteName) -> None:
        self._consents.give(conversation, remote.profile.origin)
        self._pinned.pop(conversation, None)
        self._use(conversation, remote.reference)

    def _use(self, conversation: str | None, reference: str | None) -> None:
        if conversation is None:
            self._new = reference
            self.refresh()
        else:
            self._session.set_model(conversation, reference)

    def _gone(self, reference: str) -> ProviderGone:
        model = reference.partition(":")[2] or reference
        return ProviderGone(
            f"The provider of {model} is not set up here any more. Nothing was sent.",
            "Choose another model, or add the provider again.",
        )


def _name(remote: RemoteName) -> str:
    return remote.model or remote.profile.default_model or remote.profile.name


def same_file(known: LocalModel | None, path: Path | None) -> bool:
    """Whether a state of the file at path tells of this model; what is not known is no other."""
    return known is None or known.path is None or path is None or known.path == path
