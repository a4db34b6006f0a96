"""The openai package's client, held to what Chatdesk promises.

It never has the key (transport.py puts it in), does not try again by itself (backoff.py does, and
tells of it), and reads the events of a stream as the format says. Its own decoder gives events
without data too (an id alone, a named ping, every empty line after an id), which it then cannot
parse, so that a sign of life would end a reply.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING

import openai
from openai._streaming import ServerSentEvent

from chatdesk.providers.remote import library_logs
from chatdesk.providers.remote.server_sent import EventDecoder
from chatdesk.providers.remote.transport import client_of

if TYPE_CHECKING:
    from chatdesk.providers.remote.api import Server

library_logs.keep_quiet()

# The package wants one; the transport puts in the real one, or none.
_PLACEHOLDER = "the-key-is-put-in-later"


class _Events:
    """The decoder that the package asks for: bytes become events that have data.

    Both ways raise UnicodeDecodeError for an event that is no text. Chatdesk reads streams in its
    loop; the package's protocol has the other way as well.
    """

    def iter_bytes(self, iterator: Iterator[bytes]) -> Iterator[ServerSentEvent]:
        decoder = EventDecoder()
        for chunk in iterator:
            yield from _told(decoder.feed(chunk))
        yield from _told(decoder.finish())

    async def aiter_bytes(self, iterator: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
        decoder = EventDecoder()
        async for chunk in iterator:
            for event in _told(decoder.feed(chunk)):
                yield event
        for event in _told(decoder.finish()):
            yield event


def _told(found: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    return (ServerSentEvent(data=data.decode()) for data in found)


class GuardedOpenAI(openai.AsyncOpenAI):
    """For the requests to one server, over its guarded client. Belongs to the loop's thread."""

    def __init__(self, server: Server) -> None:
        super().__init__(
            api_key=_PLACEHOLDER,
            base_url=server.profile.base_url,
            http_client=client_of(server),
            max_retries=0,
        )
        # It finds out the platform in a thread, for a header that is not sent.
        self._platform = "Unknown"

    def _make_sse_decoder(self) -> _Events:
        return _Events()
