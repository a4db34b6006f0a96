"""Which model answers in which conversation, and what has to be agreed to before one is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from chatdesk.chat.events import Failed, Started
from chatdesk.credentials import Origin
from chatdesk.errors import KeyringError, ModelError, ProviderError
from chatdesk.providers.llama import ModelState
from chatdesk.providers.profiles import Profile
from chatdesk.providers.remote.problems import KeyProblem
from chatdesk.session import Consents
from chatdesk.settings import SettingsFile
from chatdesk.store import open_store
from chatdesk.ui.consent import ConsentDialog
from chatdesk.ui.model_picker.picker import ModelPicker
from chatdesk.ui.models import ModelsDialog
from chatdesk.ui.providers import ProvidersDialog
from chatdesk.ui.transcript.entries import origin

if TYPE_CHECKING:
    from tests.ui.conftest import Person
else:
    Person = Any

MISTRAL = "https://api.mistral.ai/v1"
READY = ModelState("ready", "SmolLM2", 1.0, context_window=2048)


def provider(person: Person, name: str = "Mistral", url: str = MISTRAL) -> Profile:
    return person.accounts.profiles.add(
        name, "custom", base_url=url, needs_key=False, default_model="open-mixtral"
    )


def choose(person: Person, profile: Profile, model: str = "open-mixtral") -> None:
    person.desk.answering.choose_remote(f"{profile.id}:{model}")


def dialog(person: Person) -> ConsentDialog | None:
    found = [d for d in person.window.findChildren(ConsentDialog) if d.isVisible()]
    return found[0] if found else None


def asked(person: Person) -> ConsentDialog:
    found = dialog(person)
    assert found is not None
    return found


def words(consent: ConsentDialog) -> str:
    return consent.accessibleDescription()


def button_tip(person: Person) -> str:
    return person.window.header.model_button.toolTip()


def model_of(person: Person) -> str | None:
    return person.store.conversations.get(person.current).model


# -- a provider's model for the open conversation --------------------------------------------------


def test_a_model_chosen_for_a_new_chat_is_pinned_when_it_is_made(person: Person) -> None:
    profile = provider(person)
    choose(person, profile)
    assert person.store.conversations.list() == []
    run = person.send("Hello")
    assert dialog(person) is None
    assert run.request.model == f"{profile.id}:open-mixtral"
    assert model_of(person) == f"{profile.id}:open-mixtral"


def test_the_next_new_chat_is_local_again(person: Person) -> None:
    choose(person, provider(person))
    person.send("Hello").finish("Hi")
    person.desk.conversations.new()
    assert person.send("And here?").request.model is None


def test_a_choice_for_a_new_chat_stays_with_its_draft(person: Person) -> None:
    person.send("First").finish("1")
    first = person.current
    profile = provider(person)
    person.desk.conversations.new()
    choose(person, profile)
    person.type("for Mistral")
    person.desk.conversations.open(first)
    person.desk.conversations.new()
    person.key(Qt.Key.Key_Return)
    assert person.provider.last.request.model == f"{profile.id}:open-mixtral"
    person.provider.last.finish("Hi")
    person.desk.conversations.new()
    choose(person, profile)
    person.desk.conversations.open(first)
    person.desk.conversations.new()
    assert person.send("Nothing was begun").request.model is None


def test_each_conversation_keeps_its_model(person: Person) -> None:
    mistral, ollama = provider(person), provider(person, "Ollama", "http://127.0.0.1:11434/v1")
    choose(person, mistral)
    person.send("One").finish("1")
    first = person.current
    person.desk.conversations.new()
    choose(person, ollama, "qwen")
    person.send("Two").finish("2")
    person.desk.conversations.new()
    person.send("Three").finish("3")
    assert button_tip(person).count("Ollama") == 0
    person.desk.conversations.open(first)
    assert person.send("More").request.model == f"{mistral.id}:open-mixtral"


def test_a_local_conversation_is_not_sent_before_the_person_agreed(person: Person) -> None:
    person.send("My secret").finish("It is safe")
    profile = provider(person)
    choose(person, profile)
    consent = asked(person)
    assert "2 earlier messages" in words(consent)
    assert "api.mistral.ai" in words(consent)
    assert model_of(person) is None
    consent.stay_button.click()
    assert model_of(person) is None
    assert person.send("Still here").request.model is None


def test_agreed_once_it_is_not_asked_again(person: Person) -> None:
    person.send("Hello").finish("Hi")
    profile = provider(person)
    choose(person, profile)
    asked(person).send_button.click()
    assert model_of(person) == f"{profile.id}:open-mixtral"
    person.send("More").finish("Yes")
    choose(person, profile, "mistral-large")
    assert model_of(person) == f"{profile.id}:mistral-large"
    person.desk.models.use("")
    choose(person, profile)
    assert dialog(person) is None
    assert person.send("Again").request.model == f"{profile.id}:open-mixtral"


def test_what_was_written_for_the_local_model_since_is_asked_about(person: Person) -> None:
    profile = provider(person)
    choose(person, profile)
    person.send("Hello").finish("Hi")
    person.desk.models.use("")
    person.send("My secret").finish("It is safe")
    choose(person, profile)
    consent = asked(person)
    assert "4 earlier messages" in words(consent)
    consent.reject()
    assert model_of(person) is None
    choose(person, profile)
    asked(person).send_button.click()
    assert person.send("More").request.model == f"{profile.id}:open-mixtral"


def test_escape_sends_nothing_and_staying_has_the_focus(person: Person) -> None:
    person.send("Hello").finish("Hi")
    choose(person, provider(person))
    consent = asked(person)
    assert consent.stay_button.text() == "Stay on this computer"
    assert consent.send_button.text() == "Send to Mistral"
    assert consent.focusWidget() is consent.stay_button
    person.qtbot.keyClick(consent, Qt.Key.Key_Escape)
    assert model_of(person) is None


def test_a_conversation_stays_in_chatdesk_where_both_are_on_this_computer(person: Person) -> None:
    person.send("Hello").finish("Hi")
    choose(person, provider(person, "Ollama", "http://localhost:11434/v1"))
    assert asked(person).stay_button.text() == "Stay in Chatdesk"
    asked(person).reject()


def test_what_is_sent_is_told_with_the_system_prompt(person: Person) -> None:
    person.send("Hello").finish("Hi")
    person.desk.session.configure(person.current, "You are a pirate.", {})
    choose(person, provider(person))
    assert "the system prompt" in words(asked(person))
    asked(person).reject()


def test_another_provider_is_asked_about_anew(person: Person) -> None:
    mistral, openai = provider(person), provider(person, "OpenAI", "https://api.openai.com/v1")
    choose(person, mistral)
    person.send("Hello").finish("Hi")
    choose(person, openai, "gpt")
    consent = asked(person)
    assert "api.openai.com" in words(consent)
    assert consent.stay_button.text() == "Stay with Mistral"
    consent.reject()
    assert model_of(person) == f"{mistral.id}:open-mixtral"


def test_a_provider_at_another_address_is_asked_about_before_anything_is_sent(
    person: Person,
) -> None:
    profile = provider(person)
    choose(person, profile)
    person.send("Hello").finish("Hi")
    person.accounts.profiles.change(replace(profile, base_url="https://mistral.example.com/v1"))
    person.window.composer.field.set_text("More")
    person.key(Qt.Key.Key_Return)
    consent = asked(person)
    assert "https://mistral.example.com" in words(consent)
    assert "https://api.mistral.ai" in words(consent)
    assert len(person.provider.runs) == 1
    assert person.text == "More"
    consent.reject()
    assert person.text == "More"
    assert len(person.provider.runs) == 1
    person.key(Qt.Key.Key_Return)
    asked(person).send_button.click()
    assert person.text == ""
    assert person.provider.last.request.messages[-1].content == "More"


@pytest.mark.parametrize("action", ["regenerate", "continue"])
def test_a_new_reply_at_another_address_is_asked_about_too(person: Person, action: str) -> None:
    profile = provider(person)
    choose(person, profile)
    run = person.send("Hello")
    run.deliver(Started("open-mixtral", provider="Mistral"))
    run.say("Hi")
    run.deliver(Failed(ProviderError("The connection broke.")))
    person.accounts.profiles.change(replace(profile, base_url="http://127.0.0.1:9/v1"))
    person.act(1, action)
    consent = asked(person)
    assert len(person.provider.runs) == 1
    consent.send_button.click()
    assert len(person.provider.runs) == 2


def test_a_suggestion_for_a_remote_new_chat_needs_no_question(person: Person) -> None:
    profile = provider(person)
    choose(person, profile)
    person.window.welcome.suggestion_chosen.emit("Name the planets")
    assert person.provider.last.request.model == f"{profile.id}:open-mixtral"


def test_what_was_agreed_holds_at_the_next_start_and_for_that_conversation_only(
    person: Person,
) -> None:
    person.send("One").finish("1")
    profile = provider(person)
    choose(person, profile)
    asked(person).send_button.click()
    person.desk.conversations.new()
    person.send("Two").finish("2")
    second = person.current
    person.end()
    person.start()
    choose(person, profile)
    asked(person).reject()
    assert person.store.conversations.get(second).model is None
    first = next(c.id for c in person.store.conversations.list() if c.id != second)
    person.desk.conversations.open(first)
    assert person.send("More").request.model == f"{profile.id}:open-mixtral"
    assert dialog(person) is None


def test_opening_the_window_sends_nothing(person: Person) -> None:
    choose(person, provider(person))
    person.send("Hello").finish("Hi")
    person.end()
    person.start()
    assert person.provider.runs == []


def test_what_nobody_agreed_to_is_refused_at_the_last_moment(
    person: Person, allow_errors: object
) -> None:
    profile = provider(person)
    person.send("Hello").finish("Hi")
    person.store.conversations.set_model(person.current, f"{profile.id}:open-mixtral")
    person.desk.session.send(person.current, "Past every question")
    assert len(person.provider.runs) == 1
    assert "Nothing was sent" in person.transcript.entries()[-1].error


def test_a_conversation_that_the_command_line_made_remote_is_asked_about(person: Person) -> None:
    profile = provider(person)
    person.send("Hello").finish("Hi")
    terminal = open_store(person.data)
    terminal.conversations.set_model(person.current, f"{profile.id}:open-mixtral")
    terminal.close()
    person.desk.conversations.look_for_changes()
    assert person.window.composer.destination.isVisible()
    person.window.composer.field.set_text("More")
    person.key(Qt.Key.Key_Return)
    asked(person).reject()
    assert len(person.provider.runs) == 1


# -- local models ----------------------------------------------------------------------------------


def test_a_local_model_chosen_for_a_remote_conversation_brings_it_home(person: Person) -> None:
    choose(person, provider(person))
    person.send("Hello").finish("Hi")
    person.desk.models.use("/models/qwen.gguf", Path("/models/qwen.gguf"))
    assert model_of(person) == "/models/qwen.gguf"
    assert person.settings.values.model.default == "/models/qwen.gguf"
    assert person.send("More").request.model == "/models/qwen.gguf"


def test_the_bundled_model_is_pinned_by_its_files_name(person: Person) -> None:
    choose(person, provider(person))
    person.send("Hello").finish("Hi")
    person.desk.models.use("", Path("/somewhere/SmolLM2-135M-Instruct.Q4_1.gguf"))
    assert model_of(person) == "SmolLM2-135M-Instruct.Q4_1"


def test_a_local_model_that_cannot_be_loaded_leaves_the_conversation_its_own(
    person: Person,
) -> None:
    profile = provider(person)
    choose(person, profile)
    person.send("Hello").finish("Hi")
    path = Path("/models/broken.gguf")
    person.desk.models.use(str(path), path)
    error = ModelError("llama.cpp could not load this model.", "Choose another.")
    person.desk.models.on_state(ModelState("failed", "broken", error=error, path=path))
    assert model_of(person) == f"{profile.id}:open-mixtral"
    assert person.settings.values.model.default == ""


def test_what_was_written_for_a_local_model_that_could_not_be_loaded_is_asked_about(
    person: Person,
) -> None:
    choose(person, provider(person))
    person.send("Hello").finish("Hi")
    path = Path("/models/broken.gguf")
    person.desk.models.use(str(path), path)
    error = ModelError("llama.cpp could not load this model.", "Choose another.")
    person.send("My secret").deliver(Failed(error))
    person.desk.models.on_state(ModelState("failed", "broken", error=error, path=path))
    runs = len(person.provider.runs)
    person.window.composer.field.set_text("More")
    person.key(Qt.Key.Key_Return)
    asked(person).reject()
    assert len(person.provider.runs) == runs
    assert person.text == "More"


def test_other_conversations_keep_their_local_model(person: Person) -> None:
    path = Path("/models/qwen.gguf")
    person.send("One").finish("1")
    first = person.current
    person.desk.models.use(str(path), path)
    person.desk.conversations.new()
    person.desk.models.use("", Path("/models/bundled.gguf"))
    person.send("Two").finish("2")
    person.desk.conversations.open(first)
    assert person.send("More").request.model == str(path)


# -- the default for new chats ---------------------------------------------------------------------


def test_a_remote_default_is_pinned_in_new_chats_and_never_reaches_old_ones(
    person: Person,
) -> None:
    person.send("Old").finish("1")
    old = person.current
    profile = provider(person)
    person.settings.set("model.default", f"{profile.id}:open-mixtral")
    person.desk.conversations.new()
    assert "api.mistral.ai" in button_tip(person)
    assert person.send("New").request.model == f"{profile.id}:open-mixtral"
    person.desk.conversations.open(old)
    assert person.send("Old again").request.model is None


def test_new_chats_follow_a_default_that_the_command_line_named(person: Person) -> None:
    profile = provider(person)
    SettingsFile(person.data.settings).set("model.default", "mistral:large")
    person.settings.reload_if_changed()
    assert person.send("Hello").request.model == f"{profile.id}:large"


def test_a_default_whose_provider_is_gone_is_local(person: Person) -> None:
    profile = provider(person)
    person.settings.set("model.default", f"{profile.id}:open-mixtral")
    person.accounts.profiles.remove(profile.id)
    assert person.send("Hello").request.model is None


# -- what the window says --------------------------------------------------------------------------


def test_a_remote_conversation_wears_the_mark_everywhere(person: Person) -> None:
    window = person.window
    person.desk.models.on_state(READY)
    choose(person, provider(person))
    assert window.header.model_button.text() == "open-mixtral"
    assert "Mistral, leaves this computer and goes to api.mistral.ai" in button_tip(person)
    assert window.composer.field.placeholderText() == "Message open-mixtral"
    assert window.composer.destination.isVisible()
    assert window.composer.destination.text == "Sent to api.mistral.ai"
    assert "leaves this computer" in window.composer.field.accessibleDescription()
    assert window.sidebar.status.text() == "Mistral"
    assert "api.mistral.ai" in window.sidebar.status.toolTip()
    welcome = " ".join(label.text() for label in (window.welcome._title, window.welcome._line))
    assert "Nothing you write leaves it" not in welcome
    assert "api.mistral.ai" in welcome
    person.desk.models.use("")
    assert not window.composer.destination.isVisible()
    assert window.sidebar.status.text() == "offline"
    assert "Nothing you write leaves it" in window.welcome._line.text()


def test_another_program_on_this_computer_is_called_that(person: Person) -> None:
    choose(person, provider(person, "Ollama", "http://localhost:11434/v1"))
    assert "another program on this computer" in button_tip(person)
    assert "leaves this computer" not in button_tip(person)
    assert person.window.composer.destination.text == "Sent to Ollama on this computer"


def test_a_reply_of_another_program_on_this_computer_does_not_wear_the_cloud(
    person: Person,
) -> None:
    window = person.window
    profile = provider(person, "Ollama", "http://localhost:11434/v1")
    choose(person, profile)
    assert window.header.model_button._kind == "beside"
    assert window.sidebar.status._icon == window.composer.destination._mark == "computer"
    run = person.send("Hello")
    run.deliver(Started("open-mixtral", 8_192, 10, provider="Ollama"))
    run.finish("Hi")
    entry = person.transcript.entries()[-1]
    assert entry.here and "another program on this computer" in origin(entry)
    person.accounts.profiles.change(replace(profile, base_url="https://ollama.example/v1"))
    assert window.sidebar.status._icon == window.composer.destination._mark == "cloud"
    person.desk.reading.refresh()
    assert person.transcript.entries()[-1].here  # where it came from did not change


def test_each_conversation_shows_its_own_model(person: Person) -> None:
    person.desk.models.on_state(READY)
    person.send("Local").finish("1")
    local = person.current
    person.desk.conversations.new()
    choose(person, provider(person))
    person.send("Remote").finish("2")
    remote = person.current
    person.desk.conversations.open(local)
    assert person.window.header.model_button.text() == "SmolLM2"
    assert person.window.sidebar.status.text() == "offline"
    person.desk.conversations.open(remote)
    assert person.window.header.model_button.text() == "open-mixtral"
    assert person.window.sidebar.status.text() == "Mistral"


def test_loading_is_shown_only_where_a_local_model_answers(person: Person) -> None:
    choose(person, provider(person))
    person.desk.models.on_state(ModelState("loading", "SmolLM2", 0.5))
    assert "50%" not in button_tip(person)
    assert person.window.header._fraction is None
    person.desk.models.use("")
    assert "50%" in button_tip(person)


def test_a_renamed_provider_is_called_by_its_new_name(person: Person) -> None:
    profile = provider(person)
    choose(person, profile)
    person.accounts.profiles.change(replace(profile, name="Mistral AI"))
    assert person.window.sidebar.status.text() == "Mistral AI"


def test_the_context_of_a_remote_model_is_unknown_until_it_is_told(person: Person) -> None:
    person.desk.models.on_state(READY)
    person.send("Hello").finish("Hi")
    meter = person.window.header.meter
    assert meter.text().endswith("%")
    choose(person, provider(person))
    asked(person).send_button.click()
    assert "%" not in meter.text()
    assert "does not tell" in meter.toolTip()
    run = person.send("More")
    run.deliver(Started("open-mixtral", 32_768, 3_276, estimated=True, provider="Mistral"))
    assert meter.text() == "≈10%"


# -- a provider that is gone -----------------------------------------------------------------------


def test_a_conversation_whose_provider_is_gone_says_so_and_another_model_mends_it(
    person: Person,
) -> None:
    person.desk.models.on_state(READY)
    profile = provider(person)
    choose(person, profile)
    person.send("Hello").finish("Hi")
    person.accounts.profiles.remove(profile.id)
    person.qtbot.waitUntil(lambda: "not set up here any more" in button_tip(person))
    person.window.composer.field.set_text("More")
    person.key(Qt.Key.Key_Return)
    assert "Nothing was sent" in person.toasts
    assert person.text == "More"
    assert len(person.provider.runs) == 1
    action = person.window.toasts.findChild(QPushButton, "toastAction")
    assert isinstance(action, QPushButton)
    action.click()
    assert person.window.findChild(ModelPicker) is not None
    person.desk.models.use("")
    person.window.composer.focus()
    person.key(Qt.Key.Key_Return)
    assert person.provider.last.request.model is None


def test_the_same_provider_added_again_goes_on(person: Person) -> None:
    profile = provider(person)
    choose(person, profile)
    person.send("Hello").finish("Hi")
    person.accounts.profiles.remove(profile.id)
    provider(person)
    assert "goes to api.mistral.ai" in button_tip(person)
    assert person.send("More").request.model == f"{profile.id}:open-mixtral"


def test_a_provider_removed_while_it_answers_does_not_lose_the_reply(person: Person) -> None:
    profile = provider(person)
    choose(person, profile)
    run = person.send("Hello")
    run.say("Half ")
    person.accounts.profiles.remove(profile.id)
    run.finish("and whole")
    person.qtbot.waitUntil(lambda: person.shown() == ["Hello", "Half and whole"])


# -- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [KeyProblem("Mistral refused the key.", "Replace it."), KeyringError("The keyring is locked.")],
)
def test_what_is_wrong_with_a_key_can_be_mended_from_where_it_is_told(
    person: Person, error: ProviderError, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def show(profile_id: str, *, key: bool) -> None:
        assert key
        opened.append(profile_id)

    monkeypatch.setattr(person.desk.commands, "show_providers", show)
    profile = provider(person)
    choose(person, profile)
    person.send("Hello").deliver(Failed(error))
    assert error.what in person.toasts
    action = person.window.toasts.findChild(QPushButton, "toastAction")
    assert isinstance(action, QPushButton)
    assert action.text() == "Add or replace the key"
    assert not person.desk.commands.actions["undo"].isEnabled()
    action.click()
    assert opened == [profile.id]


def test_another_error_of_a_provider_is_told_by_its_reply_alone(person: Person) -> None:
    choose(person, provider(person))
    person.send("Hello").deliver(Failed(ProviderError("Mistral is busy.")))
    assert person.toasts == ""
    assert "busy" in person.transcript.entries()[-1].error


# -- the picker ------------------------------------------------------------------------------------


def picker(person: Person) -> ModelPicker:
    person.desk.commands.actions["models"].trigger()
    found = person.window.findChild(ModelPicker)
    assert found is not None
    return found


def test_ctrl_m_offers_what_there_is_here_and_elsewhere(person: Person) -> None:
    provider(person, url="http://127.0.0.1:9/v1")
    shown = picker(person)
    person.qtbot.waitUntil(lambda: "SmolLM2 135M Instruct" in shown.texts())
    assert "Mistral" in shown.texts()
    assert "open-mixtral" in shown.texts()
    person.qtbot.waitUntil(lambda: any(row.kind == "error" for row in shown.rows.rows))


def test_a_remote_model_is_chosen_in_the_picker(person: Person) -> None:
    profile = provider(person, url="http://127.0.0.1:9/v1")
    shown = picker(person)
    person.qtbot.keyClicks(shown.search, "mixtral")
    person.qtbot.keyClick(shown.search, Qt.Key.Key_Return)
    assert person.window.composer.field.hasFocus()
    assert person.send("Hello").request.model == f"{profile.id}:open-mixtral"


def test_the_picker_makes_a_model_that_of_new_chats(person: Person) -> None:
    profile = provider(person, url="http://127.0.0.1:9/v1")
    shown = picker(person)
    person.qtbot.keyClicks(shown.search, "mixtral")
    person.qtbot.keyClick(shown.search, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert person.settings.values.model.default == f"{profile.id}:open-mixtral"
    assert "New chats use open-mixtral from now on" in person.toasts
    shown.reject()
    assert person.send("Hello").request.model == f"{profile.id}:open-mixtral"


def test_ctrl_m_closes_what_it_opened(person: Person) -> None:
    shown = picker(person)
    person.desk.commands.actions["models"].trigger()
    assert not shown.isVisible()


def test_the_picker_leads_to_the_model_manager(person: Person) -> None:
    picker(person).models_button.click()
    found = person.window.findChild(ModelsDialog)
    assert found is not None
    found.close()


# -- what is remembered ----------------------------------------------------------------------------


def test_agreement_is_for_one_conversation_and_one_address(person: Person) -> None:
    consents = Consents(person.store.state)
    here, there = Origin.of("https://a.example"), Origin.of("https://b.example")
    consents.give("one", here)
    assert consents.given("one", here)
    assert not consents.given("one", there)
    assert not consents.given("two", here)
    consents.give("one", there)
    consents.give("one", here)
    assert consents.origins("one") == ["https://a.example", "https://b.example"]
    consents.give("two", here)
    consents.withdraw("one")
    assert consents.origins("one") == []
    assert consents.given("two", here)
    person.store.state.set("consent.one", "nonsense")
    assert not consents.given("one", here)


# -- the manager of the providers ------------------------------------------------------------------


def test_the_manager_of_the_providers_opens_at_the_one_that_is_meant(person: Person) -> None:
    provider(person, "Alpha", "http://127.0.0.1:9/v1")
    wanted = provider(person, "Beta", "http://127.0.0.1:9/v1")
    person.desk.commands.show_providers(wanted.id)
    found = person.window.findChild(ProvidersDialog)
    assert found is not None
    assert found.editor.profile is not None
    assert found.editor.profile.id == wanted.id
    found.close()


def test_the_picker_leads_to_the_manager_of_the_providers(person: Person) -> None:
    picker(person).providers_button.click()
    found = person.window.findChild(ProvidersDialog)
    assert found is not None
    found.close()


def test_the_window_closes_with_the_manager_open(person: Person) -> None:
    provider(person, url="http://127.0.0.1:9/v1")
    person.desk.commands.actions["providers"].trigger()
    person.end()
    person.start()
