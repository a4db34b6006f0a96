"""The context budget: what is sent and what is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.budget import bound_history, fit, reply_reserve
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage
from chatdesk.errors import ContextOverflow

SYSTEM = PromptMessage(Role.SYSTEM, "s" * 10, "system")


def turns(*sizes: int) -> list[PromptMessage]:
    """Alternating messages of the person and the model, the last one the person's."""
    roles = [Role.ASSISTANT if i % 2 else Role.USER for i in range(len(sizes))]
    assert roles[-1] is Role.USER
    return [
        PromptMessage(r, "x" * n, str(i)) for i, (r, n) in enumerate(zip(roles, sizes, strict=True))
    ]


def size(message: PromptMessage) -> int:
    return len(message.content)


def names(messages: tuple[PromptMessage, ...]) -> list[str]:
    return [m.id for m in messages]


def test_what_fits_is_sent_whole() -> None:
    result = fit([SYSTEM, *turns(10, 10, 10)], size, 40)
    assert names(result.kept) == ["system", "0", "1", "2"]
    assert result.left_out == ()
    assert result.tokens == 40


def test_the_oldest_turn_is_left_out_first_and_the_system_prompt_never() -> None:
    result = fit([SYSTEM, *turns(10, 10, 10)], size, 39)
    assert names(result.kept) == ["system", "2"]
    assert names(result.left_out) == ["0", "1"]


def test_a_reply_is_never_sent_without_the_message_it_answers() -> None:
    result = fit(turns(50, 1, 1, 1, 1), size, 10)
    assert names(result.kept) == ["2", "3", "4"]


def test_a_new_cut_makes_room_so_that_the_next_messages_need_none() -> None:
    first = fit(turns(*[10] * 11), size, 100)
    assert first.tokens <= 75
    longer = turns(*[10] * 13)
    second = fit(longer, size, 100, keep_from=first.kept[0].id)
    assert second.kept[0].id == first.kept[0].id


def test_an_old_cut_that_no_longer_fits_is_made_anew() -> None:
    result = fit(turns(*[10] * 15), size, 100, keep_from="2")
    assert int(result.kept[0].id) > 2
    assert result.tokens <= 75


def test_a_message_that_cannot_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(ContextOverflow, match="1,010 tokens and 1,000 are free"):
        fit([SYSTEM, *turns(1000)], size, 1000)


def test_a_bound_counts_past_messages_and_keeps_turns_whole() -> None:
    assert bound_history(turns(1, 1, 1, 1, 1), 0) == 0
    assert bound_history(turns(1, 1, 1, 1, 1), 4) == 0
    assert bound_history(turns(1, 1, 1, 1, 1), 3) == 2
    assert bound_history(turns(1, 1, 1, 1, 1), 2) == 2
    assert bound_history(turns(1, 1, 1, 1, 1), 1) == 4


def test_a_bound_is_no_cut_and_needs_no_relief() -> None:
    result = fit(turns(*[10] * 5), size, 30, history=2)
    assert names(result.kept) == ["2", "3", "4"]


def test_a_greeting_before_the_first_message_is_sent_when_it_fits() -> None:
    greeting = PromptMessage(Role.ASSISTANT, "hello", "greeting")
    result = fit([greeting, *turns(1)], size, 10)
    assert names(result.kept) == ["greeting", "0"]


def test_the_reply_keeps_a_quarter_of_the_window_or_what_was_asked_for() -> None:
    assert reply_reserve(4096, 0) == 1024
    assert reply_reserve(100_000, 0) == 1024
    assert reply_reserve(1000, 0) == 250
    assert reply_reserve(1000, 100) == 100
    assert reply_reserve(1000, 100_000) == 500
    assert reply_reserve(1, 0) == 1


lengths = st.lists(st.integers(0, 60), min_size=1, max_size=25).map(
    lambda n: n if len(n) % 2 else n[:-1] or [1]
)


@given(lengths, st.integers(0, 300), st.booleans(), st.integers(0, 30), st.integers(0, 30))
def test_a_fit_keeps_the_end_in_order_within_the_room(
    sizes, room, with_system, history, keep
) -> None:
    messages = ([SYSTEM] if with_system else []) + turns(*sizes)
    needed = size(messages[-1]) + (10 if with_system else 0)
    if needed > room:
        with pytest.raises(ContextOverflow):
            fit(messages, size, room, history=history, keep_from=str(keep))
        return
    result = fit(messages, size, room, history=history, keep_from=str(keep))
    assert result.tokens == sum(map(size, result.kept)) <= room
    assert result.kept[-1] is messages[-1]
    head = [SYSTEM] if with_system else []
    assert [*head, *result.left_out, *result.kept[len(head) :]] == messages
    spoken = result.kept[len(head) :]
    assert spoken[0].role is Role.USER
    if history:
        assert len(spoken) - 1 <= history


@given(lengths, st.integers(61, 200))
def test_counting_stops_at_the_first_turn_that_does_not_fit(sizes, room) -> None:
    counted: list[str] = []

    def count(message: PromptMessage) -> int:
        counted.append(message.id)
        return max(1, size(message))

    old = [PromptMessage(Role.USER, "x" * 200, f"old{i}") for i in range(50)]
    fit([*old, *turns(*sizes)], count, room)
    assert sum(name.startswith("old") for name in set(counted)) <= 1
