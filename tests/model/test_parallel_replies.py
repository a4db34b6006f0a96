"""Several replies of the real model at once, each as it would be by itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from company import Asked, Company, company, request

from chatdesk.chat.events import Delta, Event, Failed, Finished, PromptProgress, Started
from chatdesk.errors import ContextOverflow, ProviderError
from chatdesk.providers.llama import ModelChoice, ModelParameters
from chatdesk.providers.llama.backend import backend

WINDOW = 512
SLACK = 2  # the last token of a prompt comes again; the end of a turn is not in the cache
PLANETS = "Name the planets of the solar system"
RAIN = "Write a poem about rain"
EINSTEIN = "Who was Albert Einstein?"
FOX = "The quick brown fox jumps over the lazy dog. "
# At this temperature the end of a turn is one token in fifty thousand.
WILD = {"temperature": 2.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 5}


@pytest.fixture(scope="module")
def choice(model_path: Path) -> ModelChoice:
    parameters = ModelParameters(context_size=WINDOW, threads=1, batch_size=64, gpu_layers=0)
    return ModelChoice(model_path, "SmolLM2", parameters)


@pytest.fixture(scope="module")
def three(choice: ModelChoice) -> Iterator[Company]:
    """Three places."""
    with company(lambda model: choice, 3) as found:
        yield found


@pytest.fixture
def people(three: Company) -> Company:
    three.told.clear()
    return three


def test_replies_are_written_side_by_side(people: Company) -> None:
    everyone = people.ask(request(PLANETS), request(RAIN), request(EINSTEIN))
    first_end = next(i for i, (_, event) in enumerate(people.told) if isinstance(event, Finished))
    begun = {id(asked) for asked, event in people.told[:first_end] if isinstance(event, Delta)}
    assert begun == {id(asked) for asked in everyone}
    turns = [id(asked) for asked, event in people.told if isinstance(event, Delta)]
    changes = sum(left != right for left, right in itertools.pairwise(turns))
    assert changes > len(turns) / 2


def test_each_reply_tells_its_events_in_order(people: Company) -> None:
    for asked in people.ask(request(PLANETS), request(RAIN), request(FOX * 8)):
        kinds = [type(event) for event in asked.events if not isinstance(event, Delta)]
        started = kinds.index(Started)
        assert kinds[-1] is Finished
        assert set(kinds[started + 1 : -1]) == {PromptProgress}
        assert kinds.index(PromptProgress) > started
        assert asked.evaluated == asked.usage.prompt_tokens
        assert asked.started.context_window == WINDOW and asked.started.model == "SmolLM2"


def test_usage_says_what_each_reply_cost(people: Company) -> None:
    short, long = people.ask(request(PLANETS, max_tokens=5), request(RAIN, max_tokens=12))
    assert [asked.usage.completion_tokens for asked in (short, long)] == [5, 12]
    assert [asked.reason for asked in (short, long)] == ["length", "length"]
    for asked in (short, long):
        assert asked.usage.prompt_tokens == asked.started.prompt_tokens
        assert asked.usage.first_token_ms and asked.usage.tokens_per_second


def test_replies_are_those_of_the_engine_for_one(people: Company, desk: Any) -> None:
    # The first token is clear enough to these questions, whatever the batch does to the digits.
    questions = (PLANETS, RAIN, EINSTEIN)
    for question, asked in zip(
        questions,
        people.ask(*(request(question, max_tokens=1) for question in questions)),
        strict=True,
    ):
        assert asked.text == desk.ask(question, max_tokens=1).text


def test_a_seed_gives_the_same_reply_again(people: Company) -> None:
    def write(seed: int) -> str:
        return people.ask(request(PLANETS, **WILD | {"seed": seed}))[0].text

    write(7)  # the first may evaluate the prompt in other batches, which changes the last digits
    assert write(7) == write(7) != write(8)


def test_a_stop_sequence_ends_the_reply_that_asked_for_it(people: Company) -> None:
    (whole,) = people.ask(request(PLANETS))
    stop = whole.text[4:7]
    cut, other = people.ask(request(PLANETS, stop=(stop,)), request(RAIN))
    assert cut.reason == "stop" and cut.text == whole.text[: whole.text.index(stop)]
    assert other.usage.completion_tokens == 16


def test_follow_ups_find_their_own_conversations(people: Company) -> None:
    questions = {"a": PLANETS, "b": RAIN, "c": EINSTEIN}
    before = dict(
        zip(
            questions,
            people.ask(*(request(q, conversation=name) for name, q in questions.items())),
            strict=True,
        )
    )
    # In another order, and without the help of the conversations' names.
    names = ["c", "a", "b"]
    following = people.ask(
        *(request(questions[name], before[name].text, "Go on.", max_tokens=4) for name in names)
    )
    for name, asked in zip(names, following, strict=True):
        assert asked.usage.cached_tokens >= before[name].known - SLACK


def test_more_requests_than_places_wait_in_order(people: Company) -> None:
    everyone = people.ask(*(request(f"{n}. {RAIN}", max_tokens=6) for n in range(7)))
    assert [asked.waited for asked in everyone[3:]] == [["queued"]] * 4
    assert all(asked.reason == "length" for asked in everyone)
    writing = most = 0
    begun = []
    for asked, event in people.told:
        if isinstance(event, Started):
            writing += 1
            begun.append(asked)
        writing -= isinstance(event, Finished)
        most = max(most, writing)
    assert most == 3
    assert begun == everyone


def test_places_that_are_free_are_told(people: Company) -> None:
    free: list[int] = []

    def look(asked: Asked, event: Event) -> None:
        if isinstance(event, Started | Finished):
            free.append(people.engine.free)

    people.ask(*(Asked(request(RAIN, max_tokens=n), look) for n in (4, 8, 12)))
    assert free[-1] == people.engine.free == people.engine.sequences
    assert free[-3:] == [1, 2, 3]
    assert min(free) == 0


def test_one_of_three_can_be_stopped(people: Company) -> None:
    def stop(asked: Asked, event: Event) -> None:
        if sum(isinstance(event, Delta) for event in asked.events) == 3:
            asked.cancel()

    first, stopped, third = people.ask(
        request(PLANETS), Asked(request(RAIN, max_tokens=400), stop), request(EINSTEIN)
    )
    assert stopped.reason == "cancelled"
    assert 3 <= stopped.usage.completion_tokens <= 5
    assert [asked.usage.completion_tokens for asked in (first, third)] == [16, 16]
    # What it had written is found again.
    (again,) = people.ask(request(RAIN, stopped.text, "Go on.", max_tokens=1))
    assert again.usage.cached_tokens >= stopped.known - SLACK


def test_a_prompt_can_be_stopped_while_others_write(people: Company) -> None:
    def stop(asked: Asked, event: Event) -> None:
        if isinstance(event, PromptProgress):
            asked.cancel()

    writing, stopped = people.ask(request(RAIN), Asked(request("Unlike " + FOX * 25), stop))
    assert stopped.reason == "cancelled" and not stopped.text
    assert stopped.evaluated < stopped.usage.prompt_tokens
    assert writing.usage.completion_tokens == 16


def test_a_short_prompt_does_not_wait_for_a_long_one(people: Company) -> None:
    long, short = people.ask(request("Odd " + FOX * 25, max_tokens=1), request("Why?"))
    order = [asked for asked, event in people.told if isinstance(event, Delta)]
    assert order[0] is short
    assert long.usage.completion_tokens == 1


def test_one_that_waits_can_be_stopped_at_once(people: Company) -> None:
    def stop(asked: Asked, event: Event) -> None:
        if asked.waited:
            asked.cancel()

    *_, fourth = people.ask(
        *(request(f"{n}. {RAIN}", max_tokens=10) for n in range(3)), Asked(request("Hi"), stop)
    )
    assert [type(event).__name__ for event in fourth.events] == ["Waiting", "Finished"]
    ends = [asked for asked, event in people.told if isinstance(event, Finished)]
    assert ends[0] is fourth


def test_a_message_that_cannot_fit_fails_alone(people: Company) -> None:
    good, bad, other = people.ask(request(PLANETS), request(FOX * 80), request(RAIN))
    assert isinstance(bad.last, Failed) and isinstance(bad.last.error, ContextOverflow)
    assert [asked.usage.completion_tokens for asked in (good, other)] == [16, 16]


def test_a_reply_fills_its_own_window_and_no_other(people: Company) -> None:
    full, other = people.ask(
        request(FOX * 30, **WILD | {"max_tokens": 0}), request(RAIN, max_tokens=30)
    )
    assert full.reason == "length"
    assert full.usage.prompt_tokens + full.usage.completion_tokens == WINDOW
    assert other.usage.completion_tokens == 30
    (following,) = people.ask(request(RAIN, other.text, "Go on.", max_tokens=2))
    assert following.usage.cached_tokens >= other.known - SLACK


def test_what_cannot_be_decoded_fails_alone(
    people: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = backend().lib
    decode = lib.llama_decode
    tried: list[int] = []

    def fail_on_the_long_one(context: Any, batch: Any) -> int:
        # No other sequence comes so far.
        if any(batch.pos[i] >= 200 for i in range(batch.n_tokens)):
            tried.append(len({batch.seq_id[i][0] for i in range(batch.n_tokens)}))
            decode(context, batch)  # a decode that fails may leave something behind
            return -3
        return int(decode(context, batch))

    monkeypatch.setattr(lib, "llama_decode", fail_on_the_long_one)
    long, *others = people.ask(
        request(FOX * 30), request(PLANETS, max_tokens=40), request(RAIN, max_tokens=40)
    )
    assert isinstance(long.last, Failed) and isinstance(long.last.error, ProviderError)
    assert "llama_decode: -3" in long.last.error.detail
    assert all(isinstance(asked.last, Finished) and asked.text for asked in others)
    assert tried[-1] == 1 and max(tried) > 1
    monkeypatch.undo()
    # Nothing of it is taken for known afterwards, and the others' is.
    again, follow = people.ask(
        request(FOX * 30, max_tokens=1), request(RAIN, others[1].text, "Go on.", max_tokens=1)
    )
    assert again.usage.completion_tokens == 1
    assert again.usage.cached_tokens < 60
    assert follow.usage.cached_tokens >= others[1].known - SLACK


def test_a_decode_that_is_too_large_is_done_in_parts(
    people: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = backend().lib
    decode = lib.llama_decode

    def alone(context: Any, batch: Any) -> int:
        sequences = {batch.seq_id[i][0] for i in range(batch.n_tokens)}
        result = int(decode(context, batch))
        return -3 if len(sequences) > 1 else result

    monkeypatch.setattr(lib, "llama_decode", alone)
    everyone = people.ask(request(PLANETS), request(RAIN), request(EINSTEIN))
    assert [asked.usage.completion_tokens for asked in everyone] == [16, 16, 16]


def test_a_bug_in_one_reply_does_not_end_the_others(people: Company, allow_errors: Any) -> None:
    def stumble(asked: Asked, event: Event) -> None:
        if isinstance(event, Delta):
            raise ZeroDivisionError("bug")

    good, bad = people.ask(request(PLANETS), Asked(request(RAIN), stumble))
    assert isinstance(bad.last, Failed) and "ZeroDivisionError" in bad.last.error.detail
    assert good.usage.completion_tokens == 16
    assert people.engine.free == 3
    assert allow_errors.texts


def test_one_place_is_enough(choice: ModelChoice) -> None:
    with company(lambda model: choice, 1) as one:
        first, second = one.ask(request(PLANETS), request(PLANETS))
        assert first.reason == second.reason == "length"
        assert second.usage.cached_tokens == second.usage.prompt_tokens - 1
