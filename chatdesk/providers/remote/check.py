"""Finds out whether a server can be used, and if not what exactly is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chatdesk.chat.events import Delta, Event
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ChatdeskError
from chatdesk.providers.remote.api import Api, Call, Check, RemoteModel, Server
from chatdesk.providers.remote.problems import (
    KeyProblem,
    NoModelList,
    NoSuchModel,
    NotThisApi,
    ServerProblem,
)

# Whose lists of models nobody gets without the right key. Others give it to everybody, so that it
# proves nothing about the key.
_LIST_NEEDS_KEY = frozenset(["openai", "mistral", "groq", "together", "deepseek", "nats"])
# One word is enough; a few servers refuse to be asked for less than this.
_FEW_TOKENS = 16


class _Answered(Exception):
    """The model said its first word; the rest is not wanted."""


async def check(
    api: Api,
    server: Server,
    model: str,
    list_models: Callable[[], Awaitable[tuple[RemoteModel, ...]]],
) -> Check:
    """Ask for the list of models and, where that does not tell enough, a model for a word.

    model: this one is asked in any case. Never raises ChatdeskError; nothing is tried twice.
    """
    profile = server.profile
    models: tuple[RemoteModel, ...] = ()
    without_list: NoModelList | None = None
    try:
        models = await list_models()
    except NoModelList as error:
        without_list = error
    except ChatdeskError as error:
        return _failed(error)
    answers = f"{profile.name} answers and offers {_models(len(models))}."
    asked, chosen = model, True
    if not asked and (without_list is not None or _key_unproved(server)):
        # A model that was chosen before, or any: each costs as little.
        asked = next((name for name in (profile.default_model, *profile.models) if name), "")
        if not asked and models:
            asked, chosen = models[0].id, False
    if asked:
        try:
            await _ask(api, server, asked)
        except ChatdeskError as error:
            if isinstance(error, NoSuchModel):
                error.suggest(asked, [m.id for m in models])
            if not chosen and _accepts_key(error):
                return Check(True, answers, f"Choose a model: {asked} is not to be had.", models)
            return _failed(error, models)
        if not chosen:
            return Check(True, answers, models=models)
        count = f" It offers {_models(len(models))}." if models else ""
        what = f"{asked} at {profile.name} answers.{count}"
        return Check(True, what, _unlisted(asked, models), models)
    if without_list is not None:
        return _failed(without_list)
    if not models:
        return Check(
            True,
            f"{profile.name} answers, but offers no models.",
            "Load one there, or enter the name of a model by hand.",
        )
    return Check(True, answers, models=models)


def _accepts_key(error: ChatdeskError) -> bool:
    """Whether a server that refuses a model that nobody chose has looked at the key and took it."""
    return (
        isinstance(error, ServerProblem)
        and not isinstance(error, KeyProblem | NotThisApi)
        and error.status in (400, 402, 403, 404, 422, 429)
    )


def _key_unproved(server: Server) -> bool:
    return server.keyed and server.profile.kind not in _LIST_NEEDS_KEY


async def _ask(api: Api, server: Server, model: str) -> None:
    """Let a model say a word. Raises ChatdeskError."""
    message = PromptMessage(Role.USER, "Say OK.")
    request = Request(
        "connection test",
        (message,),
        SamplingParameters(
            temperature=1.0,  # the one that every model takes
            top_p=1.0,
            top_k=0,
            min_p=0.0,
            repeat_penalty=1.0,
            max_tokens=_FEW_TOKENS,
        ),
    )

    def tell(event: Event) -> None:
        if isinstance(event, Delta):
            raise _Answered

    try:
        async with asyncio.timeout(server.limits.idle_s):
            await api.reply(Call(server, model, request, (message,), only_once=True), tell)
    except _Answered:
        return
    except TimeoutError:
        raise ServerProblem(
            f"{model} at {server.profile.name} said nothing for {server.limits.idle_s:g} seconds.",
            "It may still be loading. Try again in a while.",
            retryable=True,
        ) from None


def _unlisted(model: str, models: tuple[RemoteModel, ...]) -> str:
    """What to know of a model that answers and is not in the list: many servers take any name."""
    # Ollama's own tag, which may be left out.
    if not models or any(listed.id in (model, f"{model}:latest") for listed in models):
        return ""
    return f"It does not list {model}, so another model may have answered."


def _failed(error: ChatdeskError, models: tuple[RemoteModel, ...] = ()) -> Check:
    return Check(False, error.what, error.advice, models, error)


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count:,} models"
