"""The window with remote models, against servers on this computer."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from faults import DONE, RESET, STALL, FaultServer, chunk, error, faulty, good, reply
from PySide6.QtCore import Qt

from chatdesk.chat.events import Started
from chatdesk.chat.messages import Status
from chatdesk.credentials import Secret
from chatdesk.providers.profiles import Profile
from chatdesk.ui.model_picker.picker import ModelPicker

if TYPE_CHECKING:
    from tests.ui.conftest import Person
else:
    Person = Any

# Asking a server for the first time imports the client, which takes a while on a busy machine.
PATIENCE_MS = 30_000
GUI = threading.main_thread()


def add(person: Person, server: FaultServer, name: str = "Mistral", key: str = "") -> Profile:
    profile = person.accounts.profiles.add(
        name, "custom", base_url=server.base_url, needs_key=bool(key), default_model="model"
    )
    if key:
        person.accounts.set_key(profile, Secret(key), remember=False)
    return profile


def ask(person: Person, profile: Profile, text: str, model: str = "model") -> str:
    """Send a message in a new chat with a provider's model; the conversation's id."""
    person.desk.conversations.new()
    person.desk.answering.choose_remote(f"{profile.id}:{model}")
    person.window.composer.field.set_text(text)
    person.key(Qt.Key.Key_Return)
    return person.current


def until_shown(person: Person, *texts: str) -> None:
    person.qtbot.waitUntil(lambda: person.shown() == list(texts), timeout=PATIENCE_MS)


def until_ended(person: Person, conversation: str) -> None:
    person.qtbot.waitUntil(
        lambda: person.desk.session.streaming(conversation) is None, timeout=PATIENCE_MS
    )


def picker(person: Person) -> ModelPicker:
    person.desk.commands.show_picker()
    found = person.window.findChild(ModelPicker)
    assert found is not None
    return found


def until_offered(person: Person, shown: ModelPicker, name: str) -> None:
    person.qtbot.waitUntil(lambda: name in shown.texts(), timeout=PATIENCE_MS)


def test_a_reply_streams_from_a_server_into_the_transcript(connected: Person) -> None:
    with faulty(good("One ", "two")) as server:
        profile = add(connected, server)
        ask(connected, profile, "Hello")
        until_shown(connected, "Hello", "One two")
        until_ended(connected, connected.current)
        entry = connected.transcript.entries()[-1]
        assert entry.status is Status.COMPLETE
        assert entry.name == "model"
    assert [m["content"] for m in server.asked[0].body["messages"]] == ["Hello"]


def test_two_servers_and_the_local_model_answer_at_the_same_time(connected: Person) -> None:
    first_half, second_half = reply(chunk("A1 "), STALL), reply(chunk("B1 "), STALL)
    with faulty(first_half) as a, faulty(second_half) as b:
        first = ask(connected, add(connected, a, "Alpha"), "To alpha")
        until_shown(connected, "To alpha", "A1 ")
        second = ask(connected, add(connected, b, "Beta"), "To beta")
        until_shown(connected, "To beta", "B1 ")
        connected.desk.conversations.new()
        local = connected.send("To nobody else")
        local.deliver(Started("SmolLM2", 2048, 10))
        local.say("L1")
        until_shown(connected, "To nobody else", "L1")
        third = connected.current
        assert connected.desk.session.streaming_conversations() == {first, second, third}
        local.finish(" L2")
        until_shown(connected, "To nobody else", "L1 L2")
        for conversation, texts in (
            (first, ("To alpha", "A1 ")),
            (second, ("To beta", "B1 ")),
        ):
            connected.desk.conversations.open(conversation)
            until_shown(connected, *texts)
            connected.window.composer.focus()
            connected.key(Qt.Key.Key_Escape)
            until_ended(connected, conversation)
            assert connected.transcript.entries()[-1].status is Status.STOPPED
        a.wait_until_a_client_is_gone()
        b.wait_until_a_client_is_gone()
    assert [r.request.model for r in connected.provider.runs] == [None]


def test_closing_the_window_while_servers_answer_keeps_the_words(connected: Person) -> None:
    with faulty(reply(chunk("Half a"), STALL)) as server:
        ask(connected, add(connected, server), "Hello")
        until_shown(connected, "Hello", "Half a")
        connected.end()
        server.wait_until_a_client_is_gone()
        connected.start()
        assert connected.shown() == ["Hello", "Half a"]
        assert connected.transcript.entries()[-1].status is Status.INTERRUPTED
        assert len(server.asked) == 1


def test_a_reply_that_breaks_off_can_be_continued(connected: Person) -> None:
    with faulty(reply(chunk("Half "), RESET), good("and whole")) as server:
        conversation = ask(connected, add(connected, server), "Hello")
        until_ended(connected, conversation)
        entry = connected.transcript.entries()[-1]
        assert entry.status is Status.INTERRUPTED
        assert entry.can_continue
        connected.act(1, "continue")
        until_ended(connected, conversation)
        assert connected.shown() == ["Hello", "Half and whole"]


def test_a_wrong_key_is_told_with_the_way_to_replace_it(connected: Person) -> None:
    with faulty(error(401, "Unauthorized")) as server:
        conversation = ask(connected, add(connected, server, key="sk-wrong-0123456789"), "Hello")
        until_ended(connected, conversation)
    assert "Add or replace the key" in [
        toast.action_button.text()
        for toast in connected.window.toasts._shown
        if toast.action_button is not None
    ]
    assert "sk-wrong" not in connected.toasts + connected.transcript.entries()[-1].error


def test_a_missing_key_is_told_with_the_way_to_add_it(connected: Person) -> None:
    with faulty(good("never")) as server:
        profile = connected.accounts.profiles.add(
            "Mistral", "custom", base_url=server.base_url, needs_key=True, default_model="model"
        )
        until_ended(connected, ask(connected, profile, "Hello"))
        assert server.asked == []
    assert "no key for Mistral" in connected.toasts


def test_a_server_that_is_not_there_is_worded(connected: Person) -> None:
    with faulty(good("never")) as server:
        profile = add(connected, server)
    until_ended(connected, ask(connected, profile, "Hello"))
    entry = connected.transcript.entries()[-1]
    assert entry.status is Status.FAILED
    assert "127.0.0.1" in entry.error


def test_the_picker_asks_each_server_for_its_models_and_remembers_them(connected: Person) -> None:
    with faulty(good("never")) as server:
        server.models = ("large", "small")
        add(connected, server)
        shown = picker(connected)
        assert "Asking Mistral for its models" in shown.texts()
        until_offered(connected, shown, "large")
        assert [t for t in shown.texts() if t in ("large", "model", "small")] == [
            "model",
            "large",
            "small",
        ]
        shown.reject()
        asked = len(server.lists)
        shown = picker(connected)
        assert "large" in shown.texts()
        assert "Asking Mistral for its models" not in shown.texts()
        shown.reject()
        connected.end()
        connected.start()
        shown = picker(connected)
        assert "large" in shown.texts()
        assert len(server.lists) == asked
        shown.reject()


def test_a_server_without_a_list_takes_typed_names(connected: Person) -> None:
    with faulty(good("Yes")) as server:
        server.models = None
        add(connected, server)
        shown = picker(connected)
        until_offered(connected, shown, "model")
        connected.qtbot.waitUntil(
            lambda: "loading" not in {row.kind for row in shown.rows.rows}, timeout=PATIENCE_MS
        )
        assert "error" not in {row.kind for row in shown.rows.rows}
        connected.qtbot.keyClicks(shown.search, "brand-new")
        connected.qtbot.keyClick(shown.search, Qt.Key.Key_Return)
        connected.window.composer.field.set_text("Hello")
        connected.key(Qt.Key.Key_Return)
        until_shown(connected, "Hello", "Yes")
        assert server.asked[0].body["model"] == "brand-new"
        until_ended(connected, connected.current)


def test_a_list_that_failed_is_there_after_trying_again(connected: Person) -> None:
    with faulty(good("never")) as server:
        profile = add(connected, server)
    shown = picker(connected)
    connected.qtbot.waitUntil(
        lambda: "error" in {row.kind for row in shown.rows.rows}, timeout=PATIENCE_MS
    )
    with faulty(good("never")) as again:
        again.models = ("back",)
        connected.accounts.profiles.change(replace(profile, base_url=again.base_url))
        shown.retry_requested.emit(profile.id)
        until_offered(connected, shown, "back")
    shown.reject()


def test_nothing_is_asked_before_somebody_wants_to_know(connected: Person) -> None:
    with faulty(good("Hi")) as server:
        ask(connected, add(connected, server), "Hello")
        until_shown(connected, "Hello", "Hi")
        until_ended(connected, connected.current)
        connected.end()
        lists, replies = len(server.lists), len(server.asked)
        connected.start()
        connected.qtbot.waitUntil(lambda: connected.shown() == ["Hello", "Hi"])
        assert (len(server.lists), len(server.asked)) == (lists, replies)


def test_a_provider_removed_while_it_streams_ends_its_reply_in_order(connected: Person) -> None:
    with faulty(reply(chunk("Half "), STALL)) as server:
        profile = add(connected, server)
        conversation = ask(connected, profile, "Hello")
        until_shown(connected, "Hello", "Half ")
        connected.accounts.profiles.remove(profile.id)
        connected.window.composer.focus()
        connected.key(Qt.Key.Key_Escape)
        until_ended(connected, conversation)
        assert connected.shown() == ["Hello", "Half "]
        assert connected.transcript.entries()[-1].status is Status.STOPPED
        server.wait_until_a_client_is_gone()


def test_events_of_servers_arrive_in_the_windows_thread(
    connected: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[threading.Thread] = set()
    hear = connected.desk.reply_event

    def heard(message_id: str, event: object) -> None:
        threads.add(threading.current_thread())
        hear(message_id, event)  # type: ignore[arg-type]

    monkeypatch.setattr(connected.desk, "reply_event", heard)
    with faulty(reply(*(chunk(f"{i} ") for i in range(500)), chunk(reason="stop"), DONE)) as server:
        conversation = ask(connected, add(connected, server), "Count")
        until_ended(connected, conversation)
    assert connected.shown()[-1] == "".join(f"{i} " for i in range(500))
    assert threads == {GUI}
