"""What a reply of the real model is made of: deterministic, exact in its text, cut where asked."""

from __future__ import annotations

from typing import Any

import pytest

from chatdesk.chat.events import Delta, Finished, PromptProgress, Started
from chatdesk.errors import ContextOverflow

Desk = Any  # conftest.Desk, which tests get as a fixture

PLANETS = "Name the planets of the solar system"
LONG = "The quick brown fox jumps over the lazy dog. " * 20


def test_a_reply_tells_its_events_in_order(desk: Desk) -> None:
    outcome = desk.ask(PLANETS)
    kinds = [type(event) for event in outcome.events]
    assert kinds[0] is Started and kinds[-1] is Finished
    assert kinds.index(PromptProgress) < kinds.index(Delta)
    assert set(kinds[1:-1]) == {PromptProgress, Delta}
    assert outcome.started.model == "SmolLM2"
    assert outcome.started.context_window == 1024
    assert all(event.text for event in outcome.events if isinstance(event, Delta))


def test_usage_says_what_the_reply_cost(desk: Desk) -> None:
    outcome = desk.ask(PLANETS, max_tokens=8)
    usage = outcome.usage
    assert usage.prompt_tokens == outcome.started.prompt_tokens
    assert usage.completion_tokens == 8
    assert usage.first_token_ms > 0 and usage.tokens_per_second > 0
    assert outcome.reason == "length"


def test_temperature_zero_always_gives_the_same_reply(desk: Desk) -> None:
    # The first may evaluate the prompt in other batches, which changes the last digits.
    desk.ask(PLANETS)
    assert desk.ask(PLANETS).text == desk.ask(PLANETS).text != ""


def test_a_seed_gives_the_same_reply_again(desk: Desk) -> None:
    wild = {"temperature": 1.5, "min_p": 0.0, "top_k": 0, "top_p": 1.0, "max_tokens": 12}
    desk.ask(PLANETS, **wild, seed=1)
    first, same, other = (desk.ask(PLANETS, **wild, seed=seed).text for seed in (7, 7, 8))
    assert first == same != other


def test_without_a_seed_replies_differ(desk: Desk) -> None:
    wild = {"temperature": 2.0, "min_p": 0.0, "top_k": 0, "top_p": 1.0, "max_tokens": 12}
    assert desk.ask(PLANETS, **wild).text != desk.ask(PLANETS, **wild).text


def test_the_model_ends_its_own_turn(desk: Desk) -> None:
    outcome = desk.ask("Say yes.", system="Answer with one word.", max_tokens=400)
    assert outcome.reason == "stop"
    assert "<|im_end|>" not in outcome.text


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_stop_sequence_ends_the_reply_before_it(desk: Desk, length: int) -> None:
    whole = desk.ask(PLANETS).text
    middle = len(whole) // 2
    # Somewhere in the reply, wherever tokens begin and end.
    stop = whole[middle : middle + length]
    outcome = desk.ask(PLANETS, stop=(stop,))
    assert outcome.reason == "stop"
    assert outcome.text == whole[: whole.index(stop)]


def test_characters_of_several_tokens_come_whole(desk: Desk) -> None:
    outcome = desk.ask("Repeat: 🪐🌍", continuation="🪐🌍🪐🌍🪐🌍🪐", max_tokens=12)
    assert "\ufffd" not in outcome.text
    pieces = [event.text for event in outcome.events if isinstance(event, Delta)]
    # An emoji is several tokens to this model, so there are fewer pieces than tokens.
    assert any(ord(character) > 0xFFFF for character in outcome.text)
    assert len(pieces) < outcome.usage.completion_tokens


def test_a_reply_goes_on_where_it_ended(desk: Desk) -> None:
    whole = desk.ask(PLANETS)
    cut = desk.ask(PLANETS, max_tokens=8)
    rest = desk.ask(PLANETS, continuation=cut.text)
    assert cut.reason == "length"
    assert (cut.text + rest.text).startswith(whole.text)
    # What was written before is neither said nor evaluated again.
    assert rest.usage.cached_tokens >= cut.usage.prompt_tokens + 8 - 2


def test_a_continuation_of_unknown_text_goes_on_too(desk: Desk) -> None:
    outcome = desk.ask(PLANETS, continuation="1. Mercury\n2. Venus\n3.")
    assert outcome.text and not outcome.text.startswith("1. Mercury")


def test_the_system_prompt_reaches_the_model(desk: Desk) -> None:
    without = desk.ask("Hi")
    brief = desk.ask("Hi", system="You are a pirate.")
    assert brief.usage.prompt_tokens != without.usage.prompt_tokens


def test_the_repeat_penalty_changes_what_repeats(desk: Desk) -> None:
    begun = "No. No. No. No. No. No."
    again = desk.ask("Say no.", continuation=begun, max_tokens=6)
    punished = desk.ask("Say no.", continuation=begun, max_tokens=6, repeat_penalty=2.0)
    assert again.text != punished.text


def test_a_message_that_cannot_fit_is_a_worded_error(desk: Desk) -> None:
    outcome = desk.ask(LONG * 10)
    assert isinstance(outcome.error, ContextOverflow)
    assert "context window" in str(outcome.error)
    assert not any(isinstance(event, PromptProgress) for event in outcome.events)


def test_the_oldest_turns_are_left_out_and_named(small_desk: Desk) -> None:
    turns = [f"Question {i}: {LONG[:150]}" if i % 2 == 0 else f"Answer {i}" for i in range(13)]
    outcome = small_desk.ask(*turns, system="Be brief.", max_tokens=8)
    out = outcome.started.left_out
    assert out and out == tuple(f"m{i}" for i in range(len(out)))
    assert len(out) % 2 == 0 and "m12" not in out
    assert outcome.usage.prompt_tokens <= 256 - 8
    # The cut is kept while it fits, so the next turn needs only its own tokens.
    following = small_desk.ask(*turns, outcome.text, "And now?", system="Be brief.", max_tokens=8)
    assert following.started.left_out == out
    assert following.usage.cached_tokens >= outcome.usage.prompt_tokens


def test_a_bound_on_the_history_is_kept(small_desk: Desk) -> None:
    outcome = small_desk.ask("One", "1", "Two", "2", "Three", history=2, max_tokens=2)
    assert outcome.started.left_out == ("m0", "m1")


def test_a_reply_that_fills_the_window_ends_with_length(small_desk: Desk) -> None:
    # At this temperature the end of a turn is one token in fifty thousand.
    wild = {"temperature": 2.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 5}
    outcome = small_desk.ask(LONG[:600], max_tokens=0, **wild)
    usage = outcome.usage
    assert outcome.reason == "length"
    assert usage.prompt_tokens + usage.completion_tokens == 256


def test_an_empty_reply_in_the_past_does_no_harm(desk: Desk) -> None:
    assert desk.ask("Hi", "", "Hello?", max_tokens=4).usage.completion_tokens > 0
