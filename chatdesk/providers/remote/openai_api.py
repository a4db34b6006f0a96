"""Servers that speak OpenAI's chat completions, through the openai package.

The package makes the request, reads the events and raises typed errors; the chunks are taken as the
JSON they are (reply_reader.py). What it is kept from is told in openai_client.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from chatdesk.chat.events import Notice
from chatdesk.chat.messages import Role
from chatdesk.errors import ProviderError
from chatdesk.providers.remote.answers import (
    Refusal,
    refusal_problem,
    stream_problem,
    unreadable,
)
from chatdesk.providers.remote.api import Call, Ending, RemoteModel, Server, Tell
from chatdesk.providers.remote.model_list import read_models
from chatdesk.providers.remote.network import network_problem
from chatdesk.providers.remote.openai_client import GuardedOpenAI
from chatdesk.providers.remote.parameters import Manners, Ways, learn, wire_parameters
from chatdesk.providers.remote.problems import NoModelList, ServerProblem
from chatdesk.providers.remote.reply_reader import ReplyReader
from chatdesk.providers.remote.transport import BODY, BoundedStream, guarded_client

if TYPE_CHECKING:
    from chatdesk.credentials import Secret
    from chatdesk.providers.profiles import Profile
    from chatdesk.providers.remote.limits import Limits

_GO_ON = (
    "Your last message broke off. Go on with it exactly where it broke off. Do not repeat anything "
    "of it, and add no introduction."
)
# How many answers may be about parameters before one is given up: each names at least one.
_MOST_CORRECTIONS = 12
_NOTHING = object()


class OpenAiApi:
    """The OpenAI-compatible kind of API. Belongs to the loop's thread."""

    plans = False

    def __init__(self) -> None:
        self._manners = Manners()

    def open(self, profile: Profile, key: Secret | None, limits: Limits) -> httpx2.AsyncClient:
        """A guarded client. Raises ServerProblem."""
        return guarded_client(profile, key, limits)

    async def reply(self, call: Call, tell: Tell) -> Ending:
        """Ask once for a reply. Parameters that the server refuses are left out, with a notice."""
        ways = self._manners.of(call.profile.base_url, call.model)
        for _ in range(_MOST_CORRECTIONS):
            body = request_body(call, ways)
            stream = _Stream(call, tell)
            try:
                async with _translated(call):
                    try:
                        return await stream.read(body, ways)
                    except openai.APIStatusError as error:
                        refusal = _refusal(error.response)
            except ServerProblem as silence:
                if stream.mute:
                    # A connection that broke once may hold the next time.
                    if not silence.again or call.only_once or ways.mute == call.request.run_id:
                        await _ask_why(call, body)
                    ways.mute = call.request.run_id
                raise
            problem = refusal_problem(
                refusal, call.profile, model=call.model, keyed=call.server.keyed
            )
            if not _about_request(problem):
                raise problem
            labels = learn(ways, body, refusal)
            if labels is None:
                raise problem
            if labels:
                tell(Notice(_notice(call, labels)))
        raise problem

    async def models(self, server: Server) -> tuple[RemoteModel, ...]:
        """GET /models. Raises NoModelList, ServerProblem."""
        profile = server.profile
        async with _translated(server):
            try:
                response: httpx2.Response = await GuardedOpenAI(server).get(
                    "/models", cast_to=httpx2.Response
                )
            except openai.APIStatusError as error:
                response = error.response
            else:
                models = read_models(response.content)
                if models is not None:
                    return models
        refusal = _refusal(response)
        if response.status_code in (404, 405, 501) and not refusal.html:
            raise NoModelList(
                f"{profile.name} has no list of models at {profile.base_url}.",
                "If this address is right, enter the name of a model by hand.",
                status=response.status_code,
                detail=refusal.words,
            )
        if response.status_code >= 300:
            raise refusal_problem(refusal, profile, keyed=server.keyed)
        kind = response.headers.get("content-type", "")
        if refusal.body is not None and not _is_error(refusal.body):
            raise NoModelList(
                f"{profile.name} sends no list of models that can be read.",
                "Enter the name of a model by hand.",
                detail=refusal.words,
            )
        if _is_error(refusal.body):
            raise stream_problem(refusal.body, profile)
        raise unreadable(profile, kind)


def request_body(call: Call, ways: Ways) -> dict[str, Any]:
    """The body of the request for a reply."""
    request = call.request
    preset = call.profile.preset
    messages = _turns(call, ways.folded)
    body: dict[str, Any] = {"model": call.model, "messages": messages, "stream": True}
    body |= wire_parameters(preset.kind, request.parameters, ways)
    if request.continuation:
        begun: dict[str, Any] = {"role": "assistant", "content": request.continuation}
        messages.append(begun)
        if preset.continuing == "prefix":
            begun["prefix"] = True
        elif preset.continuing == "vllm":
            body |= {"add_generation_prompt": False, "continue_final_message": True}
        elif preset.continuing == "ask":
            messages.append({"role": "user", "content": _GO_ON})
    return body


def _turns(call: Call, folded: bool) -> list[dict[str, Any]]:
    """The messages, such that no two neighbours have the same role: many templates refuse that.

    A reply that failed before its first word leaves two messages of the person beside each other.
    """
    turns: list[dict[str, Any]] = []
    for message in call.messages:
        role = "user" if folded and message.role is Role.SYSTEM else message.role.value
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += f"\n\n{message.content}"
        else:
            turns.append({"role": role, "content": message.content})
    return turns


class _Stream:
    """One request for a streamed reply. mute: a stream was promised, and not a byte of it came."""

    def __init__(self, call: Call, tell: Tell) -> None:
        self.mute = False
        self._call = call
        self._tell = tell

    async def read(self, body: dict[str, Any], ways: Ways) -> Ending:
        """Raises what openai, httpx2 and json raise, and ServerProblem."""
        call = self._call
        reader = ReplyReader(
            self._tell, continuation=call.request.continuation, stops=call.request.parameters.stop
        )
        stream: openai.AsyncStream[object] = await GuardedOpenAI(call.server).post(
            "/chat/completions",
            body=body,
            cast_to=object,
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        response = stream.response
        kind = response.headers.get("content-type", "").lower()
        sent: BoundedStream | None = response.extensions.get(BODY)
        try:
            if "html" in kind:
                raise unreadable(call.profile, kind)
            if "json" in kind and "stream" not in kind and "ndjson" not in kind:
                # Asked for a stream, it sends the whole reply: some do.
                whole = json.loads(await response.aread())
                if _is_error(whole):
                    raise stream_problem(whole, call.profile, model=call.model)
                reader.take(whole)
                done = reader.recognised
            else:
                self.mute = "event-stream" in kind
                take = reader.take
                chunk: object = _NOTHING
                async for chunk in stream:
                    take(chunk)
                    if reader.stopped:
                        break
                done = sent is not None and b"[DONE]" in sent.tail
                if self.mute and chunk is _NOTHING and sent is not None and sent.tail and not done:
                    raise _broke_off(call)  # comments, as while a model is loaded, and no word
        finally:
            self.mute = self.mute and sent is not None and not sent.tail
            reader.flush()
            await stream.close()
        if reader.finish_reason:
            ways.reasons = True
        return _ending(call, reader, done, kind, ways)


async def _ask_why(call: Call, body: dict[str, Any]) -> None:
    """Find out why a stream ended without a word, by asking for a single token in one piece.

    llama-cpp-python's server is one that has promised a stream when it finds that the model cannot
    be loaded or the messages are too long. Raises ChatdeskError where the server tells the reason.
    """
    wanted = {name: value for name, value in body.items() if name != "stream_options"}
    longest = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    wanted |= {"stream": False, longest: 1}
    for _ in range(2):  # such a server also closes the connection, which is then used once more
        try:
            async with asyncio.timeout(call.server.limits.list_s):
                await GuardedOpenAI(call.server).post(
                    "/chat/completions", body=wanted, cast_to=object
                )
        except openai.APIStatusError as error:
            problem = refusal_problem(
                _refusal(error.response), call.profile, model=call.model, keyed=call.server.keyed
            )
            if not (isinstance(problem, ServerProblem) and problem.again):
                raise problem from None
        except openai.APIConnectionError:
            continue
        except (TimeoutError, openai.OpenAIError, httpx2.HTTPError, ValueError):
            pass  # what went wrong with the stream is told
        return


def _ending(call: Call, reader: ReplyReader, done: bool, kind: str, ways: Ways) -> Ending:
    """What a stream that came to its end means."""
    name = call.profile.name
    if not reader.recognised and reader.error is None:
        if done:
            raise ServerProblem(
                f"{name} sent an empty reply.", "Try again, or choose another model.", again="few"
            )
        raise unreadable(call.profile, kind)
    if reader.error is not None:
        raise stream_problem(reader.error, call.profile, model=call.model)
    if reader.filtered:
        raise ServerProblem(
            f"{name} ended the reply with its content filter.",
            "Put the message in other words, or choose another model.",
        )
    # A server that always says why it ends and now does not has cut the reply: llama-cpp-python's
    # does so for the next request, and sends [DONE] all the same.
    whole = bool(reader.finish_reason) or (done and not ways.reasons)
    if reader.broken or not (whole or reader.stopped):
        raise _broke_off(call, reader.finish_reason)
    if not (reader.spoke or reader.stopped or call.request.continuation):
        if reader.finish_reason in ("tool_calls", "function_call"):
            raise ServerProblem(
                f"{call.model} wanted to use a tool, and Chatdesk has none.",
                "Put the message in other words, or choose another model.",
            )
        if reader.finish_reason != "length":
            raise ServerProblem(
                f"{name} sent an empty reply.",
                "Try again, or choose another model.",
                retryable=True,
            )
    return reader.ending()


def _broke_off(call: Call, detail: str = "") -> ServerProblem:
    name = call.profile.name
    return ServerProblem(
        f"{name} ended the connection before the reply was complete.",
        "Try again.",
        again="soon",
        why=f"{name} broke off",
        detail=detail,
    )


@asynccontextmanager
async def _translated(asked: Call | Server) -> AsyncIterator[None]:
    """Turn the exceptions of the openai package and of what is below it into ChatdeskErrors.

    APIStatusError is left to the block: what it means depends on what was asked.
    """
    server = asked.server if isinstance(asked, Call) else asked
    profile = server.profile
    try:
        yield
    except openai.APIConnectionError as error:
        raise network_problem(error, profile, server.limits) or _unknown(error, profile) from error
    except openai.APIError as error:
        # An error within the stream; its body is what stood under "error".
        model = asked.model if isinstance(asked, Call) else ""
        body = error.body if isinstance(error.body, dict) else {"message": str(error.body)}
        raise stream_problem({"error": body}, profile, model=model) from error
    except httpx2.HTTPError as error:
        raise network_problem(error, profile, server.limits) or _unknown(error, profile) from error
    except (ValueError, RecursionError) as error:
        # A chunk that is no JSON, no UTF-8, or nested without end.
        raise unreadable(profile, "", f"{type(error).__name__}") from error


def _about_request(problem: ProviderError | Exception) -> bool:
    """Whether a refusal may be about a parameter: nothing else was recognised in it."""
    return type(problem) is ServerProblem and problem.status in (400, 422)


def _notice(call: Call, labels: list[str]) -> str:
    names = labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
    verb = "is" if len(labels) == 1 else "are"
    return f"{call.model} at {call.profile.name} does not take {names}, which {verb} left out."


def _refusal(response: httpx2.Response) -> Refusal:
    return Refusal.read(response.status_code, response.headers, response.content)


def _is_error(body: Any) -> bool:
    return isinstance(body, dict) and bool(body.get("error") or body.get("object") == "error")


def _unknown(error: Exception, profile: Profile) -> ServerProblem:
    return ServerProblem(
        f"{profile.name} could not be asked.", "Try again.", detail=type(error).__name__
    )
