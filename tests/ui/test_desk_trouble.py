"""The window when something goes wrong or happens elsewhere: nothing is lost or mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtWidgets import QPlainTextEdit

from chatdesk.chat.events import Started
from chatdesk.chat.messages import Message, Role, Status, new_id
from chatdesk.errors import ModelError, SettingsError, StoreError
from chatdesk.providers.llama import ModelState
from chatdesk.settings import SettingsFile
from chatdesk.store import Conversations, Messages, State, Store, open_store
from chatdesk.ui.conversation_settings import ConversationSettings

FULL = StoreError("The disk is full.", "Free some space.")

if TYPE_CHECKING:
    from tests.ui.conftest import Person
else:
    Person = Any


def refuse(*_: object, **__: object) -> None:
    raise FULL


@pytest.fixture
def terminal(person: Person) -> Iterator[Store]:
    """The command line at work in the same data directory."""
    store = open_store(person.data)
    yield store
    store.close()


# -- drafts ----------------------------------------------------------------------------------------


def test_a_suggestion_takes_the_draft_along(person: Person) -> None:
    person.type("half a thought")
    person.desk.writing.flush()
    person.window.welcome.suggestion_chosen.emit("Name the planets")
    assert person.shown()[0] == "Name the planets"
    assert person.text == "half a thought"
    person.desk.conversations.new()
    assert person.text == ""


def test_settings_for_a_new_conversation_take_the_draft_along(person: Person) -> None:
    person.type("half a thought")
    person.desk.commands.show_conversation_settings()
    assert person.text == "half a thought"
    assert person.store.conversations.get(person.current).draft == "half a thought"


def test_a_message_that_could_not_be_saved_is_still_in_the_composer_at_the_next_start(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Messages, "add", refuse)
        person.window.composer.field.set_text("Important words")
        person.window.composer.send_button.click()
    assert "disk is full" in person.toasts
    assert person.text == "Important words"
    assert person.shown() == []
    person.end()
    person.start()
    assert person.text == "Important words"


def test_a_draft_that_could_not_be_saved_is_saved_later(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.send("One").finish("1")
    conversation = person.current
    with monkeypatch.context() as patch:
        patch.setattr(Conversations, "set_draft", refuse)
        person.type("unsaved words")
        person.desk.conversations.new()
        assert person.text == ""
        person.desk.conversations.open(conversation)
        assert person.text == "unsaved words"
    person.desk.conversations.new()
    assert person.store.conversations.get(conversation).draft == "unsaved words"


def test_an_edit_outlives_another_conversation_and_the_end_of_the_program(person: Person) -> None:
    person.send("Hello").finish("1")
    first = person.current
    person.type("my draft")
    person.act(0, "edit")
    person.type(", you there")
    person.desk.conversations.new()
    assert person.text == ""
    person.desk.conversations.open(first)
    assert person.text == "Hello, you there"
    assert person.window.composer.editing
    person.end()
    person.start()
    assert person.text == "Hello, you there"
    person.window.composer.send_button.click()
    person.provider.last.finish("2")
    assert person.shown() == ["Hello, you there", "2"]
    assert person.text == "my draft"
    person.desk.conversations.new()
    person.desk.conversations.open(first)
    assert person.text == "my draft"


def test_an_edit_goes_on_when_the_command_line_writes_something(
    person: Person, terminal: Store
) -> None:
    person.send("Hello").finish("1")
    person.act(0, "edit")
    person.type(" there")
    terminal.conversations.create("From the terminal")
    assert person.desk.conversations.look_for_changes()
    assert person.text == "Hello there"
    assert person.window.composer.editing


def test_an_edit_that_cannot_be_sent_yet_stays(person: Person) -> None:
    person.send("Hello").finish("1")
    person.send("More").say("2")
    person.desk.writing.edit(person.transcript.entries()[0].id, "Hello")
    person.type(" there")
    person.window.composer.submitted.emit("Hello there")
    assert "still being written" in person.toasts
    assert person.window.composer.editing
    assert person.text == "Hello there"


def test_what_was_typed_into_a_dialog_counts_when_the_window_closes(person: Person) -> None:
    person.send("Hello").finish("1")
    conversation = person.current
    person.desk.commands.show_conversation_settings()
    dialog = person.window.findChild(ConversationSettings)
    assert isinstance(dialog, ConversationSettings)
    field = dialog.rows["chat.system_prompt"].editor.field
    assert isinstance(field, QPlainTextEdit)
    person.qtbot.waitExposed(dialog)
    person.qtbot.keyClicks(field, "Be brief.")
    person.end()
    person.start()
    assert person.store.conversations.get(conversation).system_prompt == "Be brief."


# -- the disk --------------------------------------------------------------------------------------


def test_a_conversation_that_cannot_be_read_is_not_half_opened(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.send("One").finish("1")
    first = person.current
    person.desk.conversations.new()
    person.send("Two").finish("2")
    second = person.current
    person.desk.session.forget(first)
    with monkeypatch.context() as patch:
        patch.setattr(Messages, "load", refuse)
        person.window.sidebar.selected.emit(first)
    assert "disk is full" in person.toasts
    assert person.current == second
    assert person.shown() == ["Two", "2"]
    person.send("Three").finish("3")
    assert person.shown() == ["Two", "2", "Three", "3"]


def test_what_is_open_opens_also_where_it_cannot_be_noted(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.send("One").finish("1")
    first = person.current
    person.desk.conversations.new()
    with monkeypatch.context() as patch:
        patch.setattr(State, "set", refuse)
        person.window.sidebar.selected.emit(first)
    assert person.shown() == ["One", "1"]
    assert "disk is full" in person.toasts


def test_an_undo_that_fails_can_be_tried_again(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.send("One").finish("1")
    person.act(1, "delete")
    with monkeypatch.context() as patch:
        patch.setattr(Messages, "restore_branch", refuse)
        assert person.window.toasts.act()
    assert person.shown() == ["One"]
    assert person.window.toasts.act()
    assert person.shown() == ["One", "1"]


def test_actions_tell_what_they_could_not_do(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise SettingsError("The settings could not be saved.")

    with monkeypatch.context() as patch:
        patch.setattr(SettingsFile, "set", read_only)
        person.desk.commands.actions["larger_text"].trigger()
    assert "could not be saved" in person.toasts
    with monkeypatch.context() as patch:
        patch.setattr(Conversations, "list", refuse)
        person.desk.commands.actions["show_trash"].trigger()
    assert "disk is full" in person.toasts


def test_the_program_ends_even_where_nothing_can_be_saved(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.send("One").say("1")
    with monkeypatch.context() as patch:
        patch.setattr(State, "set", refuse)
        person.end()
    person.start()
    assert person.shown() == ["One", "1"]


# -- variants --------------------------------------------------------------------------------------


def test_a_reply_grows_unseen_while_another_variant_is_shown(person: Person) -> None:
    person.send("Hello").finish("First")
    person.act(1, "regenerate")
    run = person.provider.last
    run.say("Sec")
    conversation = person.current
    first = person.desk.session.tree(conversation).siblings(person.transcript.entries()[1].id)[0]
    person.desk.session.select_variant(conversation, first, 0)
    assert person.shown() == ["Hello", "First"]
    run.deliver(Started("SmolLM2", 2048, 10))
    run.finish("ond")
    assert person.shown() == ["Hello", "First"]
    person.act(1, "next")
    assert person.shown() == ["Hello", "Second"]


# -- another process -------------------------------------------------------------------------------


def _reply(store: Store, conversation: str) -> Message:
    leaf = store.conversations.get(conversation).active_leaf
    asked = store.messages.add(
        Message(new_id(), conversation, leaf, Role.USER, "From the terminal", 2e9)
    )
    reply = Message(new_id(), conversation, asked.id, Role.ASSISTANT, "", 2e9)
    return store.messages.begin_reply(replace(reply, status=Status.STREAMING))


def test_what_the_command_line_says_here_is_shown_while_the_draft_stays(
    person: Person, terminal: Store
) -> None:
    person.send("One").finish("1")
    person.type("my dra")
    reply = _reply(terminal, person.current)
    terminal.messages.append(reply.id, "text", "Hi")
    person.desk.conversations.look_for_changes()
    assert person.shown() == ["One", "1", "From the terminal", "Hi"]
    person.type("ft")
    assert person.text == "my draft"
    terminal.messages.finish(replace(reply, content="Hi you", status=Status.COMPLETE))
    person.qtbot.waitUntil(lambda: person.shown()[-1] == "Hi you")  # nobody has to ask for it
    assert person.transcript.entries()[-1].status is Status.COMPLETE


def test_a_reply_of_a_command_line_that_was_killed_ends_as_interrupted(
    person: Person, terminal: Store
) -> None:
    person.send("One").finish("1")
    reply = _reply(terminal, person.current)
    terminal.messages.append(reply.id, "text", "Hi")
    person.desk.conversations.look_for_changes()
    assert person.transcript.entries()[-1].status is Status.STREAMING
    terminal.owner.release()  # as its death does; the database is as it was
    person.desk.conversations.look_for_changes()
    assert person.transcript.entries()[-1].status is Status.INTERRUPTED
    assert person.shown()[-1] == "Hi"


def test_a_conversation_that_the_command_line_deleted_stays_open_and_can_be_restored(
    person: Person, terminal: Store
) -> None:
    person.send("One").finish("1")
    terminal.conversations.delete([person.current])
    person.desk.conversations.look_for_changes()
    assert "moved this conversation to the trash" in person.toasts
    assert person.shown() == ["One", "1"]
    assert person.window.toasts.act()
    assert len(person.store.conversations.list()) == 1


def test_a_message_in_a_conversation_deleted_elsewhere_brings_it_back(
    person: Person, terminal: Store
) -> None:
    person.send("One").finish("1")
    terminal.conversations.delete([person.current])
    person.send("Two").finish("2")
    assert [c.id for c in person.store.conversations.list()] == [person.current]
    assert person.window.sidebar.model.row_of(person.current) >= 0


def test_a_conversation_deleted_for_good_elsewhere_leaves_the_words_being_written(
    person: Person, terminal: Store
) -> None:
    person.send("One").finish("1")
    person.type("my draft")
    terminal.conversations.purge([person.current])
    person.desk.conversations.look_for_changes()
    assert person.desk.conversations.current is None
    assert person.text == "my draft"


# -- the context -----------------------------------------------------------------------------------


def test_what_is_left_out_is_marked_at_the_next_start_too(person: Person) -> None:
    person.send("One").finish("1")
    old = [entry.id for entry in person.transcript.entries()]
    run = person.send("Two")
    run.deliver(Started("SmolLM2", 2048, 1500, left_out=tuple(old)))
    run.finish("2")
    before = person.desk.reading.filling()
    person.end()
    person.start()
    assert [entry.left_out for entry in person.transcript.entries()] == [True, True, False, False]
    assert person.desk.reading.filling() == before
    run = person.send("Three")
    run.deliver(Started("SmolLM2", 8192, 1600))
    assert not any(entry.left_out for entry in person.transcript.entries())
    run.finish("3")
    person.end()
    person.start()
    assert not any(entry.left_out for entry in person.transcript.entries())


# -- the model -------------------------------------------------------------------------------------


def test_of_several_models_chosen_in_a_row_the_last_that_worked_comes_back(person: Person) -> None:
    models = person.desk.models
    works = Path("/models/works.gguf")
    models.use(str(works), works)
    models.on_state(ModelState("ready", "works", 1.0, path=works))
    models.use("/models/one.gguf", Path("/models/one.gguf"))
    models.use("/models/two.gguf", Path("/models/two.gguf"))
    models.on_state(ModelState("ready", "works", 1.0, path=works))  # it had just been loading
    error = ModelError("llama.cpp could not load this model.", "Choose another.")
    models.on_state(ModelState("failed", "two", error=error))
    assert person.settings.values.model.default == str(works)
