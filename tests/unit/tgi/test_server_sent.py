"""Events of a stream, however it is cut into pieces."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.providers.remote.server_sent import EventDecoder


def _decoded(*chunks: bytes) -> list[bytes]:
    decoder = EventDecoder()
    return [data for chunk in chunks for data in decoder.feed(chunk)] + decoder.finish()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_with_any_of_the_three_ends(end: bytes) -> None:
    stream = end.join(
        [b": alive", b"", b"event: x", b"data:1", b"id: 4", b"", b"data: 2", b"", b""]
    )
    assert _decoded(stream) == [b"1", b"2"]


def test_lines_of_one_event_are_joined_and_others_are_left_out() -> None:
    assert _decoded(b"data: {\ndata:}\nretry: 1\ndatum: 3\n\n\n\n:\n\n") == [b"{\n}"]


def test_an_event_without_the_empty_line_still_counts() -> None:
    assert _decoded(b"data: 1\n\ndata: 2\n") == [b"1", b"2"]


def test_a_line_that_was_cut_is_no_data() -> None:
    assert _decoded(b"data: 1\n\ndata: {") == [b"1"]


def test_what_only_python_takes_for_the_end_of_a_line_is_text() -> None:
    text = "a\u2028b\u0085c\x0b\x0c\x1cd"
    assert _decoded(b"data:" + text.encode() + b"\n\n") == [text.encode()]


@given(
    st.lists(st.text()),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_events_are_the_same_wherever_the_stream_is_cut(
    texts: list[str], end: bytes, cuts: list[int]
) -> None:
    contents = [json.dumps(text, ensure_ascii=False).encode() for text in texts if _whole(text)]
    stream = b"".join(b"data:" + content + end + end for content in contents)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert _decoded(*pieces) == contents


def _whole(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
