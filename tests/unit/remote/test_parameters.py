"""What servers are asked for, and what they refuse, in the words of each."""

from __future__ import annotations

from typing import Any

import pytest
from faults import error, good, status
from faulty_person import Open, Person

from chatdesk.chat.messages import SamplingParameters
from chatdesk.providers.profiles import PRESETS
from chatdesk.providers.remote.answers import Refusal
from chatdesk.providers.remote.parameters import Ways, learn, wire_parameters

FULL = SamplingParameters(
    temperature=0.5, top_p=0.9, top_k=7, min_p=0.1, repeat_penalty=1.2, max_tokens=50, seed=3,
    stop=("a", "b", "c", "d", "e"),
)  # fmt: skip
OFF = SamplingParameters(
    temperature=1.0, top_p=1.0, top_k=0, min_p=0.0, repeat_penalty=1.0, max_tokens=0
)
COMMON = {"temperature": 0.5, "top_p": 0.9, "stop": ["a", "b", "c", "d"]}
USAGE = {"stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("openai", {"max_completion_tokens": 50, "seed": 3} | USAGE),
        ("mistral", {"max_tokens": 50, "random_seed": 3}),
        ("groq", {"max_tokens": 50, "seed": 3} | USAGE),
        ("deepseek", {"max_tokens": 50, "seed": 3} | USAGE),
        ("ollama", {"max_tokens": 50, "seed": 3} | USAGE),
        ("custom", {"max_tokens": 50, "seed": 3} | USAGE),
        ("tgi-openai", {"max_tokens": 50, "seed": 3} | USAGE),
        (
            "llama-server",
            {"max_tokens": 50, "seed": 3, "top_k": 7, "min_p": 0.1, "repeat_penalty": 1.2} | USAGE,
        ),
        ("lmstudio", {"max_tokens": 50, "seed": 3, "top_k": 7, "repeat_penalty": 1.2} | USAGE),
        (
            "vllm",
            {"max_tokens": 50, "seed": 3, "top_k": 7, "min_p": 0.1, "repetition_penalty": 1.2}
            | USAGE,
        ),
    ],
)
def test_each_kind_of_server_is_asked_in_its_own_words(kind: str, expected: dict[str, Any]) -> None:
    assert wire_parameters(kind, FULL, Ways()) == COMMON | expected


def test_what_is_off_is_not_sent_except_where_a_server_has_a_default_of_its_own() -> None:
    for kind in PRESETS:
        sent = wire_parameters(kind, OFF, Ways())
        if kind == "llama-server":
            off = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}
            assert sent == {"temperature": 1.0} | off | USAGE
        elif kind != "lmstudio":
            assert set(sent) <= {"temperature", "stream_options"}


def test_with_temperature_0_there_is_nothing_to_choose_among() -> None:
    sent = wire_parameters("mistral", SamplingParameters(temperature=0.0, top_p=0.9), Ways())
    assert sent == {"temperature": 0.0}


# -- refusals --------------------------------------------------------------------------------------

VLLM = (
    "[{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), "
    "'msg': 'Extra inputs are not permitted'}]"
)
SENT = {
    "model": "m", "messages": [], "stream": True, "temperature": 0.5, "top_p": 0.9, "top_k": 7,
    "min_p": 0.1, "max_tokens": 50, "seed": 3, "stop": ["a"], "stream_options": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "body", "name"),
    [
        (400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.5 with "
                         "this model. Only the default (1) value is supported.",
                         "type": "invalid_request_error", "param": "temperature",
                         "code": "unsupported_value"}}, "temperature"),
        (400, {"error": {"message": "Unrecognized request argument supplied: top_k",
                         "type": "invalid_request_error", "param": None}}, "top_k"),
        (400, {"error": {"message": "property 'min_p' is unsupported", "code": 400}}, "min_p"),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"],
                           "msg": "Extra inputs are not permitted", "input": 3}]}, "seed"),
        (422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden",
               "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}},
         "stream_options"),
        (400, {"object": "error", "message": VLLM, "type": "BadRequestError"}, "top_k"),
        (400, {"error": {"message": "stop is not supported by this model"}}, "stop"),
        (400, {"error": {"message": "Unknown parameter: seed"}}, "seed"),
        (400, {"message": "top_p must be in (0, 1]", "type": "invalid_request"}, "top_p"),
        (400, {"error": "max_tokens is too large: 50. At most 20 are allowed."}, "max_tokens"),
        (400, {"error": {"message": "`temperature` must be strictly positive"}}, "temperature"),
        (400, {"error": {"param": "stream_options.include_usage"}}, "stream_options"),
    ],
)  # fmt: skip
def test_a_refused_parameter_is_recognised(code: int, body: Any, name: str) -> None:
    ways = Ways()
    assert learn(ways, SENT, Refusal.of(code, body)) is not None
    assert ways.dropped == {name}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (400, "Invalid message: please stop it"),
        (400, "The temperature in the room is fine"),
        (400, "Your request was rejected by our safety system"),
        (401, "Unsupported parameter: 'top_k'"),
        (500, "Unsupported parameter: 'top_k'"),
        (400, ""),
    ],
)
def test_a_refusal_about_something_else_is_left_alone(code: int, words: str) -> None:
    ways = Ways()
    assert learn(ways, SENT, Refusal.of(code, {"error": {"message": words}})) is None
    assert ways == Ways()


def test_a_parameter_is_left_out_with_a_notice_and_stays_out(person: Person) -> None:
    refused = error(400, "Unsupported parameter: 'temperature' is not supported with this model.")
    told = person.meets(refused, good("Fine"), temperature=0.5)
    assert told.text == "Fine"
    assert told.notices == ["model at Faulty does not take Temperature, which is left out."]
    assert not told.retries
    assert "temperature" in person.server.asked[0].body
    assert "temperature" not in person.server.asked[1].body
    again = person.meets(good("Fine"), temperature=0.5)
    assert again.notices == []
    assert len(person.server.asked) == 1


def test_another_model_is_asked_with_it(person: Person) -> None:
    refused = error(400, "Unsupported parameter: 'temperature'")
    person.meets(refused, good("Fine"), temperature=0.5)
    person.meets(good("Fine"), temperature=0.5, model="other")
    assert person.body["temperature"] == 0.5


def test_the_longest_reply_goes_under_its_other_name(open_person: Open) -> None:
    person = open_person()
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    told = person.meets(error(400, f"{words}'max_completion_tokens' instead."), good("Fine"))
    assert told.text == "Fine"
    assert told.notices == []
    assert person.body["max_completion_tokens"] == 16
    older = open_person(kind="openai")
    older.meets(error(400, "Unknown field: max_completion_tokens"), good("Fine"))
    assert older.body["max_tokens"] == 16


def test_a_server_that_refuses_everything_is_believed_at_last(person: Person) -> None:
    names = ("temperature", "max_tokens", "stream_options", "stop")
    refused = [error(400, f"Unsupported parameter: '{name}'") for name in names]
    told = person.meets(*refused, good("Fine"), stop=("x",))
    assert told.text == "Fine"
    assert set(person.body) == {"model", "messages", "stream"}


def test_a_server_that_refuses_without_end_is_not_asked_without_end(person: Person) -> None:
    told = person.meets(error(400, "Unsupported parameter: 'temperature'"))
    assert "did not accept" in told.error.what
    assert len(person.server.asked) == 2


def test_usage_that_is_refused_is_estimated_without_a_word(person: Person) -> None:
    refused = status(422, {"detail": [{"loc": ["body", "stream_options"], "msg": "extra fields"}]})
    told = person.meets(refused, good("Fine"))
    assert told.notices == []
    assert told.usage.estimated
    assert told.usage.completion_tokens == 1
    assert told.usage.prompt_tokens == told.started.prompt_tokens


def test_a_model_without_system_messages_gets_it_in_the_first_message(person: Person) -> None:
    told = person.meets(error(400, "System role not supported"), good("Aye"), system="Be brief.")
    assert told.text == "Aye"
    assert person.body["messages"] == [{"role": "user", "content": "Be brief.\n\nHi"}]
