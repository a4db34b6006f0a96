"""The dialog of the providers: adding, changing, removing, and never losing what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QWidget

from chatdesk.paths import DataDir
from chatdesk.providers.profiles import PRESETS, Accounts, Profiles

if TYPE_CHECKING:
    from tests.ui.providers.conftest import Hands

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)


def names(accounts: Accounts) -> list[str]:
    return [profile.name for profile in accounts.profiles.list()]


# -- adding ----------------------------------------------------------------------------------------


def test_without_providers_it_says_what_one_is_and_that_local_stays_the_default(
    hands: Hands,
) -> None:
    words = hands.dialog.empty.text()
    assert "server that answers with models of its own" in words
    assert "run on this computer" in words
    assert hands.dialog.empty.button.hasFocus()
    assert not hands.shows("saveProviderButton") and not hands.shows("removeProviderButton")


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_enter_presses_the_button_that_has_the_focus(hands: Hands, key: Qt.Key) -> None:
    hands.qtbot.keyClick(hands.dialog.empty.button, key)
    assert hands.dialog.chooser.isVisible()
    back = hands.dialog.chooser.back_button
    back.setFocus()
    hands.qtbot.keyClick(back, key)
    assert hands.dialog.empty.isVisible()


def test_every_kind_is_offered_with_a_line_about_it(hands: Hands) -> None:
    hands.click("addFirstProviderButton")
    offers = hands.dialog.chooser.offers
    texts = [
        str(offers.index(at).data(Qt.ItemDataRole.AccessibleTextRole))
        for at in range(offers.rowCount())
    ]
    assert len(texts) == len(PRESETS)
    for preset, text in zip(PRESETS.values(), texts, strict=True):
        assert text.startswith(preset.name)
        assert len(text) > len(preset.name) + 10


def test_what_leaves_the_computer_is_told_from_what_stays_on_it(hands: Hands) -> None:
    hands.dialog.add()
    offers = hands.dialog.chooser.offers
    role = Qt.ItemDataRole.AccessibleTextRole
    texts = [str(offers.index(at).data(role)) for at in range(offers.rowCount())]
    assert "Leaves this computer" in next(text for text in texts if text.startswith("Mistral"))
    assert "This computer" in next(text for text in texts if text.startswith("Ollama"))


@pytest.mark.parametrize(
    ("typed", "first"), [("mist", "mistral"), ("11434", "ollama"), ("hugging face", "tgi")]
)
def test_kinds_are_found_by_name_address_and_description(
    hands: Hands, typed: str, first: str
) -> None:
    hands.dialog.add()
    hands.qtbot.keyClicks(hands.dialog.chooser.search, typed)
    with hands.qtbot.waitSignal(hands.dialog.chooser.chosen) as chosen:
        hands.qtbot.keyClick(hands.dialog.chooser.search, Qt.Key.Key_Return)
    assert chosen.args == [first]


def test_a_search_that_finds_nothing_points_to_the_general_kind(hands: Hands) -> None:
    hands.dialog.add()
    hands.qtbot.keyClicks(hands.dialog.chooser.search, "zzz")
    assert hands.dialog.chooser.nothing.isVisible()
    assert "“Other”" in hands.dialog.chooser.nothing.text()
    hands.qtbot.keyClick(hands.dialog.chooser.search, Qt.Key.Key_Escape)
    assert hands.dialog.chooser.search.text() == ""
    assert not hands.dialog.chooser.nothing.isVisible()
    hands.qtbot.keyClick(hands.dialog.chooser.search, Qt.Key.Key_Escape)
    assert hands.dialog.empty.isVisible()


def test_whatever_has_the_focus_is_called_something(hands: Hands) -> None:
    hands.begin("tgi")
    for widget in hands.dialog.findChildren(QWidget):
        if widget.isVisibleTo(hands.dialog) and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            spoken = QAccessible.queryAccessibleInterface(widget)
            assert spoken.text(QAccessible.Text.Name), widget
    assert hands.form.models.model.line.accessibleName() == "Default model"
    assert "first one" in hands.form.models.model.line.accessibleDescription()


def test_escape_leads_back_to_the_kinds_while_nothing_was_written(
    hands: Hands, accounts: Accounts
) -> None:
    hands.begin("mistral")
    hands.qtbot.keyClick(hands.key.entry, Qt.Key.Key_Escape)
    assert hands.dialog.chooser.isVisible() and hands.dialog.chooser.search.hasFocus()
    hands.qtbot.keyClick(hands.dialog.chooser.search, Qt.Key.Key_Escape)
    assert hands.dialog.empty.isVisible()
    assert accounts.profiles.list() == []


def test_the_arrows_lead_from_the_search_into_the_list(hands: Hands) -> None:
    hands.dialog.add()
    chooser = hands.dialog.chooser
    hands.qtbot.keyClick(chooser.search, Qt.Key.Key_Down)
    assert chooser.list.hasFocus() and chooser.list.currentIndex().row() == 1
    with hands.qtbot.waitSignal(chooser.chosen) as chosen:
        hands.qtbot.keyClick(chooser.list, Qt.Key.Key_Return)
    assert chosen.args == ["mistral"]


def test_a_local_server_is_added_with_two_keys(hands: Hands, accounts: Accounts) -> None:
    hands.begin("ollama")
    assert hands.form.goes.text() == (
        "What you write goes to Ollama, another program on this computer (localhost:11434)."
    )
    assert not hands.key.isVisible()
    hands.qtbot.keyClick(hands.form.name_line, Qt.Key.Key_Return)
    hands.wait()
    (profile,) = accounts.profiles.list()
    assert (profile.name, profile.base_url) == ("Ollama", "http://localhost:11434/v1")
    assert hands.vault.stored == {}


def test_a_second_one_of_a_kind_gets_a_free_name(hands: Hands, accounts: Accounts) -> None:
    for _ in range(3):
        hands.begin("ollama")
        hands.save()
    assert names(accounts) == ["Ollama", "Ollama 2", "Ollama 3"]


def test_nothing_is_added_before_it_is_saved(hands: Hands, accounts: Accounts) -> None:
    hands.begin("mistral")
    hands.click("discardProviderButton")
    assert names(accounts) == []
    assert hands.dialog.empty.isVisible()


def test_all_fields_are_saved(hands: Hands, accounts: Accounts, data: DataDir) -> None:
    hands.begin("tgi", name="Inference", url="https://tgi.example/generate-here")
    form = hands.form
    hands.type(form.models.model.line, "mixtral")
    form.models.by_hand_lines.setPlainText("mixtral\nfalcon-7b\n")
    form.models.context_spin.setValue(32_768)
    form.special.template_combo.setCurrentIndex(form.special.template_combo.findData("mistral"))
    form.special.headers_lines.setPlainText("X-Team: reading room\n\nX-Title: Chatdesk")
    hands.save()
    (profile,) = Profiles(data).list()
    assert profile.base_url == "https://tgi.example/generate-here"
    assert profile.default_model == "mixtral"
    assert profile.models == ("mixtral", "falcon-7b")
    assert profile.context_size == 32_768
    assert profile.template == "mistral"
    assert profile.headers == (("X-Team", "reading room"), ("X-Title", "Chatdesk"))
    assert not hands.editor.dirty
    assert hands.dialog.said.text() == "Saved."


def test_the_template_is_asked_for_only_where_chatdesk_makes_the_prompt(hands: Hands) -> None:
    hands.begin("tgi")
    assert hands.form.special.template.isVisible()
    hands.begin("tgi-openai")
    assert not hands.form.special.template.isVisible()


# -- errors stand at their fields ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("providerName", "", "no name"),
        ("providerName", "a:b", "colon"),
        ("providerUrl", "", "address of the server"),
        ("providerUrl", "ftp://x.example", "https://"),
        ("providerUrl", "https://key@x.example", "user name"),
    ],
)
def test_what_cannot_be_saved_is_told_at_its_field(
    hands: Hands, accounts: Accounts, field: str, value: str, words: str
) -> None:
    hands.begin("mistral")
    hands.type(hands.find(field), value)
    hands.click("saveProviderButton")
    error = hands.find(f"{field}.error")
    assert words in error.text() and error.isVisible()
    assert hands.find(field).property("invalid") is True
    assert words in hands.find(field).accessibleDescription()
    assert hands.find(field).hasFocus()
    assert names(accounts) == []
    hands.type(hands.find(field), "https://x.example" if field == "providerUrl" else "Name")
    assert not error.isVisible()


def test_a_name_can_be_taken_only_once(hands: Hands, accounts: Accounts) -> None:
    hands.begin("ollama")
    hands.save()
    hands.begin("ollama", name="OLLAMA")
    hands.click("saveProviderButton")
    assert "already" in hands.find("providerName.error").text()
    assert names(accounts) == ["Ollama"]


@pytest.mark.parametrize("line", ["no colon", "Authorization: Bearer x", "Host: elsewhere"])
def test_headers_that_cannot_be_sent_are_told(hands: Hands, accounts: Accounts, line: str) -> None:
    hands.begin("ollama")
    hands.form.special.headers_lines.setPlainText(line)
    hands.click("saveProviderButton")
    assert hands.find("providerHeaders.error").isVisible()
    assert names(accounts) == []


def test_plain_http_to_another_computer_needs_a_switch(hands: Hands, accounts: Accounts) -> None:
    hands.begin("custom", name="Lab", url="http://lab.example:8000/v1")
    assert hands.find("unencryptedWarning").text() == (
        "What you write and the key would travel unencrypted to lab.example:8000."
    )
    hands.click("saveProviderButton")
    assert hands.find("providerUrl.error").isVisible()
    assert names(accounts) == []
    hands.find("allowHttp").click()
    hands.save()
    (profile,) = accounts.profiles.list()
    assert profile.allow_http
    # Another address is not meant by it.
    hands.type(hands.form.address.line, "http://other.example/v1")
    assert not hands.find("allowHttp").isChecked()


@pytest.mark.parametrize("url", ["http://localhost:1/v1", "http://127.0.0.1", "https://x.example"])
def test_nothing_is_warned_of_that_cannot_be_read_on_the_way(hands: Hands, url: str) -> None:
    hands.begin("custom", name="Server", url=url)
    assert not hands.shows("unencryptedWarning") and not hands.shows("allowHttp")


# -- changing --------------------------------------------------------------------------------------


def test_renaming_changes_only_the_name(hands: Hands, accounts: Accounts) -> None:
    hands.begin("mistral", key="sk-first")
    hands.save()
    (before,) = accounts.profiles.list()
    hands.dialog.list.setFocus()
    hands.qtbot.keyClick(hands.dialog.list, Qt.Key.Key_F2)
    assert hands.form.name_line.hasFocus() and hands.form.name_line.selectedText() == "Mistral"
    hands.type(hands.form.name_line, "Work")
    hands.qtbot.keyClick(hands.form.name_line, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    hands.wait()
    (after,) = accounts.profiles.list()
    assert (after.id, after.name) == (before.id, "Work")
    assert hands.vault.texts == ["sk-first"]


def test_going_to_another_provider_asks_what_to_do_with_changes(
    hands: Hands, accounts: Accounts
) -> None:
    hands.begin("ollama")
    hands.save()
    hands.begin("lmstudio")
    hands.save()
    ollama, lmstudio = (profile.id for profile in reversed(accounts.profiles.list()))
    assert hands.editor.profile and hands.editor.profile.id == lmstudio
    hands.type(hands.form.name_line, "Studio")

    hands.dialog.select(ollama)
    hands.answer("")
    assert hands.editor.profile.id == lmstudio and hands.form.name_line.text() == "Studio"
    hands.qtbot.waitUntil(
        lambda: hands.dialog.list.currentIndex() == hands.dialog.rows.index_of(lmstudio)
    )

    hands.dialog.select(ollama)
    hands.answer("save")
    hands.qtbot.waitUntil(lambda: hands.editor.profile and hands.editor.profile.id == ollama)
    assert names(accounts) == ["Ollama", "Studio"]

    hands.type(hands.form.name_line, "Lost")
    hands.dialog.select(lmstudio)
    hands.answer("discard")
    assert hands.editor.profile.id == lmstudio
    assert names(accounts) == ["Ollama", "Studio"]


def test_changes_that_cannot_be_saved_keep_the_person_there(
    hands: Hands, accounts: Accounts
) -> None:
    hands.begin("ollama")
    hands.save()
    hands.begin("lmstudio", name="")
    hands.form.name_line.clear()
    hands.dialog.select(accounts.profiles.list()[0].id)
    hands.answer("save")
    assert hands.editor.new
    assert hands.find("providerName.error").isVisible()


def test_closing_asks_what_to_do_with_changes(hands: Hands, accounts: Accounts) -> None:
    hands.begin("ollama", name="Kitchen")
    hands.qtbot.keyClick(hands.form.name_line, Qt.Key.Key_Escape)
    assert hands.dialog.isVisible()
    hands.answer("")
    hands.dialog.close()
    assert hands.dialog.isVisible()
    hands.answer("save")
    hands.qtbot.waitUntil(lambda: not hands.dialog.isVisible())
    assert names(accounts) == ["Kitchen"]


def test_closing_without_changes_asks_nothing(hands: Hands) -> None:
    hands.begin("ollama")
    hands.save()
    hands.qtbot.keyClick(hands.form.name_line, Qt.Key.Key_Escape)
    assert not hands.dialog.isVisible()


def test_what_another_window_or_the_command_line_changes_is_shown(
    hands: Hands, accounts: Accounts
) -> None:
    accounts.profiles.add("Mistral", "mistral")
    hands.qtbot.waitUntil(lambda: hands.dialog.rows.rowCount() == 1)
    assert hands.form.heading.text() == "Mistral"
    accounts.profiles.remove(accounts.profiles.list()[0].id)
    hands.qtbot.waitUntil(lambda: hands.dialog.empty.isVisible())


def test_what_is_being_written_survives_changes_from_elsewhere(
    hands: Hands, accounts: Accounts
) -> None:
    hands.begin("mistral", key="sk-half")
    accounts.profiles.add("Ollama", "ollama")
    hands.qtbot.waitUntil(lambda: hands.dialog.rows.rowCount() == 1)
    assert hands.editor.new and hands.key.entry.entered() == "sk-half"


def test_a_disk_that_cannot_be_written_to_is_told_and_nothing_is_lost(
    hands: Hands, data: DataDir
) -> None:
    lock = data.root / ".providers.json.lock"
    lock.mkdir()
    hands.begin("ollama", name="Kitchen")
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: bool(hands.form.error.text()))
    assert "could not be saved" in hands.form.error.text()
    assert hands.form.name_line.text() == "Kitchen"
    lock.rmdir()
    hands.save()
    assert json.loads((data.root / "providers.json").read_text())["providers"]


# -- removing --------------------------------------------------------------------------------------


def test_removing_asks_and_deletes_the_key(hands: Hands, accounts: Accounts) -> None:
    hands.begin("mistral", key="sk-first")
    hands.save()
    hands.dialog.list.setFocus()
    hands.qtbot.keyClick(hands.dialog.list, Qt.Key.Key_Delete)
    question = hands.question()
    assert "Its key is deleted" in question.accessibleDescription()
    assert "keep their text" in question.accessibleDescription()
    question.choices[""].click()
    assert names(accounts) == ["Mistral"] and hands.vault.texts == ["sk-first"]
    hands.click("removeProviderButton")
    hands.answer("remove")
    hands.wait()
    assert names(accounts) == [] and hands.vault.texts == []
    assert hands.dialog.empty.isVisible()


def test_the_harmless_answer_has_the_focus(hands: Hands) -> None:
    hands.begin("ollama")
    hands.save()
    hands.click("removeProviderButton")
    question = hands.question()
    assert question.focusWidget() is question.choices[""]
    hands.qtbot.keyClick(question, Qt.Key.Key_Escape)
    assert hands.dialog.rows.rowCount() == 1


# -- hands and ears --------------------------------------------------------------------------------


def test_everything_can_be_reached_and_is_named(hands: Hands) -> None:
    hands.begin("custom", name="Lab", url="http://lab.example")
    for widget in hands.dialog.findChildren(QWidget):
        takes_keys = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if takes_keys and widget.isVisible() and widget.focusProxy() is None:
            text = getattr(widget, "text", str)()
            assert widget.accessibleName() or text, widget


def test_tab_goes_through_the_form_in_reading_order(hands: Hands) -> None:
    hands.begin("mistral")
    form = hands.form
    order = [
        form.name_line,
        form.address.line,
        form.key.entry,
        form.environment.switch,
        form.strip.button,
        form.models.model.combo,
        form.models.model.refresh_button,
        form.models.by_hand_lines,
        form.models.context_spin,
        form.special.headers_lines,
        hands.find("discardProviderButton"),
        hands.find("saveProviderButton"),
        hands.find("closeButton"),
    ]
    order[0].setFocus()
    for here in order[1:]:
        hands.qtbot.keyClick(hands.dialog.focusWidget(), Qt.Key.Key_Tab)
        assert hands.dialog.focusWidget() is here, here.objectName()


def test_a_provider_can_be_shown_from_the_start(
    opened: Callable[[], Hands], accounts: Accounts
) -> None:
    accounts.profiles.add("Mistral", "mistral")
    last = accounts.profiles.add("Ollama", "ollama")
    hands = opened()
    hands.dialog.select(last.id)
    assert hands.form.heading.text() == "Ollama"
    assert hands.row_texts() == [
        "Mistral, leaves this computer and goes to api.mistral.ai, no key",
        "Ollama, goes to Ollama, another program on this computer (localhost:11434)",
    ]


def test_the_scheme_can_change_while_it_is_open(hands: Hands) -> None:
    hands.begin("mistral")
    hands.dialog.theme.configure(mode="dark")
    hands.dialog.theme.configure(mode="light")
    assert hands.form.heading.text() == "New provider: Mistral"
