"""A pool of workers over NATS as a kind of API.

How workers are asked, and one is replaced that fails, is told in providers/nats. Here it gets the
profile's key, and its errors the provider's name and the way to mend them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chatdesk import diagnostics
from chatdesk.chat.events import Event, Failed, Finished, Notice, Started, Waiting
from chatdesk.errors import ChatdeskError, NotFound, ProviderError, ReplyInterrupted, UsageError
from chatdesk.providers.nats.asking import KEPT, Affinity
from chatdesk.providers.nats.attempt import ServerGone, Timing
from chatdesk.providers.nats.link import Link
from chatdesk.providers.nats.login import Login, read_login
from chatdesk.providers.nats.problems import (
    AllBusy,
    NoConnection,
    NotAllowed,
    NothingKept,
    NoWorker,
)
from chatdesk.providers.remote import library_logs
from chatdesk.providers.remote.api import Call, Ending, RemoteModel, Server, Tell
from chatdesk.providers.remote.model_list import MOST_MODELS, fit_name
from chatdesk.providers.remote.problems import (
    Again,
    KeyProblem,
    NoSuchModel,
    ServerProblem,
    address_remedy,
    key_remedy,
    server_words,
)
from chatdesk.providers.remote.transport import tls_context

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.profiles import Profile
    from chatdesk.providers.remote.limits import Limits


class NatsApi:
    """Belongs to the loop's thread."""

    plans = True  # a worker knows its model, counts exactly, and says every second that it lives

    def __init__(self) -> None:
        self._affinities: dict[str, Affinity] = {}
        library_logs.keep_quiet()

    def open(self, profile: Profile, key: Secret | None, limits: Limits) -> Link:
        """Raises ServerProblem for an address or a key that cannot be used."""
        origin = profile.origin
        if not origin.secure and not profile.allow_http:
            raise ServerProblem(
                f"{profile.name} is not asked, because {origin.scheme}:// to {origin.host} is not "
                "encrypted.",
                "Use a tls:// address, or allow nats:// for this provider on purpose.",
            )
        # Such a name means this computer, but some resolvers would ask the network for it.
        local = replace(origin, host="localhost") if origin.host.endswith(".localhost") else origin
        return Link(
            str(local),
            _login(profile, key),
            profile.subjects,
            tls=tls_context,
            affinity=self._affinities.setdefault(profile.base_url, Affinity()),
            timing=Timing(lost=limits.worker_s, away=limits.idle_s),
        )

    async def reply(self, call: Call, tell: Tell) -> Ending:
        """Ask the workers; their Started is told, because they choose and count."""
        profile = call.profile
        last: Event | None = None

        def hear(event: Event) -> None:
            nonlocal last
            match event:
                case Finished() | Failed():
                    last = event
                case Started(model=model):
                    tell(replace(event, model=server_words(model), provider=profile.name))
                case Waiting(why=why):
                    kept = f"{_nobody(profile)}. {KEPT}" if why == KEPT else ""
                    tell(replace(event, why=kept or server_words(why)))
                case Notice(text=text):
                    tell(Notice(server_words(text)))
                case _:
                    tell(event)

        request = replace(call.request, model=call.model or None)
        try:
            asker = await _link(call.server).asker()
            await asker.ask(request, hear, keep=profile.keep_requests)
        except ProviderError as error:
            raise _problem(error, profile, call.server.keyed) from error
        if isinstance(last, Failed):
            raise _problem(last.error, profile, call.server.keyed) from last.error
        assert isinstance(last, Finished)
        usage = last.usage
        # What several workers wrote together is estimated from the text.
        written = None if usage.estimated else usage.completion_tokens
        return Ending(last.reason, usage.prompt_tokens, usage.cached_tokens, written)

    async def models(self, server: Server) -> tuple[RemoteModel, ...]:
        """The different models of the workers that are there, with the smallest window of each."""
        profile = server.profile
        try:
            found = await _link(server).offers()
        except ProviderError as error:
            raise _problem(error, profile, server.keyed) from error
        if not found:
            raise ServerProblem(
                f"The NATS server of {profile.name} answers, but no worker is listening at "
                f"{profile.subjects.prefix}.",
                "Start one with chatdesk worker, or check the end of the address: it is the "
                "subject at which workers listen.",
                again="soon",
                why=_nobody(profile),
            )
        windows: dict[str, int | None] = {}
        for offer in found:
            if fit_name(offer.model) and len(windows) < MOST_MODELS:
                known = [w for w in (windows.get(offer.model), offer.context_window) if w]
                windows[offer.model] = min(known, default=None)
        return tuple(RemoteModel(name, name, windows[name]) for name in sorted(windows))


def _link(server: Server) -> Link:
    if not isinstance(server.connection, Link):
        raise TypeError("this server is not talked to over NATS")
    return server.connection


def _login(profile: Profile, key: Secret | None) -> Login:
    try:
        login = read_login(key.reveal() if key is not None else None)
    except UsageError as error:
        raise KeyProblem(error.what, error.advice, remedy=key_remedy(profile, "Replace")) from error
    for part in (login.password, login.seed, login.jwt):
        if part:
            diagnostics.keep_out(part)
    return login


def _nobody(profile: Profile) -> str:
    return f"No worker is listening at {profile.name}"


def _problem(error: ChatdeskError, profile: Profile, keyed: bool) -> ChatdeskError:
    """An error of the workers or of the way to them, as one of this provider."""
    name = profile.name
    # Workers' own words are among them.
    error.what, error.advice = server_words(error.what), server_words(error.advice)
    match error:
        case ServerProblem() | ReplyInterrupted():
            return error
        case NoConnection():
            return _no_connection(error, profile, keyed)
        case NoWorker():
            return _again(
                f"{_nobody(profile)}.",
                "Start one there, or choose another model.",
                "long",
                _nobody(profile),
            )
        case NothingKept():
            return _again(
                f"{_nobody(profile)}, and its NATS server keeps no requests.",
                error.advice,
                "long",
                _nobody(profile),
                error.detail,
            )
        case AllBusy():
            why = f"All workers at {name} are busy"
            return _again(f"{why}.", "Try again later, or choose another model.", "long", why)
        case NotAllowed():
            return KeyProblem(error.what, error.advice, remedy=key_remedy(profile, "Replace"))
        case ServerGone():
            why = f"The connection to {name} was lost"
            return _again(f"{why}.", "Try again when its NATS server is there.", "soon", why)
        case NotFound():
            return NoSuchModel(error.what, error.advice)
        case ProviderError(retryable=True):
            why = error.what.rstrip(".")
            return _again(error.what, error.advice, "few", why, error.detail)
    return error


def _again(what: str, advice: str, again: Again, why: str, detail: str = "") -> ServerProblem:
    return ServerProblem(what, advice, again=again, why=why, detail=detail)


def _no_connection(error: NoConnection, profile: Profile, keyed: bool) -> ServerProblem:
    if error.reason == "login":
        if keyed:
            return KeyProblem(
                f"The NATS server of {profile.name} does not accept the key.",
                "It may be mistyped, or no longer valid.",
                remedy=key_remedy(profile, "Replace"),
                detail=error.detail,
            )
        return KeyProblem(
            f"The NATS server of {profile.name} wants a key, and there is none.",
            profile.preset.key_page,
            remedy=key_remedy(profile, "Add"),
            detail=error.detail,
        )
    return ServerProblem(
        error.what,
        error.advice,
        remedy=address_remedy(profile),
        again=None if error.reason == "tls" else "few",
        why=f"The NATS server of {profile.name} does not answer",
        retryable=True,
        detail=error.detail,
    )
