"""A thin client's side of the dataflow: send a prompt, hear its reply, whatever restarts meanwhile.

The prompt is sent again, with the same id, when nothing was heard for a while, or when something of
the reply was missed: the dataflow answers each id once and tells an answer again that was given
already. So nothing is lost when a server, the dataflow or this client's connection goes away in the
middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError, NoStreamResponseError

from chatdesk.chat.events import Event, Waiting, is_last
from chatdesk.cluster.hearing import Hearing
from chatdesk.cluster.prompts import Prompt, encode_prompt
from chatdesk.errors import ProviderError, UsageError
from chatdesk.providers.nats.attempt import ServerGone
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.guarded import denials
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import decode_told

# Nothing at all for this long means that nobody works on the prompt: Alive comes every second.
SILENCE_S = 5.0
# A prompt that the server keeps is found there. It is sent again ever more seldom.
_LONGEST_SILENCE_S = 60.0


async def talk(
    client: Client, subjects: Subjects, user: str, prompt: Prompt
) -> AsyncIterator[Event]:
    """The events of one reply, the last one included.

    A Notice before text means that the text told until then is void: the reply begins again. Raises
    ProviderError where no cluster ever was at this server, where the connection is closed for good
    or the user may not ask; UsageError where the server carries no prompt of that size.
    """
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        heard.put_nowait(message.data)

    clock = asyncio.get_running_loop().time
    sending = _Sending(client, subjects, user, prompt)
    subscription = await client.subscribe(subjects.replies(user, prompt.id), cb=hear)
    hearing = Hearing()
    patience = SILENCE_S
    try:
        await sending.send()
        while True:
            try:
                data = await asyncio.wait_for(heard.get(), patience)
            except TimeoutError:
                yield Waiting("queued", "The prompt is kept until the cluster answers")
                kept = await sending.send()
                patience = min(patience * 2, _LONGEST_SILENCE_S) if kept else SILENCE_S
                continue
            patience = SILENCE_S
            try:
                told = decode_told(data)
            except WireError:
                continue
            for event in hearing.take(told, clock()):
                yield event
                if is_last(event):
                    return
            if hearing.missed:
                hearing.ask_again()
                await sending.send()
    finally:
        with suppress(nats.errors.Error):
            await subscription.unsubscribe()


class _Sending:
    """Sends one prompt, as often as it takes."""

    def __init__(self, client: Client, subjects: Subjects, user: str, prompt: Prompt) -> None:
        self._client = client
        self._subject = subjects.prompts(user)
        self._user = user
        self._data = encode_prompt(prompt)
        self._denials = denials(client)
        self._kept = False  # once, at least

    async def send(self) -> bool:
        """Whether the server keeps it now; one that is away may keep it the next time.

        Raises ProviderError, UsageError.
        """
        try:
            await self._client.jetstream().publish(self._subject, self._data)
        except NoStreamResponseError as error:
            if self._kept:  # the server is just starting again
                return False
            raise ProviderError(
                "No cluster has ever run at this server.",
                "Start one with: chatdesk cluster run",
                retryable=True,
            ) from error
        except APIError as error:
            raise ProviderError(
                "The server does not take the prompt.", detail=f"{error.code} {error.err_code}"
            ) from error
        except nats.errors.MaxPayloadError as error:
            raise UsageError(
                "The question is larger than the NATS server takes.",
                "Shorten it, or split it into several.",
            ) from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            if self._client.is_closed:
                raise ServerGone from error
            if denials(self._client) > self._denials:
                raise ProviderError(
                    f"The NATS server does not let the user {self._user} ask this cluster.",
                    "Ask who runs it for the permission, or give the key of another user.",
                ) from error
            return False
        self._kept = True
        return True
