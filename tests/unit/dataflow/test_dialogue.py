"""A user's dialogue: in order, each prompt once, whatever a resumed dataflow brings again."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch

from chatdesk.chat.messages import Usage
from chatdesk.cluster.dialogue import (
    Allowance,
    Ask,
    Dialogue,
    Exchange,
    Refuse,
    Repeat,
    Step,
    Turn,
)
from chatdesk.cluster.prompts import Answer, Prompt

NO_LIMITS = Allowance(0, 0, 0)


def prompt(number: int, **more: bool) -> Prompt:
    return Prompt(f"prompt {number}", f"id-{number}", **more)


def answer(number: int, **more: object) -> Answer:
    return Answer(f"id-{number}", "complete", f"reply {number}", **more)  # type: ignore[arg-type]


def prompted(dialogue: Dialogue, number: int, at: float = 0.0) -> list[Step]:
    return list(dialogue.prompted(prompt(number), at, NO_LIMITS))


def test_the_first_prompt_is_asked_at_once() -> None:
    assert prompted(Dialogue(), 1) == [Ask(prompt(1), (), "")]


def test_the_next_waits_for_the_answer_and_knows_it() -> None:
    dialogue = Dialogue()
    prompted(dialogue, 1)
    assert prompted(dialogue, 2) == []
    assert list(dialogue.answered(answer(1))) == [
        Exchange(prompt(1), answer(1), 0.0),
        Ask(prompt(2), (Turn("prompt 1", "reply 1"),), ""),
    ]


def test_a_prompt_that_comes_again_is_not_asked_again() -> None:
    dialogue = Dialogue()
    prompted(dialogue, 1)
    prompted(dialogue, 2)
    assert prompted(dialogue, 1) == []
    assert prompted(dialogue, 2) == []
    list(dialogue.answered(answer(1)))
    assert prompted(dialogue, 1) == [Repeat("id-1")]


def test_an_answer_that_comes_again_changes_nothing() -> None:
    dialogue = Dialogue()
    prompted(dialogue, 1)
    list(dialogue.answered(answer(1)))
    before = copy.deepcopy(dialogue)
    assert list(dialogue.answered(answer(1))) == []
    assert dialogue == before


def test_an_answer_that_comes_before_its_prompt_is_taken_when_that_comes() -> None:
    dialogue = Dialogue()
    assert list(dialogue.answered(answer(1))) == []
    assert prompted(dialogue, 1) == [Exchange(prompt(1), answer(1), 0.0)]
    assert dialogue.turns == [Turn("prompt 1", "reply 1")]


def test_after_a_restart_the_current_prompt_is_asked_again() -> None:
    dialogue = Dialogue()
    prompted(dialogue, 1)
    resumed = pickle.loads(pickle.dumps(dialogue))
    assert list(resumed.resumed()) == [Ask(prompt(1), (), "")]
    assert list(Dialogue().resumed()) == []


def test_a_failed_answer_is_no_turn_and_the_next_prompt_goes_on() -> None:
    dialogue = Dialogue()
    prompted(dialogue, 1)
    prompted(dialogue, 2)
    steps = list(dialogue.answered(Answer("id-1", "failed", why="no worker")))
    assert steps == [Ask(prompt(2), (), "")]


def test_a_prompt_can_begin_a_new_conversation() -> None:
    dialogue = Dialogue()
    prompted(dialogue, 1)
    list(dialogue.answered(answer(1)))
    new = prompt(2, forget=True)
    assert list(dialogue.prompted(new, 0.0, NO_LIMITS)) == [Ask(new, (), "")]


def test_folded_turns_are_replaced_by_their_summary() -> None:
    dialogue = Dialogue()
    for number in (1, 2):
        prompted(dialogue, number)
        list(dialogue.answered(answer(number)))
    prompted(dialogue, 3)
    list(dialogue.answered(answer(3, summary="one and two", folded=2)))
    assert dialogue.summary == "one and two"
    assert dialogue.turns == [Turn("prompt 3", "reply 3")]


def test_more_waiting_prompts_than_allowed_are_refused_with_words() -> None:
    dialogue = Dialogue()
    allowance = Allowance(waiting=1, requests_per_minute=0)
    for number in (1, 2):
        list(dialogue.prompted(prompt(number), 0.0, allowance))
    (step,) = dialogue.prompted(prompt(3), 0.0, allowance)
    assert isinstance(step, Refuse)
    assert "wait already" in step.why


def test_more_requests_a_minute_than_allowed_are_refused_until_it_is_over() -> None:
    dialogue = Dialogue()
    allowance = Allowance(waiting=0, requests_per_minute=2)
    list(dialogue.prompted(prompt(1), 0.0, allowance))
    list(dialogue.prompted(prompt(2), 10.0, allowance))
    (refused,) = dialogue.prompted(prompt(3), 59.0, allowance)
    assert isinstance(refused, Refuse)
    assert not any(isinstance(s, Refuse) for s in dialogue.prompted(prompt(3), 61.0, allowance))


def test_the_tokens_of_a_day_are_counted_and_come_back_with_the_next() -> None:
    dialogue = Dialogue()
    allowance = Allowance(0, 0, tokens_per_day=100)
    list(dialogue.prompted(prompt(1), 10.0, allowance))
    list(dialogue.answered(answer(1, usage=Usage(60, 0, 50))))
    (refused,) = dialogue.prompted(prompt(2), 20.0, allowance)
    assert isinstance(refused, Refuse)
    (asked,) = dialogue.prompted(prompt(2), 86_400.0 + 5, allowance)
    assert asked == Ask(prompt(2), (Turn("prompt 1", "reply 1"),), "")


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    dialogue = Dialogue()
    allowance = Allowance(waiting=0, requests_per_minute=2, tokens_per_day=100)
    late = 10 * 86_400.0
    for number in (1, 2):
        list(dialogue.prompted(prompt(number), late, allowance))
        list(dialogue.answered(answer(number, usage=Usage(60, 0, 50))))
    assert [type(s) for s in dialogue.prompted(prompt(3), late, allowance)] == [Refuse]
    (asked,) = dialogue.prompted(prompt(3), late - 2 * 86_400, allowance)
    assert isinstance(asked, Ask)
    list(dialogue.answered(answer(3, usage=Usage(60, 0, 50))))
    (refused,) = dialogue.prompted(prompt(4), late - 2 * 86_400 + 90, allowance)
    assert isinstance(refused, Refuse) and "today" in refused.why


def test_answers_without_their_prompts_are_not_held_without_end(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr("chatdesk.cluster.dialogue.MOST_EARLY", 3)
    dialogue = Dialogue()
    for number in range(6):
        assert list(dialogue.answered(answer(number))) == []
    assert list(dialogue.early) == ["id-3", "id-4", "id-5"]
    # One that was dropped is asked for again, and found among the kept ones.
    assert prompted(dialogue, 1) == [Ask(prompt(1), (), "")]


def test_a_dialogue_that_is_read_anew_has_all_its_turns() -> None:
    """All answers come first, however many prompts may wait."""
    dialogue = Dialogue()
    for number in range(100):
        list(dialogue.answered(answer(number)))
    for number in range(100):
        (step,) = dialogue.prompted(
            prompt(number), 0.0, Allowance(waiting=1, requests_per_minute=1)
        )
        assert isinstance(step, Exchange)
    assert len(dialogue.turns) == 100 and not dialogue.early


@given(st.data())
def test_whatever_is_replayed_each_prompt_is_a_turn_once_and_in_order(data: st.DataObject) -> None:
    """Prompts and answers come in their own order each, mixed and repeated anyhow."""
    count = data.draw(st.integers(1, 6))
    dialogue = Dialogue()
    next_prompt, asked, kept = 1, [], []
    answers: list[Answer] = []
    pending: list[Answer] = []

    def take(steps: object) -> None:
        for step in steps:  # type: ignore[attr-defined]
            match step:
                case Ask(made):
                    asked.append(made.id)
                    number = int(made.id.removeprefix("id-"))
                    if not any(a.id == made.id for a in answers):  # kept once
                        answers.append(answer(number))
                        pending.append(answer(number))
                case Exchange(made, _answer, _at):
                    kept.append(made.id)

    for _ in range(200):
        if next_prompt > count and not pending:
            break
        choice = data.draw(st.sampled_from(("prompt", "again", "answer", "old answer", "restart")))
        if choice == "prompt" and next_prompt <= count:
            take(dialogue.prompted(prompt(next_prompt), float(next_prompt), NO_LIMITS))
            next_prompt += 1
        elif choice == "again" and next_prompt > 1:
            again = data.draw(st.integers(1, next_prompt - 1))
            take(dialogue.prompted(prompt(again), float(again), NO_LIMITS))
        elif choice == "answer" and pending:
            take(dialogue.answered(pending.pop(0)))
        elif choice == "old answer" and answers:
            take(dialogue.answered(data.draw(st.sampled_from(answers))))
        elif choice == "restart":
            dialogue = pickle.loads(pickle.dumps(dialogue))
            take(dialogue.resumed())
    while next_prompt <= count or pending:
        if pending:
            take(dialogue.answered(pending.pop(0)))
        else:
            take(dialogue.prompted(prompt(next_prompt), float(next_prompt), NO_LIMITS))
            next_prompt += 1
    expected = [f"id-{number}" for number in range(1, count + 1)]
    assert kept == expected
    assert dialogue.turns == [Turn(f"prompt {n}", f"reply {n}") for n in range(1, count + 1)]
