"""huggingface_hub's client for text generation, held to what Chatdesk promises.

It builds the requests and reads the answers; the connection is ours. By itself it would take a
token from HF_TOKEN or ~/.cache/huggingface where it is given none, ask huggingface.co which
programs are "agents" in order to name them in a header, have connections and redirects of its own,
and break a reply at U+2028. So it is given a token that is never sent, its telemetry is off, and
the one method in which it talks to a server is replaced: what goes out is the address, the body and
two headers, through the guarded client (transport.py), which has the real key.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from huggingface_hub import AsyncInferenceClient, constants

from chatdesk.providers.remote import library_logs
from chatdesk.providers.remote.server_sent import event_data
from chatdesk.providers.remote.tgi_answers import Answers

if TYPE_CHECKING:
    import httpx2

library_logs.keep_quiet()

# Where it has none the library looks for one of its own.
_NO_TOKEN = "not-sent"

# Its telemetry is a request of its own, to another server.
constants.HF_HUB_DISABLE_TELEMETRY = True


class GuardedInferenceClient(AsyncInferenceClient):
    """For one request: a context manager that closes the connection's answer at its end.

    Errors of the server are raised as answers.py and tgi_answers.py have them. prompt_tokens: what
    the answer's header told, None where it did not.
    """

    def __init__(self, client: httpx2.AsyncClient, answers: Answers) -> None:
        super().__init__(token=_NO_TOKEN)
        self._guarded = client
        self._answers = answers
        self.prompt_tokens: int | None = None

    async def _get_async_client(self) -> httpx2.AsyncClient:
        return self._guarded

    async def _inner_post(self, request_parameters: Any, *, stream: bool = False) -> Any:
        """Ask, and give what the library reads: the lines of a stream, or bytes."""
        response = await self.exit_stack.enter_async_context(
            self._guarded.stream(
                "POST",
                request_parameters.url,
                content=json.dumps(request_parameters.json).encode("ascii"),
                headers={
                    "content-type": "application/json",
                    "accept": "text/event-stream" if stream else "application/json",
                },
            )
        )
        if not response.is_success:
            raise self._answers.problem(
                response.status_code, response.headers, await response.aread()
            )
        tokens = response.headers.get("x-prompt-tokens", "")
        if tokens.isascii() and tokens.isdigit():
            self.prompt_tokens = int(tokens[:9])
        kind = response.headers.get("content-type", "")
        if stream and kind.lower().startswith("text/event-stream"):
            return self._lines(response)
        body = self._answers.whole(await response.aread())
        if not stream:
            return body
        # Some that stand before a server take the stream away.
        return _as_stream(body)

    async def _lines(self, response: httpx2.Response) -> AsyncIterator[str]:
        async for data in event_data(response.aiter_raw()):
            if data.strip() == b"[DONE]":
                return
            yield "data:" + self._answers.event(data).decode("ascii")


async def _as_stream(body: bytes) -> AsyncIterator[str]:
    whole: dict[str, Any] = json.loads(body)
    token = {"id": 0, "logprob": 0.0, "special": False, "text": ""}
    yield "data:" + json.dumps({"index": 0, "token": token} | whole)
