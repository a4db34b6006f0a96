"""What a person is told before a conversation goes to a provider is what the provider gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.estimate import estimate_tokens
from chatdesk.chat.messages import Conversation, Message, Role, Status
from chatdesk.session import outgoing
from chatdesk.session.requests import request_for
from chatdesk.settings import Settings, settings_with


def talk(*texts: str) -> list[Message]:
    """A path of messages, the person's and the model's in turn."""
    roles = (Role.USER, Role.ASSISTANT)
    return [
        Message(f"m{i}", "c", f"m{i - 1}" if i else None, roles[i % 2], text, float(i))
        for i, text in enumerate(texts)
    ]


def conversation(system: str | None = None) -> Conversation:
    return Conversation("c", "Test", 0.0, 0.0, system_prompt=system)


def with_history(history: int) -> Settings:
    return settings_with({"chat.history": history})


def test_every_message_of_the_path_and_the_system_prompt_are_counted() -> None:
    found = outgoing(conversation("Be brief."), talk("Hello", "Hi there"), Settings())
    assert (found.messages, found.left_out, found.system_prompt) == (2, 0, True)
    assert found.characters == len("HelloHi thereBe brief.")
    tokens = sum(map(estimate_tokens, ("Hello", "Hi there", "Be brief.")))
    assert found.tokens == tokens
    assert found.told("Mistral") == (
        "With your next message, the 2 earlier messages of this conversation and the system "
        f"prompt (22 characters, about {tokens} tokens) are sent to Mistral."
    )


def test_one_message_is_told_as_one() -> None:
    told = outgoing(conversation(""), talk("Hello"), Settings()).told("Mistral")
    assert told.startswith(
        "With your next message, the earlier message of this conversation (5 characters, about "
    )
    assert told.endswith("is sent to Mistral.")


def test_a_new_conversation_sends_only_what_is_written_from_now_on() -> None:
    found = outgoing(conversation(""), [], Settings())
    assert found.told("Mistral") == "Only what you write from now on is sent to Mistral."


def test_a_system_prompt_alone_is_told() -> None:
    told = outgoing(conversation("Be brief."), [], Settings()).told("Groq")
    assert told.startswith("With your next message, the system prompt (9 characters, about")
    assert told.endswith("is sent to Groq.")


def test_what_the_settings_hold_back_is_told() -> None:
    path = talk("one", "two", "three", "four")
    found = outgoing(conversation(""), path, with_history(2))
    assert (found.messages, found.left_out) == (2, 2)
    assert "The oldest 2 messages are not sent" in found.told("Mistral")


def test_a_reply_without_a_word_and_reasoning_are_not_sent() -> None:
    path = talk("Hello", "")
    path[1] = Message(
        "m1", "c", "m0", Role.ASSISTANT, "", 1.0, reasoning="Secret thoughts", status=Status.FAILED
    )
    found = outgoing(conversation(""), path, Settings())
    assert (found.messages, found.characters) == (1, 5)


@given(st.lists(st.text(max_size=30), max_size=12), st.integers(0, 6), st.text(max_size=20))
def test_what_is_told_is_what_the_next_request_takes_along(
    texts: list[str], history: int, system: str
) -> None:
    settings = with_history(history)
    path = talk(*texts)
    found = outgoing(conversation(system), path, settings)
    coming = Message("next", "c", path[-1].id if path else None, Role.USER, "next", 99.0)
    request = request_for(conversation(system), [*path, coming], settings)
    head = 1 if request.messages[0].role is Role.SYSTEM else 0
    sent = request.messages[head:-1]
    assert found.system_prompt == bool(head)
    assert found.messages + found.left_out == len(sent)
    kept = sent[found.left_out :]
    system_characters = sum(len(m.content) for m in request.messages[:head])
    assert found.characters == sum(len(m.content) for m in kept) + system_characters
