"""The providers' dialog in the whole window: the ways to it, and what the window does after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QPushButton, QWidget

from chatdesk.chat.events import Failed
from chatdesk.credentials import Secret
from chatdesk.providers.remote.problems import KeyProblem
from chatdesk.ui.providers import ProvidersDialog
from chatdesk.ui.providers.question import Question
from chatdesk.ui.settings import SettingsDialog

if TYPE_CHECKING:
    from tests.ui.conftest import Person

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)


def dialog(person: Person) -> ProvidersDialog:
    found = next(one for one in person.window.findChildren(ProvidersDialog) if one.isVisible())
    person.qtbot.waitExposed(found)
    return found


def test_the_action_opens_it(person: Person) -> None:
    person.desk.commands.actions["providers"].trigger()
    assert dialog(person).isVisible()
    dialog(person).close()


def test_the_settings_open_it_and_are_there_again_afterwards(person: Person) -> None:
    person.desk.commands.show_settings()
    settings = person.window.findChild(SettingsDialog)
    assert settings is not None
    settings.show_group("providers")
    button = settings.findChild(QWidget, "manageProvidersButton")
    assert button is not None
    button.click()  # type: ignore[attr-defined]
    assert dialog(person).parent() is settings
    dialog(person).close()
    assert settings.isVisible()
    settings.close()


def test_a_provider_that_was_added_can_be_chosen_at_once(person: Person) -> None:
    person.desk.commands.show_providers()
    providers = dialog(person)
    providers.begin("ollama")
    providers.save()
    person.qtbot.waitUntil(lambda: not providers.editor.busy)
    (profile,) = person.accounts.profiles.list()
    providers.close()
    person.desk.answering.choose_remote(f"{profile.id}:tiny")
    assert "tiny" in person.window.header.model_button.text()


def test_the_window_closes_over_a_dialog_that_has_unsaved_changes(person: Person) -> None:
    person.desk.commands.show_providers()
    dialog(person).begin("mistral")
    # The end of the test closes the window, and nothing may be left behind.


def remove(person: Person, profile_id: str) -> None:
    """Remove a provider in the dialog."""
    person.desk.commands.show_providers(profile_id)
    providers = dialog(person)
    providers.editor.remove()
    question = providers.findChild(Question)
    assert question is not None
    question.choices["remove"].click()
    person.qtbot.waitUntil(lambda: person.accounts.profiles.named(profile_id) is None)
    person.qtbot.waitUntil(lambda: not providers.editor.busy)
    providers.close()


def give_key(person: Person, profile_id: str, place: str) -> None:
    """Give a provider a key in the dialog."""
    person.desk.commands.show_providers(profile_id)
    providers = dialog(person)
    editor = providers.editor
    person.qtbot.waitUntil(lambda: editor.form.key.state.place == "none")
    person.qtbot.keyClicks(editor.form.key.entry, "another-key")
    with person.qtbot.waitSignal(editor.key_given):
        if place == "keyring":
            providers.save()
        else:
            editor.form.key.memory_requested.emit()
    providers.close()


@pytest.mark.parametrize("kept", [False, True])
def test_the_way_from_a_refused_key_ends_at_the_key(person: Person, kept: bool) -> None:
    profile = person.accounts.profiles.add("Mistral", "mistral")
    if kept:
        person.accounts.set_key(profile, Secret("old"))
    person.desk.answering.choose_remote(f"{profile.id}:model")
    person.send("Hello").deliver(Failed(KeyProblem("Mistral refused the key.", "Replace it.")))
    action = person.window.toasts.findChild(QPushButton, "toastAction")
    assert isinstance(action, QPushButton)
    action.click()
    key = dialog(person).editor.form.key
    wanted = key.replace_button if kept else key.entry
    person.qtbot.waitUntil(lambda: dialog(person).focusWidget() is wanted)
    dialog(person).close()


@pytest.mark.parametrize("place", ["keyring", "memory"])
def test_a_key_that_is_given_ends_what_was_said_of_the_old_one(person: Person, place: str) -> None:
    told = "Mistral refused the key."
    other = person.accounts.profiles.add("Groq", "groq")
    profile = person.accounts.profiles.add("Mistral", "mistral")
    person.desk.answering.choose_remote(f"{profile.id}:model")
    person.send("Hello").deliver(Failed(KeyProblem(told, "Replace it.")))
    give_key(person, other.id, place)
    assert person.window.toasts.texts == [told]
    give_key(person, profile.id, place)
    assert person.window.toasts.texts == []


@pytest.mark.parametrize("default", ["mistral:large", "Mistral:", "MISTRAL:large", "ID:large"])
def test_new_chats_are_local_again_when_their_provider_is_removed(
    person: Person, default: str
) -> None:
    profile = person.accounts.profiles.add("Mistral", "mistral")
    person.settings.set("model.default", default.replace("ID", profile.id))
    remove(person, profile.id)
    assert person.settings.values.model.default == ""
    assert "New chats use the model on this computer again" in person.toasts
    # Nor does one of the same name, that is added later, become what they begin with.
    person.accounts.profiles.add("Mistral", "mistral")
    assert person.send("Hello").request.model is None


@pytest.mark.parametrize("default", ["groq:fast", "", "C:\\models\\mistral.gguf", "mistral"])
def test_removing_a_provider_changes_no_other_default(person: Person, default: str) -> None:
    person.accounts.profiles.add("Groq", "groq")
    profile = person.accounts.profiles.add("Mistral", "mistral")
    person.settings.set("model.default", default)
    remove(person, profile.id)
    assert person.settings.values.model.default == default
