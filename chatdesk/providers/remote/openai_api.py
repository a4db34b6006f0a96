"""Servers that speak OpenAI's chat completions, through the openai package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatdesk.chat.events import Delta
from chatdesk.providers.remote.api import Call, Ending, RemoteModel, Server, Tell
from chatdesk.providers.remote.problems import ServerProblem

if TYPE_CHECKING:
    import openai


class OpenAiApi:
    """Belongs to the loop's thread."""

    async def reply(self, call: Call, tell: Tell) -> Ending:
        import openai

        client = _client(call.server)
        try:
            stream: Any = await client.chat.completions.create(
                model=call.model,
                messages=[{"role": m.role.value, "content": m.content} for m in call.messages],  # type: ignore[misc]
                stream=True,
            )
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    tell(Delta("text", chunk.choices[0].delta.content))
        except openai.OpenAIError as error:
            raise ServerProblem(str(error)) from error
        return Ending()

    async def models(self, server: Server) -> tuple[RemoteModel, ...]:
        answer: Any = await _client(server).get("/models", cast_to=object)
        return tuple(RemoteModel(m["id"], m["id"]) for m in answer["data"])


def _client(server: Server) -> openai.AsyncOpenAI:
    import openai

    client = openai.AsyncOpenAI(
        api_key="in-the-transport",
        base_url=server.profile.base_url,
        http_client=server.client,
        max_retries=0,
    )
    client._platform = "Unknown"  # asking for it starts a thread, and it is not sent
    return client
