"""A thin client's side of the dataflow: send a prompt, hear its reply, whatever restarts meanwhile.

The prompt is sent again, with the same id, when nothing was heard for a while: the dataflow answers
each id once and tells an answer again that was given already. So nothing is lost when a server, the
dataflow or this client's connection goes away in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError, NoStreamResponseError

from chatdesk.chat.events import Delta, Event, Notice, Waiting, is_last
from chatdesk.cluster.prompts import Prompt, encode_prompt
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Alive, Busy, Moved, decode_told

# Nothing at all for this long means that nobody works on the prompt: Alive comes every second.
SILENCE_S = 5.0


async def talk(
    client: Client, subjects: Subjects, user: str, prompt: Prompt
) -> AsyncIterator[Event]:
    """The events of one reply, the last one included.

    A Notice before text means that the text told until then is void: the reply begins again. Raises
    ProviderError where no cluster ever was at this server, or a prompt may not be sent.
    """
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        heard.put_nowait(message.data)

    subscription = await client.subscribe(subjects.replies(user, prompt.id), cb=hear)
    attempt = ""
    text = False
    try:
        await _send(client, subjects, user, prompt)
        while True:
            try:
                data = await asyncio.wait_for(heard.get(), SILENCE_S)
            except TimeoutError:
                yield Waiting("queued", "The prompt is kept until the cluster answers")
                await _send(client, subjects, user, prompt)
                continue
            try:
                told = decode_told(data)
            except WireError:
                continue
            if told.worker != attempt:
                attempt = told.worker
                if text:
                    text = False
                    yield Notice("The answer was interrupted and begins again.")
            event = told.what
            if isinstance(event, Alive | Busy | Moved):
                continue
            text = text or isinstance(event, Delta)
            yield event
            if is_last(event):
                return
    finally:
        with suppress(nats.errors.Error):
            await subscription.unsubscribe()


async def _send(client: Client, subjects: Subjects, user: str, prompt: Prompt) -> None:
    """Raises ProviderError; a server that is away for now is no error: there is another time."""
    try:
        await client.jetstream().publish(subjects.prompts(user), encode_prompt(prompt))
    except NoStreamResponseError as error:
        raise ProviderError(
            "No cluster has ever run at this server.",
            "Start one with: chatdesk cluster run",
            retryable=True,
        ) from error
    except APIError as error:
        raise ProviderError(
            "The server does not take the prompt.", detail=f"{error.code} {error.err_code}"
        ) from error
    except (nats.errors.Error, OSError, TimeoutError):
        return
