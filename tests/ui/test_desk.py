"""The whole window at work over a real database, with replies that the test delivers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit

from chatdesk.chat.events import Failed, Finished, PromptProgress, Started, Waiting
from chatdesk.chat.messages import Status
from chatdesk.errors import LoadCancelled, ModelError, ProviderError
from chatdesk.providers.llama import ModelState
from chatdesk.settings import SettingsFile
from chatdesk.store import open_store
from chatdesk.ui.models import ModelsDialog

if TYPE_CHECKING:
    from tests.ui.conftest import Person
else:
    Person = Any


def test_the_first_start_shows_the_welcome_and_takes_keys(person: Person) -> None:
    assert person.window.welcome_shown
    person.type("Hello")
    person.key(Qt.Key.Key_Return)
    assert not person.window.welcome_shown
    run = person.provider.last
    assert [m.content for m in run.request.messages] == ["Hello"]
    assert person.shown() == ["Hello", ""]


def test_a_suggestion_sends_itself_and_leaves_the_draft(person: Person) -> None:
    person.type("half a thou")
    person.window.welcome.suggestion_chosen.emit("Name the planets of the solar system")
    assert person.shown()[0] == "Name the planets of the solar system"


def test_a_reply_streams_into_the_transcript(person: Person) -> None:
    run = person.send("Hello")
    run.deliver(Started("SmolLM2", 2048, 10))
    run.say("One ")
    run.say("two")
    person.qtbot.waitUntil(lambda: person.shown()[-1] == "One two")
    run.finish(".")
    person.qtbot.waitUntil(lambda: person.shown()[-1] == "One two.")
    entry = person.transcript.entries()[-1]
    assert entry.name == "SmolLM2"
    assert entry.meter == "41 tok/s · 0.2 s"


def test_a_reply_goes_on_while_another_conversation_is_open(person: Person) -> None:
    first = person.send("First")
    first.say("one, ")
    conversation = person.current
    person.desk.conversations.new()
    assert person.window.welcome_shown
    person.send("Second").finish("2")
    first.say("two")
    assert person.shown() == ["Second", "2"]
    person.desk.conversations.open(conversation)
    assert person.shown() == ["First", "one, two"]
    first.finish(", three")
    person.qtbot.waitUntil(lambda: person.shown() == ["First", "one, two, three"])


def test_everything_is_there_after_closing_mid_reply(person: Person) -> None:
    run = person.send("Hello")
    run.say("Half a")
    person.type("a draft")
    conversation = person.current
    person.end()
    person.start()
    assert person.current == conversation
    assert person.shown() == ["Hello", "Half a"]
    assert person.transcript.entries()[-1].status is Status.INTERRUPTED
    assert person.window.composer.text == "a draft"


def test_the_draft_of_a_new_chat_survives_too(person: Person) -> None:
    person.type("unsent words")
    person.end()
    person.start()
    assert person.window.composer.text == "unsent words"
    assert person.store.conversations.list() == []


def test_each_conversation_has_its_own_draft(person: Person) -> None:
    person.send("One").finish("1")
    first = person.current
    person.type("for the first")
    person.desk.conversations.new()
    assert person.window.composer.text == ""
    person.desk.conversations.open(first)
    assert person.window.composer.text == "for the first"


def test_escape_stops_the_reply_and_enter_can_continue_it(person: Person) -> None:
    run = person.send("Hello")
    run.say("Half")
    person.key(Qt.Key.Key_Escape)
    assert run.cancelled
    run.deliver(Finished("cancelled"))
    entry = person.transcript.entries()[-1]
    assert entry.status is Status.STOPPED
    assert entry.can_continue
    person.transcript.action_requested.emit(entry.id, "continue")
    assert person.provider.last.request.continuation == "Half"
    person.provider.last.finish(" and whole")
    person.qtbot.waitUntil(lambda: person.shown() == ["Hello", "Half and whole"])


def test_a_regenerated_reply_is_a_variant(person: Person) -> None:
    person.send("Hello").finish("First")
    entry = person.transcript.entries()[-1]
    person.transcript.action_requested.emit(entry.id, "regenerate")
    person.provider.last.finish("Second")
    person.qtbot.waitUntil(lambda: person.shown() == ["Hello", "Second"])
    entry = person.transcript.entries()[-1]
    assert entry.variant == (2, 2)
    person.transcript.action_requested.emit(entry.id, "previous")
    assert person.shown() == ["Hello", "First"]


def test_up_in_an_empty_composer_edits_the_last_message(person: Person) -> None:
    person.send("Hello").finish("1")
    person.key(Qt.Key.Key_Up)
    assert person.window.composer.text == "Hello"
    person.type(" there")
    person.key(Qt.Key.Key_Return)
    person.provider.last.finish("2")
    person.qtbot.waitUntil(lambda: person.shown() == ["Hello there", "2"])
    assert person.transcript.entries()[0].variant == (2, 2)


def test_leaving_an_edit_brings_the_draft_back(person: Person) -> None:
    person.send("Hello").finish("1")
    message = person.transcript.entries()[0]
    person.type("my draft")
    person.transcript.action_requested.emit(message.id, "edit")
    assert person.window.composer.text == "Hello"
    person.key(Qt.Key.Key_Escape)
    assert person.window.composer.text == "my draft"


def test_a_message_that_cannot_be_sent_stays_in_the_composer(person: Person) -> None:
    person.send("Hello").say("1")
    person.window.composer.submitted.emit("Too early")
    assert person.window.composer.text == "Too early"
    assert "still being written" in person.toasts


def test_deleting_a_message_can_be_undone(person: Person) -> None:
    person.send("One").finish("1")
    person.send("Two").finish("2")
    asked = person.transcript.entries()[2]
    person.transcript.action_requested.emit(asked.id, "delete")
    assert person.shown() == ["One", "1"]
    assert person.window.toasts.act()
    assert person.shown() == ["One", "1", "Two", "2"]


def test_a_deleted_conversation_comes_back_with_undo(person: Person) -> None:
    person.send("One").finish("1")
    deleted = person.current
    person.desk.conversations.new()
    person.send("Two").finish("2")
    person.desk.conversations.delete([deleted])
    assert [c.title for c in person.store.conversations.list()] == ["Two"]
    assert person.window.toasts.act()
    assert person.current == deleted
    assert person.shown() == ["One", "1"]


def test_deleting_the_open_conversation_opens_the_next(person: Person) -> None:
    person.send("One").finish("1")
    person.desk.conversations.new()
    person.send("Two").finish("2")
    person.desk.conversations.delete_current()
    assert person.shown() == ["One", "1"]
    person.desk.conversations.delete_current()
    assert person.window.welcome_shown


def test_copying_puts_the_source_text_on_the_clipboard(person: Person) -> None:
    person.send("Hello").finish("Some **bold** words")
    person.transcript.action_requested.emit(person.transcript.entries()[-1].id, "copy")
    assert QGuiApplication.clipboard().text() == "Some **bold** words"


def test_a_failed_reply_says_why_and_can_be_tried_again(person: Person) -> None:
    person.send("Hello").deliver(Failed(ProviderError("The model is gone.", "Choose another.")))
    entry = person.transcript.entries()[-1]
    assert entry.status is Status.FAILED
    assert "The model is gone." in entry.error
    person.transcript.action_requested.emit(entry.id, "retry")
    person.provider.last.finish("Here again")
    person.qtbot.waitUntil(lambda: person.shown() == ["Hello", "Here again"])


def test_a_message_is_accepted_while_the_model_loads(person: Person) -> None:
    person.desk.models.on_state(ModelState("loading", "SmolLM2", 0.3))
    run = person.send("Hello")
    run.deliver(Waiting("loading"))
    person.desk.models.on_state(ModelState("loading", "SmolLM2", 0.6))
    run.deliver(Started("SmolLM2", 2048, 10))
    run.deliver(PromptProgress(5, 10))
    run.finish("Hi")
    person.qtbot.waitUntil(lambda: person.shown() == ["Hello", "Hi"])


def test_messages_that_no_longer_fit_are_marked(person: Person) -> None:
    person.send("One").finish("1")
    old = person.transcript.entries()
    run = person.send("Two")
    run.deliver(Started("SmolLM2", 2048, 10, left_out=tuple(entry.id for entry in old)))
    run.finish("2")
    assert [entry.left_out for entry in person.transcript.entries()] == [True, True, False, False]


def test_a_model_that_cannot_be_loaded_is_explained_and_the_setting_goes_back(
    person: Person,
) -> None:
    models = person.desk.models
    models.on_state(ModelState("ready", "SmolLM2", 1.0, context_window=2048))
    models.use("/somewhere/other.gguf")
    assert person.provider.loads == 1
    error = ModelError("llama.cpp could not load this model.", "Choose another.")
    models.on_state(ModelState("failed", "other", error=error))
    assert person.settings.values.model.default == ""
    assert "could not load" in person.toasts


def test_of_two_models_chosen_in_a_row_the_setting_goes_back_to_the_one_that_worked(
    person: Person,
) -> None:
    models = person.desk.models
    first, second = Path("/somewhere/first.gguf"), Path("/somewhere/second.gguf")
    models.use(str(first), first)
    models.use(str(second), second)  # before the first is loaded
    models.on_state(ModelState("ready", "first", 1.0, path=first))
    error = ModelError("llama.cpp could not load this model.", "Choose another.")
    models.on_state(ModelState("failed", "second", error=error, path=second))
    assert person.settings.values.model.default == ""
    models.use(str(first), first)
    models.on_state(ModelState("ready", "first", 1.0, path=first))
    models.on_state(ModelState("failed", "first", error=error, path=first))  # much later
    assert person.settings.values.model.default == str(first)


def test_started_with_a_file_that_is_no_model_the_usual_one_is_loaded(person: Person) -> None:
    assert person.provider.loads == 0
    person.desk.models.add(["/somewhere/notes.txt"])
    assert person.provider.loads == 1
    person.desk.models.on_state(ModelState("ready", "SmolLM2", 1.0))
    person.desk.models.add(["/somewhere/notes.txt"])
    assert person.provider.loads == 1


def test_a_chosen_model_is_judged_by_what_the_command_line_just_set(person: Person) -> None:
    SettingsFile(person.data.settings).set("model.chat_format", "chatml")
    person.desk.models.add(["/somewhere/notes.txt"])
    assert person.settings.values.model.chat_format == "chatml"
    person.desk.models.close()


def test_a_cancelled_load_is_no_error_and_the_setting_goes_back(person: Person) -> None:
    models = person.desk.models
    other = Path("/somewhere/other.gguf")
    models.use(str(other), other)
    models.on_state(ModelState("loading", "other", 0.3, path=other))
    person.desk.commands.show_models()
    dialog = person.window.findChild(ModelsDialog)
    assert dialog is not None
    dialog.cancel_requested.emit()
    assert person.provider.cancelled_loads == 1
    models.on_state(ModelState("failed", "other", error=LoadCancelled("Cancelled."), path=other))
    assert person.settings.values.model.default == ""
    assert not dialog.error.isVisible()
    dialog.close()


def test_a_model_chosen_in_the_window_answers_in_a_conversation_that_had_its_own(
    person: Person,
) -> None:
    conversation = person.desk.session.new_conversation(model="Other")
    person.desk.conversations.open(conversation.id)
    assert person.send("Hello").request.model == "Other"
    person.provider.last.finish("Hi")
    person.desk.models.use("")  # what the settings say already
    assert person.send("And now?").request.model is None


def test_changed_settings_take_effect_at_once(person: Person) -> None:
    person.settings.set("appearance.theme", "dark")
    assert person.theme.dark
    person.settings.set("composer.enter_sends", False)
    person.type("Hello")
    person.key(Qt.Key.Key_Return)
    assert person.provider.runs == []


def test_conversation_settings_reach_the_provider(person: Person) -> None:
    person.send("One").finish("1")
    person.desk.session.configure(person.current, "Be brief.", {"temperature": 0.0})
    run = person.send("Two")
    assert run.request.messages[0].content == "Be brief."
    assert run.request.parameters.temperature == 0.0


def test_what_the_command_line_wrote_appears(person: Person) -> None:
    person.send("One").finish("1")
    other = open_store(person.data)
    other.conversations.create("From the terminal")
    other.close()
    assert person.desk.conversations.look_for_changes()
    listed = {c.title for c in person.store.conversations.list()}
    assert listed == {"One", "From the terminal"}


def test_ten_thousand_tokens_a_second_do_not_stop_the_window(person: Person) -> None:
    run = person.send("Hello")
    for index in range(10_000):
        run.say(f"{index} ")
    run.finish()
    expected = "".join(f"{index} " for index in range(10_000))
    person.qtbot.waitUntil(lambda: person.shown()[-1] == expected)
    assert person.desk.session.tree(person.current).path()[-1].content == expected


def test_a_title_written_in_the_list_is_accepted_with_enter(person: Person) -> None:
    person.send("First").finish("1")
    person.window.activateWindow()
    person.desk.commands.actions["rename_chat"].trigger()
    field = person.window.sidebar.findChild(QLineEdit, "renameField")
    assert isinstance(field, QLineEdit)
    field.selectAll()
    person.qtbot.keyClicks(field, "Fox tale")
    person.qtbot.keyClick(field, Qt.Key.Key_Return)
    person.qtbot.waitUntil(lambda: not person.window.sidebar.list.renaming)
    assert person.store.conversations.get(person.current).title == "Fox tale"
    assert person.window.sidebar.list.hasFocus()


def test_ctrl_z_in_the_composer_brings_back_what_was_deleted(person: Person) -> None:
    person.send("One").finish("1")
    person.window.activateWindow()
    undo = person.desk.commands.actions["undo"]
    assert not undo.isEnabled()
    reply = person.transcript.entries()[-1]
    person.transcript.action_requested.emit(reply.id, "delete")
    assert person.shown() == ["One"]
    field = person.window.composer.field
    person.qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert person.shown() == ["One", "1"]
    assert not undo.isEnabled()


def test_ctrl_z_takes_back_written_words_first(person: Person) -> None:
    person.send("One").finish("1")
    person.window.activateWindow()
    person.transcript.action_requested.emit(person.transcript.entries()[-1].id, "delete")
    person.type("typo")
    field = person.window.composer.field
    person.qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert person.window.composer.text == ""
    assert person.shown() == ["One"]


def test_a_message_whose_reply_was_deleted_can_be_answered_anew(person: Person) -> None:
    person.send("One").finish("1")
    person.send("Two").finish("2")
    person.transcript.action_requested.emit(person.transcript.entries()[-1].id, "delete")
    person.desk.commands.actions["regenerate"].trigger()
    person.provider.last.finish("2 again")
    person.qtbot.waitUntil(lambda: person.shown() == ["One", "1", "Two", "2 again"])


def test_what_needs_a_saved_conversation_is_not_offered_for_a_new_one(person: Person) -> None:
    actions = person.desk.commands.actions
    assert not actions["rename_chat"].isEnabled()
    person.send("One").finish("1")
    assert actions["rename_chat"].isEnabled()
    assert actions["delete_chat"].isEnabled()
    person.desk.conversations.new()
    assert not actions["delete_chat"].isEnabled()


def test_what_was_wrong_with_the_model_is_no_longer_told_once_it_is_ready(person: Person) -> None:
    error = ModelError("There is no chat format named nonsense.", "Choose another.")
    person.desk.models.on_state(ModelState("failed", "SmolLM2", error=error))
    assert "nonsense" in person.toasts
    person.desk.models.on_state(ModelState("loading", "SmolLM2", 0.5))
    assert person.toasts
    person.desk.models.on_state(ModelState("ready", "SmolLM2", 1.0, context_window=2048))
    assert not person.toasts
