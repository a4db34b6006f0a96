"""The decoder that the openai package is given: the same events whichever way it asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatdesk.providers.remote.openai_client import _Events

STREAM = (b': ping\n\nid: 7\n\ndata: {"a"', b": 1}\n\nda", b"ta: [DONE]\n\n")


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in STREAM:
        yield chunk


def test_events_without_data_are_left_out_in_both_ways() -> None:
    async def collected() -> list[str]:
        return [event.data async for event in _Events().aiter_bytes(_chunks())]

    told = [event.data for event in _Events().iter_bytes(iter(STREAM))]
    assert told == asyncio.run(collected()) == ['{"a": 1}', "[DONE]"]


def test_an_event_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(_Events().iter_bytes(iter([b"data: \xff\n\n"])))
