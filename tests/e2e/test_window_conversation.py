"""A person chats in a real window with the real model: the main job, from key press to database."""

from __future__ import annotations

from hands import Desk, wait_until

QUESTION = "Name the planets of the solar system"
LONG = "Write a very long story about a lighthouse keeper and the sea"


def finished(desk: Desk, count: int) -> list[dict[str, object]]:
    """The active path once it has count messages and its last one is no longer being written."""

    def look() -> list[dict[str, object]]:
        messages = desk.messages()
        done = len(messages) == count and messages[-1]["status"] != "streaming"
        return messages if done else []

    return wait_until(look, f"{count} messages, the last one finished")


def growing(desk: Desk, length: int = 20) -> dict[str, object]:
    """The reply being written, once some of it is in the database."""

    def look() -> dict[str, object] | None:
        messages = desk.messages()
        if not messages or messages[-1]["status"] != "streaming":
            return None
        return messages[-1] if len(str(messages[-1]["content"])) >= length else None

    found = wait_until(look, "a reply being written")
    assert found is not None
    return found


def short_replies(desk: Desk, tokens: int = 24) -> None:
    desk.chatdesk_plain("settings", "set", "sampling.max_tokens", str(tokens))


def test_a_question_typed_at_once_is_answered(desk: Desk) -> None:
    short_replies(desk, 48)
    desk.start()
    desk.type(QUESTION)
    desk.key("Return")
    question, reply = finished(desk, 2)
    assert question["content"] == QUESTION
    assert reply["status"] == "complete"
    assert str(reply["content"]).strip()
    assert reply["model"]
    usage = reply["usage"]
    assert isinstance(usage, dict)
    assert usage["completion_tokens"] > 0
    assert usage["tokens_per_second"] > 0
    assert usage["first_token_ms"] > 0
    assert desk.conversations()[0]["title"] == QUESTION
    # The reply stands in the window as a screen reader finds it.
    wait_until(
        lambda: [e for e in desk.accessible() if e["name"].startswith("Reply from")],
        "the reply in the accessible tree",
    )
    assert desk.close() == 0


def test_a_follow_up_evaluates_only_what_is_new(desk: Desk) -> None:
    short_replies(desk)
    desk.start()
    desk.type(QUESTION)
    desk.key("Return")
    first = finished(desk, 2)[-1]["usage"]
    desk.type("And which is the largest?")
    desk.key("Return")
    second = finished(desk, 4)[-1]["usage"]
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    known = first["prompt_tokens"] + first["completion_tokens"]
    assert second["cached_tokens"] >= known - 2


def test_a_killed_reply_comes_back_as_interrupted(desk: Desk) -> None:
    desk.start()
    desk.type(LONG)
    desk.key("Return")
    seen = str(growing(desk, 100)["content"])
    desk.type("A draft that must not be lost")
    wait_until(lambda: desk.draft() == "A draft that must not be lost", "the draft to be saved")
    desk.kill()
    desk.start()
    question, reply = finished(desk, 2)
    assert question["content"] == LONG
    assert reply["status"] == "interrupted"
    assert str(reply["content"]).startswith(seen)
    assert reply["model"]
    composer = wait_until(lambda: desk.find(id="composer"), "the composer")[0]
    assert composer["text"] == "A draft that must not be lost"


def test_closing_the_window_keeps_what_was_written(desk: Desk) -> None:
    desk.start()
    desk.type(LONG)
    desk.key("Return")
    seen = str(growing(desk)["content"])
    assert desk.close() == 0
    reply = desk.messages()[-1]
    assert reply["status"] == "interrupted"
    assert str(reply["content"]).startswith(seen)


def test_a_reply_is_stopped_continued_and_regenerated(desk: Desk) -> None:
    desk.start()
    desk.type(LONG)
    desk.key("Return")
    growing(desk)
    desk.key("Escape")
    stopped = finished(desk, 2)[-1]
    assert stopped["status"] == "stopped"
    short_replies(desk)
    desk.key("ctrl+l")
    desk.press(name="Continue")
    continued = wait_until(
        lambda: (
            [m for m in desk.messages() if m["id"] != stopped["id"] and m["role"] == "assistant"]
            and finished(desk, 2)[-1]
        ),
        "the continued reply",
    )
    assert str(continued["content"]).startswith(str(stopped["content"]))
    assert len(str(continued["content"])) > len(str(stopped["content"]))
    desk.key("ctrl+r")
    wait_until(lambda: finished(desk, 2)[-1]["id"] != continued["id"], "another variant")
    shown = desk.conversation(desk.conversations()[0]["id"])["messages"]
    assert len([m for m in shown if m["role"] == "assistant"]) == 3
    desk.press(name="Previous variant")
    wait_until(lambda: desk.messages()[-1]["id"] == continued["id"], "the variant before")


def test_an_edited_message_starts_a_branch(desk: Desk) -> None:
    short_replies(desk)
    desk.start()
    desk.type(QUESTION)
    desk.key("Return")
    finished(desk, 2)
    desk.key("Up")
    desk.key("ctrl+a")
    desk.type("Name three rivers")
    desk.key("Return")
    wait_until(lambda: desk.messages()[0]["content"] == "Name three rivers", "the edit")
    finished(desk, 2)
    everything = desk.conversation(desk.conversations()[0]["id"])["messages"]
    assert {m["content"] for m in everything if m["role"] == "user"} == {
        QUESTION,
        "Name three rivers",
    }


def test_a_reply_goes_on_in_its_own_conversation(desk: Desk) -> None:
    desk.start()
    desk.type(LONG)
    desk.key("Return")
    growing(desk)
    first = desk.conversations()[0]["id"]
    desk.key("ctrl+n")
    short_replies(desk)
    desk.type("Name three colours")
    desk.key("Return")
    wait_until(lambda: len(desk.conversations()) == 2, "two conversations")
    desk.key("alt+Down")
    desk.key("Escape")
    wait_until(lambda: desk.messages(first)[-1]["status"] == "stopped", "the first to stop")
    second = next(c["id"] for c in desk.conversations() if c["id"] != first)
    wait_until(lambda: desk.messages(second)[-1]["status"] == "complete", "the second reply")
    assert desk.messages(first)[0]["content"] == LONG
    assert desk.messages(second)[0]["content"] == "Name three colours"


def test_letters_of_any_script_are_sent_as_they_are(desk: Desk) -> None:
    short_replies(desk, 8)
    desk.start()
    text = "مرحبا 你好 Grüße 👋🏽 e\u0301"
    desk.paste(text)
    desk.key("Return")
    assert finished(desk, 2)[0]["content"] == text
