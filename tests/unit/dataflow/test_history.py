"""What of a user's conversation is sent, and when it is summarised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.estimate import estimate_tokens
from chatdesk.chat.messages import Role, SamplingParameters
from chatdesk.cluster.dialogue import Ask, Turn
from chatdesk.cluster.history import request_for, summary_request, to_fold
from chatdesk.cluster.prompts import Prompt

PROMPT = Prompt("And now?", "id", SamplingParameters(max_tokens=64))


def test_a_request_has_system_summary_turns_and_the_prompt() -> None:
    ask = Ask(PROMPT, (Turn("Hi", "Hello"),), "They met.")
    request = request_for("anna", ask, system="Be brief.")
    roles = [m.role for m in request.messages]
    assert roles == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]
    assert "Be brief." in request.messages[0].content
    assert "They met." in request.messages[0].content
    assert request.messages[-1].content == "And now?"
    assert request.parameters == PROMPT.parameters


def test_two_users_never_share_a_conversation() -> None:
    ask = Ask(PROMPT, (), "")
    assert request_for("a", ask).conversation_id != request_for("b", ask).conversation_id


def test_a_short_conversation_is_not_summarised() -> None:
    assert to_fold(Ask(PROMPT, (Turn("Hi", "Hello"),) * 3, ""), 2048) == 0


@given(st.lists(st.integers(1, 400), max_size=40), st.integers(512, 4096))
def test_what_is_kept_after_folding_leaves_room(words: list[int], window: int) -> None:
    turns = tuple(Turn("word " * count, "word " * count) for count in words)
    folded = to_fold(Ask(PROMPT, turns, ""), window)
    assert 0 <= folded <= len(turns)
    kept = sum(estimate_tokens(t.prompt) + estimate_tokens(t.reply) + 16 for t in turns[folded:])
    assert kept <= window * 0.75


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40))
def test_a_summary_is_asked_of_what_fits_in_the_window(words: list[int]) -> None:
    window = 2048
    turns = tuple(Turn("word " * count, "word " * count) for count in words)
    request = summary_request("anna", Ask(PROMPT, turns, ""), len(turns), window)
    sent = sum(estimate_tokens(m.content) for m in request.messages)
    alone = 2 * estimate_tokens(turns[-1].prompt)
    assert sent <= max(window, alone + 200)
    assert request.messages[-1].role is Role.USER
