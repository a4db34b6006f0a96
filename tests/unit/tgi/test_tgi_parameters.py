"""What Text Generation Inference is asked for, and what its refusals teach."""

from __future__ import annotations

import pytest
from fake_tgi import FakeTgi
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.budget import reply_reserve
from chatdesk.chat.messages import SamplingParameters
from chatdesk.providers.remote.tgi_parameters import (
    MOST_NEW_TOKENS,
    Bounds,
    TooLong,
    context_size,
    generation_parameters,
)

BOUNDS = Bounds(100)


def _asked(stops: tuple[str, ...] = (), **sampling: object) -> dict[str, object]:
    return generation_parameters(SamplingParameters(**sampling), stops, BOUNDS)  # type: ignore[arg-type]


def test_usual_parameters_are_passed_on() -> None:
    assert _asked(seed=7) == {
        "max_new_tokens": 100,
        "details": True,
        "return_full_text": False,
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.95,
        "top_k": 40,
        "repetition_penalty": 1.1,
        "seed": 7,
    }


def test_temperature_zero_means_no_sampling_at_all() -> None:
    asked = _asked(temperature=0.0)
    assert asked["do_sample"] is False
    # Any of these would make the server sample again.
    assert not {"temperature", "top_p", "top_k"} & set(asked)


def test_what_is_off_is_left_out() -> None:
    asked = _asked(top_p=1.0, top_k=0, repeat_penalty=1.0)
    assert not {"top_p", "top_k", "repetition_penalty", "seed", "stop"} & set(asked)


def test_only_as_many_stop_sequences_are_sent_as_the_server_takes() -> None:
    stops = ("a", "b", "c", "d", "e")
    assert _asked(stops)["stop"] == ["a", "b", "c", "d"]
    assert generation_parameters(SamplingParameters(), stops, Bounds(9, stops=1))["stop"] == ["a"]
    assert "stop" not in generation_parameters(SamplingParameters(), stops, Bounds(9, stops=0))


@given(
    st.builds(
        SamplingParameters,
        temperature=st.floats(0, 2),
        top_p=st.floats(0, 1),
        top_k=st.integers(0, 1000),
        repeat_penalty=st.floats(1, 2),
        seed=st.none() | st.integers(-(2**70), 2**70),
    )
)
def test_no_setting_is_refused_by_the_server(sampling: SamplingParameters) -> None:
    asked = generation_parameters(sampling, ("x",) * 9, BOUNDS)
    assert FakeTgi().refusal({"inputs": "Hello", "parameters": asked}) is None
    assert 0 <= asked.get("seed", 0) < 2**64


# -- the length of a reply -------------------------------------------------------------------------


def test_a_reply_without_a_bound_gets_what_is_left_of_the_window() -> None:
    assert Bounds.first(0, 4096, 1000).new_tokens == 3096
    assert Bounds.first(0, 131_072, 1000).new_tokens == MOST_NEW_TOKENS


def test_a_bounded_reply_gets_its_bound_where_it_fits() -> None:
    assert Bounds.first(50, 4096, 1000).new_tokens == 50
    assert Bounds.first(50_000, 4096, 4000).new_tokens == 96
    assert Bounds.first(9, 10, 50).new_tokens == 1


def test_without_a_known_window_it_is_more_than_old_servers_give_by_themselves() -> None:
    assert Bounds.first(0, None, 10).new_tokens > 100
    assert Bounds.first(7, None, 10).new_tokens == 7


@given(st.integers(1, 4000), st.integers(1, 9000), st.integers(0, 6), st.integers(0, 9))
def test_refusals_lead_to_a_request_that_is_taken(
    length: int, wanted: int, most_stops: int, stops: int
) -> None:
    server = FakeTgi(
        max_input_tokens=3999, max_total_tokens=4000, max_stop_sequences=most_stops,
        count=lambda text: length,
    )  # fmt: skip
    bounds = Bounds(wanted)
    refused = None
    for _ in range(3):
        asked = generation_parameters(SamplingParameters(), ("x",) * stops, bounds)
        refused = server.refusal({"inputs": "x", "parameters": asked})
        better = bounds.corrected(refused) if refused else None
        if better is None:
            break
        bounds = better
    assert refused is None or TooLong.told(refused) == TooLong(length, 4000)


def test_a_prompt_that_is_too_long_is_recognised() -> None:
    refusal = "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500"
    assert TooLong.told(refusal) == TooLong(1500, 1024)
    assert Bounds(5).corrected(refusal) is None
    assert TooLong.told("Input validation error: `temperature` must be strictly positive") is None


def test_a_refusal_that_names_what_was_asked_for_leads_nowhere() -> None:
    words = "`inputs` tokens + `max_new_tokens` must be <= {}. Given: 10 `inputs` tokens and 5 `m`"
    assert Bounds(5).corrected(words.format(4000)) is None
    assert Bounds(5).corrected(words.format("9" * 5000)) is None
    assert Bounds(5).corrected("`max_new_tokens` must be <= 0. Given: 5") is None


# -- /info -----------------------------------------------------------------------------------------


def test_the_window_is_what_the_server_tells() -> None:
    assert context_size({"max_input_tokens": 4095, "max_total_tokens": 4096}) == 4096
    assert context_size({"max_total_tokens": 4096}) == 4096
    assert context_size({"max_input_length": 1024, "max_total_tokens": 2048}) == 1365


@pytest.mark.parametrize("value", [None, "4096", True, -1, 0, 1e9, [], 10**18])
def test_a_window_that_cannot_be_is_not_believed(value: object) -> None:
    assert context_size({"max_total_tokens": value}) is None


@given(st.integers(1, 200_000), st.integers(1, 300_000))
def test_prompts_of_the_budget_are_taken_by_the_server(prompt: int, total: int) -> None:
    size = context_size({"max_input_tokens": prompt, "max_total_tokens": total})
    assert size is not None
    assert size <= total
    assert size - reply_reserve(size, 0) <= prompt
