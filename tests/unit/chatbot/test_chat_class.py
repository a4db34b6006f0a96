"""Chat: turns, what is sent, and what is left of a reply that was cut. Replies are scripted."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chatdesk import Chat
from chatdesk.chat.events import Delta, Finished
from chatdesk.chat.provider import Request
from chatdesk.errors import ChatdeskError, ProviderError, SettingsError, UsageError
from chatdesk.headless import Pumped
from chatdesk.providers.scripted import Line, Script, ScriptedProvider


class ScriptedChat(Chat):
    """A Chat that says what the test wants; without scripts it repeats the message."""

    def __init__(self, *scripts: Script, **options: Any) -> None:
        super().__init__(**options)
        self.provider = ScriptedProvider(*scripts)

    def _engine(self) -> Pumped:
        return self.provider

    def sent(self, number: int = -1) -> list[str]:
        return [message.content for message in self.provider.requests[number].messages]


def endless(request: Request) -> Iterator[Line]:
    while True:
        yield "more "


def contents(chat: Chat) -> list[str]:
    return [message["content"] for message in chat.messages]


def test_a_reply_streams_in_pieces() -> None:
    with ScriptedChat(["One ", "two"]) as chat:
        assert list(chat.stream("Count")) == ["One ", "two"]
        assert chat.messages == [
            {"role": "user", "content": "Count"},
            {"role": "assistant", "content": "One two"},
        ]


def test_send_waits_for_the_whole_reply() -> None:
    with ScriptedChat(["One ", "two"]) as chat:
        assert chat.send("Count") == "One two"


def test_what_was_said_before_is_sent_again_with_the_system_prompt() -> None:
    with ScriptedChat(["One"], ["Two"], system="Be brief.") as chat:
        chat.send("First")
        chat.send("Second")
        assert chat.sent() == ["Be brief.", "First", "One", "Second"]
        assert contents(chat) == ["Be brief.", "First", "One", "Second", "Two"]


def test_messages_is_a_copy() -> None:
    with ScriptedChat(["One"]) as chat:
        chat.send("First")
        chat.messages[0]["content"] = "changed"
        chat.messages.clear()
        assert contents(chat) == ["First", "One"]


def test_reset_forgets_the_turns_and_keeps_the_system_prompt() -> None:
    with ScriptedChat(system="Be brief.") as chat:
        chat.send("First")
        chat.reset()
        assert contents(chat) == ["Be brief."]
        chat.send("Second")
        assert chat.sent() == ["Be brief.", "Second"]


def test_reasoning_is_no_part_of_the_reply() -> None:
    with ScriptedChat([Delta("reasoning", "Hm."), "Yes"]) as chat:
        assert chat.send("Well?") == "Yes"


@pytest.mark.parametrize(("context", "history"), [(None, 0), (4, 4)])
def test_context_bounds_the_past_messages_sent(context: int | None, history: int) -> None:
    with ScriptedChat(context=context) as chat:
        chat.send("First")
        chat.send("Second")
        assert chat.provider.requests[-1].history == history
        assert chat.sent() == ["First", "First", "Second"]


def test_a_context_of_none_of_the_past_sends_none_of_it() -> None:
    with ScriptedChat(context=0, system="Be brief.") as chat:
        chat.send("First")
        chat.send("Second")
        assert chat.sent() == ["Be brief.", "Second"]
        assert len(chat.messages) == 5


def test_parameters_are_keywords() -> None:
    with ScriptedChat(temperature=0, max_tokens=5, seed=3, stop="END", top_k=1) as chat:
        chat.send("Hi")
        parameters = chat.provider.requests[0].parameters
    assert (parameters.temperature, parameters.max_tokens, parameters.seed) == (0, 5, 3)
    assert (parameters.stop, parameters.top_k) == (("END",), 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"temperature": 9}, SettingsError),
        ({"max_tokens": -1}, SettingsError),
        ({"context": -1}, UsageError),
        ({"threads": -1}, SettingsError),
        ({"stop": [""]}, SettingsError),
    ],
)
def test_a_value_out_of_bounds_is_refused_at_once(
    options: dict[str, Any], error: type[ChatdeskError]
) -> None:
    with pytest.raises(error):
        Chat(**options)


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_message_is_refused_at_once(prompt: str) -> None:
    with ScriptedChat() as chat, pytest.raises(UsageError):
        chat.stream(prompt)


# -- replies that do not come to their end -----------------------------------------------------


def test_a_stream_that_is_left_keeps_what_was_read() -> None:
    with ScriptedChat(endless, ["Then"]) as chat:
        for number, _ in enumerate(chat.stream("Go"), 1):
            if number == 3:
                break
        assert contents(chat) == ["Go", "more more more "]
        assert chat.send("And?") == "Then"
        assert chat.sent() == ["Go", "more more more ", "And?"]


def test_a_stream_that_was_not_begun_sends_nothing() -> None:
    with ScriptedChat() as chat:
        stream = chat.stream("Go")
        assert chat.provider.requests == []
        stream.close()
        assert chat.messages == []


def test_a_stream_still_open_is_cut_by_the_next_message() -> None:
    with ScriptedChat(endless, ["Then"]) as chat:
        stream = chat.stream("Go")
        next(stream)
        assert chat.send("And?") == "Then"
        assert contents(chat) == ["Go", "more ", "And?", "Then"]
        assert list(stream) == []


def test_another_thread_is_told_that_a_reply_is_being_written() -> None:
    reading, go_on = threading.Event(), threading.Event()

    def held(request: Request) -> Iterator[Line]:
        reading.set()
        go_on.wait(10)
        yield "Done"

    replies: list[str] = []
    with ScriptedChat(held) as chat:
        thread = threading.Thread(target=lambda: replies.append(chat.send("First")))
        thread.start()
        assert reading.wait(10)
        with pytest.raises(UsageError, match="another thread"):
            chat.send("Second")
        go_on.set()
        thread.join(10)
        assert replies == ["Done"] and contents(chat) == ["First", "Done"]


def test_a_failed_reply_leaves_no_trace() -> None:
    with ScriptedChat(["Half", ProviderError("It broke.")], ["Whole"]) as chat:
        with pytest.raises(ProviderError, match="It broke"):
            chat.send("Go")
        assert chat.messages == []
        assert chat.send("Go") == "Whole"
        assert contents(chat) == ["Go", "Whole"]


def test_an_interrupted_reply_keeps_what_was_read() -> None:
    with ScriptedChat(endless) as chat:
        stream = chat.stream("Go")
        next(stream)
        with pytest.raises(KeyboardInterrupt):
            stream.throw(KeyboardInterrupt())
        assert contents(chat) == ["Go", "more "]


def test_a_reply_cut_before_its_first_word_leaves_no_trace() -> None:
    with ScriptedChat([Delta("reasoning", "Hm."), Finished("cancelled")]) as chat:
        assert chat.send("Go") == ""
        assert chat.messages == []


def test_an_empty_reply_is_a_turn_and_is_not_sent_again() -> None:
    with ScriptedChat([Finished("stop")], ["Two"]) as chat:
        assert chat.send("First") == ""
        assert contents(chat) == ["First", ""]
        chat.send("Second")
        assert chat.sent() == ["Second"]


# -- the end -----------------------------------------------------------------------------------


def test_a_closed_chat_says_so_and_still_has_its_messages() -> None:
    chat = ScriptedChat(["One"])
    chat.send("First")
    chat.close()
    chat.close()
    assert contents(chat) == ["First", "One"]
    with pytest.raises(UsageError, match="closed"):
        chat.send("Second")


def test_a_chat_that_is_forgotten_frees_its_model() -> None:
    chat = ScriptedChat()
    chat.send("Hi")
    assert any(thread.name == "chatdesk-chat" for thread in threading.enumerate())
    del chat
    gc.collect()
    assert not any(thread.name == "chatdesk-chat" for thread in threading.enumerate())


def test_making_a_chat_starts_nothing() -> None:
    before = threading.active_count()
    chat = Chat(system="Be brief.")
    assert threading.active_count() == before
    assert "default model" in repr(chat)
