"""The providers' dialog in the whole window: the ways to it, and what the window does after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QWidget

from chatdesk.ui.providers import ProvidersDialog
from chatdesk.ui.settings import SettingsDialog

if TYPE_CHECKING:
    from tests.ui.conftest import Person

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)


def dialog(person: Person) -> ProvidersDialog:
    person.qtbot.waitUntil(lambda: person.window.findChild(ProvidersDialog) is not None)
    found = person.window.findChild(ProvidersDialog)
    assert found is not None
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
