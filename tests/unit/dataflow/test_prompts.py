"""What thin clients send: believed as far as it can be read, and refused in words otherwise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.messages import SamplingParameters, Usage
from chatdesk.cluster.prompts import (
    LONGEST_PROMPT,
    Answer,
    Prompt,
    UnreadablePrompt,
    check_length,
    decode_answer,
    decode_prompt,
    encode_answer,
    encode_prompt,
)
from chatdesk.errors import UsageError
from chatdesk.providers.nats.fields import WireError

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(texts, st.booleans())
def test_a_prompt_arrives_as_it_was_sent(text: str, forget: bool) -> None:
    prompt = Prompt(text, "id", SamplingParameters(max_tokens=3, stop=("a",)), forget)
    assert decode_prompt(encode_prompt(prompt)) == prompt


@given(texts, st.text(st.characters(exclude_categories=["Cs"])))
def test_an_answer_arrives_as_it_was_kept(text: str, summary: str) -> None:
    answer = Answer("id", "complete", text, "m", Usage(1, 0, 2), summary=summary, folded=3)
    assert decode_answer(encode_answer(answer)) == answer


WRONG = {"text": 7, "parameters": [], "forget": None}


@pytest.mark.parametrize("name", WRONG)
def test_who_sent_what_cannot_be_read_can_be_told(name: str) -> None:
    values = json.loads(encode_prompt(Prompt("Hi", "the-id"))) | {name: WRONG[name]}
    with pytest.raises(UnreadablePrompt) as caught:
        decode_prompt(json.dumps(values).encode())
    assert caught.value.prompt_id == "the-id"


@pytest.mark.parametrize("text", ["", " \n", "x" * (LONGEST_PROMPT + 1)])
def test_a_text_that_is_no_prompt_is_told_as_such(text: str) -> None:
    with pytest.raises(UnreadablePrompt, match="prompt"):
        decode_prompt(encode_prompt(Prompt(text, "id")))


def test_a_question_that_is_too_long_is_not_sent() -> None:
    check_length("x" * LONGEST_PROMPT)
    with pytest.raises(UsageError, match="200,001 of 200,000"):
        check_length("x" * (LONGEST_PROMPT + 1))


@given(st.binary(max_size=60))
def test_no_bytes_are_believed(data: bytes) -> None:
    for decode in (decode_prompt, decode_answer):
        with pytest.raises(WireError):
            decode(data)


@pytest.mark.parametrize("identity", ["a.b", "", "x" * 65, 7, None, "*", ">"])
def test_an_id_that_is_no_token_of_a_subject_is_none(identity: object) -> None:
    values = json.loads(encode_prompt(Prompt("Hi", "id"))) | {"id": identity}
    with pytest.raises(WireError) as caught:
        decode_prompt(json.dumps(values).encode())
    assert not isinstance(caught.value, UnreadablePrompt)
