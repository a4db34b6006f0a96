"""No answer grows beyond all bounds, and none that is within them is cut, however it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from chatdesk.providers.remote.problems import AnswerTooLarge
from chatdesk.providers.remote.transport import BoundedStream


class Chunks(httpx2.AsyncByteStream):
    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def through(*chunks: bytes, event: int = 100, whole: int = 1_000_000) -> int:
    """How many bytes come through."""

    async def read() -> int:
        return sum([len(c) async for c in BoundedStream(Chunks(*chunks), event, whole)])

    return asyncio.run(read())


@pytest.mark.parametrize(
    "pieces",
    [
        (b"data: {}\n\n",),
        (b"data: {}\n", b"\n"),
        (b"data: {}\r\n", b"\r\n"),
        (b"data: {}\r", b"\r"),
        (b"data: ", b"{}", b"\n\n"),
        (b"data: {}", b"\n", b"\n"),
    ],
)
def test_many_events_are_no_long_one_wherever_their_chunks_end(pieces: tuple[bytes, ...]) -> None:
    assert through(*pieces * 1000) == sum(map(len, pieces)) * 1000


@pytest.mark.parametrize(
    "pieces",
    [(b"data: x",), (b"\ndata: x",), (b"data: x\n",), (b"x\ny",), (b"data: x\r", b"\n")],
)
def test_an_event_without_an_end_is_cut(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(AnswerTooLarge):
        through(*pieces * 1000)


def test_the_whole_is_bounded_too() -> None:
    with pytest.raises(AnswerTooLarge):
        through(*(b"data: {}\n\n",) * 1000, whole=5000)
