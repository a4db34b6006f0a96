"""The provider of all models on servers: the composition of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chatdesk.chat.events import Event, Started, Waiting
from chatdesk.chat.provider import Deliver, Request
from chatdesk.credentials import off_thread
from chatdesk.errors import ChatdeskError, NotFound, ProviderError, ReplyInterrupted
from chatdesk.providers.profiles import ADD_PROVIDER, RemoteName, split
from chatdesk.providers.remote.api import Api, Call, Check, Ending, RemoteModel, Server
from chatdesk.providers.remote.backoff import Patience
from chatdesk.providers.remote.catalog import Catalog
from chatdesk.providers.remote.check import check
from chatdesk.providers.remote.clients import Clients
from chatdesk.providers.remote.key_turns import KeyTurns
from chatdesk.providers.remote.limits import Limits
from chatdesk.providers.remote.loop import LoopThread
from chatdesk.providers.remote.plan import Planner
from chatdesk.providers.remote.problems import (
    KeyProblem,
    NoModelList,
    NoSuchModel,
    NotThisApi,
    ServerProblem,
    entry_remedy,
    key_remedy,
)
from chatdesk.providers.remote.run import RemoteRun
from chatdesk.providers.remote.silence import speaking
from chatdesk.providers.remote.standing import ProviderChanged, Standing, standing

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.profiles import Accounts, Profile

# A keyring that answers faster than this is not worth a word.
_KEYRING_S = 0.3


class RemoteProvider:
    """Replies from servers, many at a time. Every method may be called from any thread and returns
    at once, except close(). Events are delivered in the thread "chatdesk-remote".
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        limits: Limits | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._accounts = accounts
        self._limits = limits or Limits()
        self._patience = patience or Patience()
        self._loop = LoopThread()
        # All below belongs to the loop's thread.
        self._apis: dict[str, Api] = {}
        self._catalog = Catalog()
        self._planner = Planner()
        self._key_turns = KeyTurns()
        self._clients = Clients(
            self._limits, lambda profile, key: self._api(profile).open(profile, key, self._limits)
        )
        self._loop.at_end(self._clients.close)

    def start(self, request: Request, deliver: Deliver) -> RemoteRun:
        """Ask for a reply. request.model names provider and model: "id:model", "name:model" or
        "name:". Raises ProviderError after close().
        """
        run = RemoteRun(request, deliver, self._loop.call)
        self._loop.call(lambda: run.begin(self._reply))
        return run

    def models(
        self, profile: Profile, key: Secret | None = None
    ) -> Future[tuple[RemoteModel, ...]]:
        """The models that a server offers, sorted. key None: the saved one.

        The future raises NoModelList where the server has no list, or another ChatdeskError.
        """
        return self._loop.submit(lambda: self._models(profile, key))

    def test(self, profile: Profile, key: Secret | None = None, model: str = "") -> Future[Check]:
        """Whether a server can be used, and if not what exactly is wrong.

        The profile need not be saved; key None: the saved one. model: also ask this one for a word.
        """
        return self._loop.submit(lambda: self._test(profile, key, model))

    def close(self, timeout: float = 5.0) -> bool:
        """End all runs, close all connections and wait for the thread; whether it ended in time.

        Nothing can be started afterwards. Twice is harmless.
        """
        return self._loop.close(timeout)

    # -- the loop's thread --------------------------------------------------------------------

    async def _reply(self, run: RemoteRun) -> None:
        try:
            run.finish(await self._answer(run))
        except (ServerProblem, ProviderChanged) as problem:
            if isinstance(problem, NoSuchModel):
                self._suggest(problem, run.request.model)
            run.fail(_interrupted(problem, run.provider) if run.spoke else problem)
        except ChatdeskError as problem:
            run.fail(problem)

    async def _answer(self, run: RemoteRun) -> Ending:
        request = run.request
        remote = self._remote(request.model)
        profile = remote.profile
        if request.only_to not in ("", str(profile.origin)):  # it moved after it was asked about
            raise ProviderError(
                f"{profile.name} has another address now: {profile.origin}. Nothing was sent.",
                "Try again, and choose whether it may be sent there.",
                retryable=True,
            )
        async with standing(self._accounts.profiles, profile, lambda: run.spoke) as state:
            return await self._asked(run, remote, state)

    async def _asked(self, run: RemoteRun, remote: RemoteName, state: Standing) -> Ending:
        profile = remote.profile

        def waiting(event: Waiting) -> None:
            state.check()
            run.tell(event)

        async with self._server(profile, None, run.tell) as server:
            run.tell(Waiting("connecting", f"Waiting for {profile.name} to answer"))

            api = self._api(profile)
            request = run.request
            model = remote.model or profile.default_model
            call = Call(server, model, request, request.messages)
            if not api.plans:
                call = await self._planned(run, call, state, waiting)

            async def attempt() -> Ending:
                state.check()
                if api.plans:
                    return await api.reply(call, run.piece)
                async with speaking(lambda: run.pieces, self._limits.silent_s, profile.name):
                    return await api.reply(call, run.piece)

            return await self._patience.ask(attempt, waiting, again=lambda: not run.begun)

    async def _planned(
        self, run: RemoteRun, call: Call, state: Standing, waiting: Callable[[Waiting], None]
    ) -> Call:
        """The call with a model and what fits into its window; what is told of it goes to run."""
        profile = call.profile

        # A server may refuse for now before it can be asked for the reply.
        async def look() -> tuple[str, int | None]:
            state.check()
            return await self._model(call.server, call.model)

        model, window = await self._patience.ask(look, waiting, again=lambda: True)
        plan = self._planner.plan(run.request, f"{profile.id}:{model}", window)
        run.started = Started(
            model, window, plan.tokens, plan.left_out, estimated=True, provider=profile.name
        )
        return Call(call.server, model, run.request, plan.messages, window, plan.tokens)

    async def _models(self, profile: Profile, key: Secret | None) -> tuple[RemoteModel, ...]:
        if key is None:
            key = await self._key_turns.ask(lambda: self._key(profile, None))
        async with self._clients.use(profile, key) as server:
            return await self._listed(server, self._limits.list_s)

    async def _test(self, profile: Profile, key: Secret | None, model: str) -> Check:
        try:
            async with self._server(profile, key, None) as server:
                return await check(
                    self._api(profile),
                    server,
                    model,
                    lambda: self._listed(server, self._limits.list_s),
                )
        except ChatdeskError as error:
            return Check(False, error.what, error.advice, error=error)

    def _remote(self, reference: str | None) -> RemoteName:
        remote = split(reference, self._accounts.profiles)
        if remote is None:
            raise NotFound(
                f'There is no provider for the model "{reference or ""}".',
                "Add the provider, or choose another model.",
                remedy=ADD_PROVIDER,
            )
        return remote

    def _suggest(self, problem: NoSuchModel, reference: str | None) -> None:
        """Name the models of the server that may be meant."""
        remote = split(reference, self._accounts.profiles)
        if remote is not None:
            known = self._catalog.get(remote.profile) or ()
            problem.suggest(remote.model or remote.profile.default_model, [m.id for m in known])

    def _api(self, profile: Profile) -> Api:
        kind = profile.preset.api
        if kind not in self._apis:
            # Here, because what talks to servers takes a while to import.
            if kind == "tgi":
                from chatdesk.providers.remote.tgi import TgiApi

                self._apis[kind] = TgiApi()
            elif kind == "nats":
                from chatdesk.providers.remote.nats_api import NatsApi

                self._apis[kind] = NatsApi()
            else:
                from chatdesk.providers.remote.openai_api import OpenAiApi

                self._apis[kind] = OpenAiApi()
        return self._apis[kind]

    @asynccontextmanager
    async def _server(
        self, profile: Profile, key: Secret | None, tell: Callable[[Event], None] | None
    ) -> AsyncIterator[Server]:
        """The profile's server, with its key. Raises ChatdeskError."""
        if key is None:
            key = await self._key(profile, tell)
        async with self._clients.use(profile, key) as server:
            yield server

    async def _key(self, profile: Profile, tell: Callable[[Event], None] | None) -> Secret | None:
        asked = asyncio.wrap_future(off_thread(lambda: self._accounts.key(profile)))
        if tell is not None:
            await asyncio.wait((asked,), timeout=_KEYRING_S)
            if not asked.done():
                tell(Waiting("connecting", "Waiting for the system's keyring"))
        key = await asked
        if key is None and profile.needs_key:
            raise KeyProblem(
                f"There is no key for {profile.name}.",
                remedy=key_remedy(profile, "Add"),
            )
        return key

    async def _listed(self, server: Server, patience: float) -> tuple[RemoteModel, ...]:
        """The server's list of models, which is remembered. Raises ChatdeskError."""
        profile = server.profile
        try:
            async with asyncio.timeout(patience):
                models = await self._api(profile).models(server)
        except TimeoutError:
            self._catalog.put(profile, ())
            raise ServerProblem(
                f"{profile.name} did not send its list of models in time.",
                "Try again, or enter the model's name by hand.",
                again="soon",
            ) from None
        except ChatdeskError:
            self._catalog.put(profile, ())
            raise
        self._catalog.put(profile, models)
        return models

    async def _model(self, server: Server, model: str) -> tuple[str, int | None]:
        """The model's name at the server and its context window, None where nobody knows."""
        profile = server.profile
        model = model or profile.default_model
        known = self._catalog.get(profile)
        if known is None or not (model or known):
            try:
                # Without a name the list is needed; with one it only tells the window.
                known = await self._listed(
                    server, self._limits.window_s if model else self._limits.list_s
                )
            except NoModelList:
                known = ()
            except ChatdeskError:
                if not model:
                    raise
                known = ()
        if not model:
            if not known and not profile.models:
                raise ProviderError(
                    f"{profile.name} names no models, and none was chosen.",
                    "Enter the name of one.",
                    remedy=entry_remedy(profile, "the default model", "--default-model M"),
                )
            model = known[0].id if known else profile.models[0]
        window = next((m.context_size for m in known if m.id == model), None)
        return model, window or profile.context_size or None


def _interrupted(problem: ProviderError, name: str) -> ReplyInterrupted:
    # Whoever has begun a reply does have this API.
    strange = isinstance(problem, NotThisApi)
    what = f"{name} sent something that cannot be read." if strange else problem.what
    return ReplyInterrupted(
        f"The reply was cut off. {what}",
        "Continue it, or ask for a new one.",
        retryable=True,
        detail=problem.detail,
    )
