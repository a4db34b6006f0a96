"""Text Generation Inference and Inference Endpoints: a prompt goes out, tokens come back.

The prompt is made here, by the profile's template. Sampling that the server does not have (min_p)
is left out, as is everything that is off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chatdesk.chat.estimate import estimate_tokens
from chatdesk.chat.events import FinishReason
from chatdesk.chat.reasoning import ReasoningSplitter
from chatdesk.chat.stops import StopMatcher
from chatdesk.errors import ContextOverflow
from chatdesk.providers.remote.api import Call, Ending, RemoteModel, Server, Tell
from chatdesk.providers.remote.network import network_problem
from chatdesk.providers.remote.problems import (
    NoModelList,
    NotThisApi,
    ServerProblem,
    address_remedy,
)
from chatdesk.providers.remote.prompt_templates import find_template
from chatdesk.providers.remote.tgi_answers import (
    ADVICE,
    Answers,
    NoSuchAddress,
    Refused,
    parsed_object,
)
from chatdesk.providers.remote.tgi_client import GuardedInferenceClient
from chatdesk.providers.remote.tgi_parameters import (
    Bounds,
    TooLong,
    context_size,
    generation_parameters,
)
from chatdesk.providers.remote.transport import client_of, guarded_client

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import TextGenerationStreamOutput

    from chatdesk.credentials import Secret
    from chatdesk.providers.profiles import Profile
    from chatdesk.providers.remote.limits import Limits

# A refusal corrects one number: the length of the reply and the number of stop sequences.
_CORRECTIONS = 3

_LONGEST_NAME = 300  # characters; the longest names of public models have about 100


class TgiApi:
    """The native API. Belongs to the loop's thread."""

    plans = False

    def open(self, profile: Profile, key: Secret | None, limits: Limits) -> httpx2.AsyncClient:
        """A guarded client. Raises ServerProblem."""
        return guarded_client(profile, key, limits)

    async def reply(self, call: Call, tell: Tell) -> Ending:
        """Ask for a reply; a refusal that names what would be taken is followed at once."""
        prompt = find_template(call.profile.template).render(
            call.messages, call.request.continuation
        )
        sampling = call.request.parameters
        stops = tuple(dict.fromkeys(stop for stop in (*prompt.stops, *sampling.stop) if stop))
        text = _encodable(prompt.text)
        tokens = max(call.prompt_tokens, estimate_tokens(text))
        bounds = Bounds.first(sampling.max_tokens, call.window, tokens)
        for _ in range(_CORRECTIONS):
            asked = generation_parameters(sampling, [_encodable(stop) for stop in stops], bounds)
            try:
                return await _Reply(call, stops, tell).ask(text, asked)
            except Refused as refused:
                better = bounds.corrected(refused.words)
                if better is None:
                    raise _refusal(refused) from refused
                bounds, last = better, refused
        raise _refusal(last) from last

    async def models(self, server: Server) -> tuple[RemoteModel, ...]:
        """The one model that the server has, with its window."""
        profile = server.profile
        try:
            response = await client_of(server).get(
                f"{profile.base_url}/info", headers={"accept": "application/json"}
            )
        except Exception as error:
            problem = network_problem(error, profile, server.limits)
            if problem is None:
                raise
            raise problem from error
        if response.status_code != 200:
            wrong = Answers(server).problem(
                response.status_code, response.headers, response.content
            )
            if isinstance(wrong, NoSuchAddress):
                raise NoModelList(
                    f"{profile.name} does not tell which model it has.",
                    "If it is no Text Generation Inference, choose another kind of provider.",
                    status=response.status_code,
                ) from wrong
            raise wrong.problem if isinstance(wrong, Refused) else wrong
        info = parsed_object(response.content)
        model = info.get("model_id")
        if not (isinstance(model, str) and model.strip() and model.isprintable()) or (
            len(model) > _LONGEST_NAME
        ):
            raise NotThisApi(
                f"What answers at {profile.place} is no Text Generation Inference.",
                ADVICE,
                remedy=address_remedy(profile),
            )
        return (RemoteModel(model, model, context_size(info)),)


class _Reply:
    """One attempt at a reply."""

    def __init__(self, call: Call, stops: tuple[str, ...], tell: Tell) -> None:
        continuing = bool(call.request.continuation)
        self._call = call
        self._tell = tell
        self._answers = Answers(call.server)
        self._stops = StopMatcher(stops)
        self._reasoning = ReasoningSplitter("text" if continuing else "before")
        # The space after "Assistant:" belongs to nobody; the one in a continued text does.
        self._trim = not continuing

    async def ask(self, prompt: str, asked: dict[str, Any]) -> Ending:
        """Ask for a stream, and for the whole reply where the server has none."""
        try:
            try:
                return await self._ask("generate_stream", prompt, asked)
            except NoSuchAddress:
                return await self._ask("generate", prompt, asked)
        except NoSuchAddress as error:
            raise error.problem from error
        except (Refused, ServerProblem):
            raise
        except Exception as error:
            problem = network_problem(error, self._call.profile, self._call.server.limits)
            if problem is None:
                raise
            raise problem from error

    async def _ask(self, address: str, prompt: str, asked: dict[str, Any]) -> Ending:
        client = GuardedInferenceClient(client_of(self._call.server), self._answers)
        url = f"{self._call.profile.base_url}/{address}"
        stream = address == "generate_stream"
        async with client:
            answer: Any = await client.text_generation(prompt, model=url, stream=stream, **asked)
            if stream:
                return await self._stream(answer)
            if answer.generated_text:
                self._show(answer.generated_text)
            return self._ending(answer.details, client.prompt_tokens)

    async def _stream(self, outputs: AsyncIterator[TextGenerationStreamOutput]) -> Ending:
        said = False
        async with aclosing(outputs) as events:  # type: ignore[type-var]
            async for event in events:
                if not event.token.special and event.token.text:
                    said = True
                    self._show(event.token.text)
                if event.generated_text is not None:
                    if not said:  # the stream had no tokens, only their sum
                        self._show(event.generated_text)
                    return self._ending(event.details, None)
                if self._stops.hit:
                    # Not all stop sequences may have been sent, so the server would go on.
                    return self._ending(None, None)
        name = self._call.profile.name
        raise ServerProblem(
            f"{name} ended the reply in the middle.",
            "Try again.",
            again="soon",
            why=f"{name} ended the reply",
        )

    def _show(self, text: str) -> None:
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        self._say(self._stops.feed(text))

    def _say(self, text: str) -> None:
        if text:
            for delta in self._reasoning.feed(text):
                self._tell(delta)

    def _ending(self, details: Any, prompt_tokens: int | None) -> Ending:
        self._say(self._stops.finish())
        for delta in self._reasoning.finish():
            self._tell(delta)
        length = details is not None and details.finish_reason == "length"
        reason: FinishReason = "length" if length and not self._stops.hit else "stop"
        if details is None:
            return Ending(reason, prompt_tokens)
        told = getattr(details, "input_length", None)
        return Ending(reason, told or prompt_tokens, None, details.generated_tokens)


def _refusal(refused: Refused) -> Exception:
    """What a refusal that could not be followed means for the person."""
    long = TooLong.told(refused.words)
    if long is None:
        return refused.problem
    return ContextOverflow(
        f"The conversation does not fit: it has {long.tokens:,} tokens, and the server takes "
        f"{long.most:,}.",
        f"Shorten the message, or set the provider's context size to {long.most} so that older "
        "messages are left out in time.",
        detail=refused.words,
    )


def _encodable(text: str) -> str:
    """The text without half characters, which no server takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
