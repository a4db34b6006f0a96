"""Reading the chunks of a reply: text, reasoning, reasons and counts in all their forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import Delta
from chatdesk.providers.remote.api import Ending
from chatdesk.providers.remote.reply_reader import PrefixStripper, ReplyReader


class Read:
    """A reader that was fed deltas (a str is content) and then flushed."""

    def __init__(self, *deltas: Any, **named: Any) -> None:
        self.told: list[Any] = []
        self.reader = ReplyReader(self.told.append, **named)
        for delta in deltas:
            content = {"content": delta} if isinstance(delta, str) else delta
            self.reader.take({"choices": [{"index": 0, "delta": content}]})
        self.reader.flush()

    def of(self, kind: str) -> str:
        return "".join(d.text for d in self.told if isinstance(d, Delta) and d.kind == kind)

    @property
    def text(self) -> str:
        return self.of("text")

    @property
    def reasoning(self) -> str:
        return self.of("reasoning")


@given(st.lists(st.text(min_size=1)), st.lists(st.integers(0, 5)))
def test_text_is_told_as_it_comes_however_it_is_cut(pieces: list[str], cuts: list[int]) -> None:
    pieces = [piece.replace("\0", "") for piece in pieces]
    whole = "x" + "".join(pieces)  # no white space and no tag at the beginning
    assert Read("x", *pieces).text == whole


@given(st.text(st.characters()))
def test_what_is_told_can_always_be_saved(text: str) -> None:
    for read in (Read("x", *text), Read({"reasoning": text}, text)):
        (read.text + read.reasoning).encode("utf-8")
        assert "\0" not in read.text + read.reasoning


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(["<think>\nWhy", " not?\n</think>\n\n", "Yes", " sir"], id="in the text"),
        pytest.param(["<th", "ink>Why not?</thi", "nk>Yes sir"], id="cut tags"),
        pytest.param([{"reasoning_content": "Why not?"}, "\n\n", "Yes sir"], id="DeepSeek"),
        pytest.param(
            [{"reasoning": "\nWhy", "content": ""}, {"reasoning": " not?"}, "Yes sir"], id="Groq"
        ),
        pytest.param(
            [{"reasoning": "Why not?", "reasoning_content": "Why not?"}, "Yes sir"],
            id="both names",
        ),
        pytest.param(
            [{"content": [{"thinking": [{"type": "text", "text": "Why not?"}]}]},
             {"content": [{"type": "text", "text": "Yes sir"}]}],
            id="Mistral",
        ),
        pytest.param([{"reasoning": "Why not?", "content": "Yes"}, " sir"], id="in one chunk"),
    ],
)  # fmt: skip
def test_reasoning_is_told_apart(deltas: list[Any]) -> None:
    read = Read(*deltas)
    assert read.reasoning == "Why not?"
    assert read.text == "Yes sir"


def test_a_reply_about_the_tag_is_left_alone() -> None:
    assert Read("Use <think> and </think>.").text == "Use <think> and </think>."


def test_a_refusal_is_text() -> None:
    assert Read({"content": None, "refusal": "I "}, {"refusal": "won't"}).text == "I won't"


@given(st.lists(st.sampled_from(["a", "b", "ST", "O", "P", "STOP", " "]), max_size=12))
def test_a_reply_ends_at_a_stop_sequence_that_the_server_did_not_get(pieces: list[str]) -> None:
    read = Read("x", *pieces, stops=("STOP",))
    whole = "x" + "".join(pieces)
    assert read.text == whole.partition("STOP")[0]
    assert read.reader.stopped == ("STOP" in whole)


@given(st.text(min_size=1, max_size=8), st.text(max_size=12), st.lists(st.integers(1, 3)))
def test_a_repeated_beginning_is_taken_away(begun: str, more: str, cuts: list[int]) -> None:
    for whole, expected in ((begun + more, more), (more, None)):
        stripper = PrefixStripper(begun)
        given_, rest = "", whole
        for cut in [*cuts, 99]:
            given_ += stripper.feed(rest[:cut])
            rest = rest[cut:]
        given_ += stripper.finish()
        if expected is None:
            expected = whole.removeprefix(begun)
        assert given_ == expected


def test_only_new_text_is_told_of_a_continued_reply() -> None:
    assert Read("The pl", "anets are", " many", continuation="The planets").text == " are many"
    assert Read(" are", " many", continuation="The planets").text == " are many"
    assert Read("The ", "moon", continuation="The planets").text == "The moon"
    assert Read("The ", continuation="The planets").text == "The "


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("stop", "stop"), ("length", "length"), ("max_tokens", "length"),
        ("model_length", "length"), ("eos", "stop"), ("end_turn", "stop"),
        ("tool_calls", "stop"), ("x" * 10_000, "stop"),
    ],
)  # fmt: skip
def test_reasons_to_end(reason: str, told: str) -> None:
    read = Read("x")
    read.reader.take({"choices": [{"delta": {}, "finish_reason": reason}]})
    assert read.reader.ending().reason == told


@pytest.mark.parametrize(
    ("chunk", "ending"),
    [
        ({"usage": {"prompt_tokens": 9, "completion_tokens": 4}}, Ending("stop", 9, None, 4)),
        (
            {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4,
                                      "prompt_tokens_details": {"cached_tokens": 5}}},
            Ending("stop", 9, 5, 4),
        ),
        (
            {"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 8, "completion_tokens": 4}},
            Ending("stop", 9, 8, 4),
        ),
        ({"choices": [], "x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 4}}},
         Ending("stop", 9, None, 4)),
        ({"choices": [], "timings": {"cache_n": 5, "prompt_n": 4, "predicted_n": 7}},
         Ending("stop", 9, 5, 7)),
        ({"usage": None}, Ending()),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": "many"}}, Ending()),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 10**30}}, Ending()),
        ({"usage": ["x"]}, Ending()),
    ],
)  # fmt: skip
def test_counts_are_taken_from_where_servers_put_them(chunk: Any, ending: Ending) -> None:
    read = Read("x")
    read.reader.take(chunk)
    assert read.reader.ending() == ending


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "content", "message", "index", "usage", "thinking",
                             "reasoning", "finish_reason", "timings", "text", "error", "object",
                             "prompt_tokens_details", "x_groq", "refusal"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=4), st.booleans())
def test_no_json_whatever_breaks_it(chunks: list[Any], continued: bool) -> None:
    told: list[Any] = []
    reader = ReplyReader(told.append, continuation="x" if continued else "", stops=("stop",))
    for chunk in chunks:
        reader.take(chunk)
        reader.take({"choices": [chunk]})
        reader.take({"choices": [{"delta": chunk}]})
    reader.flush()
    reader.ending()
    assert all(isinstance(delta, Delta) and delta.text for delta in told)
