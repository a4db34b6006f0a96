"""Keys in the dialog: kept in the keyring, shown nowhere, and what is said where that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, QObject, Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from chatdesk.credentials import Secret
from chatdesk.credentials.problems import locked, no_keyring, timed_out
from chatdesk.providers.profiles import Accounts

if TYPE_CHECKING:
    from tests.ui.providers.conftest import Hands

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

KEY = "sk-Zq7-never-to-be-seen-42"


def shown(window: QObject) -> Iterator[str]:
    """Every text of a window that a person or a screen reader can get at."""
    for thing in [window, *window.findChildren(QObject)]:
        for name in (name.data().decode() for name in thing.dynamicPropertyNames()):
            with suppress(RuntimeError):  # Qt's own, which Python cannot read
                yield str(thing.property(name))
        yield thing.objectName()
        if not isinstance(thing, QWidget):
            continue
        meta = thing.metaObject()
        for at in range(meta.propertyCount()):
            if isinstance(thing, QLineEdit) and meta.property(at).name() == "text":
                yield thing.displayText()
            else:
                yield str(meta.property(at).read(thing))
        if isinstance(thing, QComboBox):
            yield from (thing.itemText(row) for row in range(thing.count()))
        interface = QAccessible.queryAccessibleInterface(thing)
        if interface is not None:
            for kind in QAccessible.Text:
                if kind != QAccessible.Text.UserText:
                    yield interface.text(kind)
            text = interface.textInterface()
            if text is not None:
                yield text.text(0, text.characterCount())


def saved(hands: Hands, key: str = KEY) -> None:
    hands.begin("mistral", key=key)
    hands.save()


# -- what is kept, and where it shows --------------------------------------------------------------


def test_a_key_goes_to_the_keyring_and_out_of_every_widget(
    hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    saved(hands)
    assert hands.vault.texts == [KEY]
    assert hands.key.words.text() == "Saved in the keyring (Dictionary)"
    assert hands.key.entry.text() == "" and not hands.key.entry.isVisible()
    assert not any(KEY in text for text in shown(hands.dialog))
    assert KEY not in caplog.text
    assert any("key saved" in text for text in hands.row_texts())


def test_not_even_while_it_is_typed_is_it_readable(hands: Hands) -> None:
    hands.begin("mistral", key=KEY)
    assert hands.key.entry.entered() == KEY
    assert not any(KEY in text for text in shown(hands.dialog))
    hands.key.entry.setEchoMode(QLineEdit.EchoMode.Normal)  # the net would catch it
    assert any(KEY in text for text in shown(hands.dialog))


def test_undo_and_redo_bring_no_saved_key_back(hands: Hands) -> None:
    saved(hands)
    hands.click("replaceKeyButton")
    for bring_back in (hands.key.entry.undo, hands.key.entry.redo):
        bring_back()
        assert hands.key.entry.entered() == ""


def test_a_key_can_be_pasted_but_not_copied_cut_or_dragged_out(hands: Hands) -> None:
    hands.begin("mistral")
    clipboard = QGuiApplication.clipboard()
    clipboard.setText(f"  {KEY}\n")
    entry = hands.key.entry
    entry.setFocus()
    hands.qtbot.keyClick(entry, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    clipboard.setText("something else")
    entry.selectAll()
    for key in (Qt.Key.Key_C, Qt.Key.Key_X):
        hands.qtbot.keyClick(entry, key, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text() == "something else"
    assert not entry.dragEnabled()
    hands.save()
    assert hands.vault.texts == [KEY]  # without what came along


def test_input_methods_are_told_that_it_is_a_secret(hands: Hands) -> None:
    hints = hands.key.entry.inputMethodHints()
    for hint in (
        Qt.InputMethodHint.ImhHiddenText,
        Qt.InputMethodHint.ImhSensitiveData,
        Qt.InputMethodHint.ImhNoPredictiveText,
    ):
        assert hints & hint
    assert hands.key.entry.echoMode() == QLineEdit.EchoMode.Password


def test_the_fields_menu_has_no_way_out_for_the_key(hands: Hands) -> None:
    hands.begin("mistral", key=KEY)
    menu = hands.key.entry.menu()
    assert [action.text() for action in menu.actions()] == ["Paste", "Clear"]
    menu.actions()[1].trigger()
    menu.deleteLater()
    assert hands.key.entry.entered() == ""


@pytest.mark.parametrize("text", ["two\nlines", "ключ", "x" * 9000])
def test_what_cannot_be_a_key_is_told_without_repeating_it(
    hands: Hands, accounts: Accounts, text: str
) -> None:
    hands.begin("mistral")
    mime = QMimeData()
    mime.setText(text)
    QGuiApplication.clipboard().setMimeData(mime)
    hands.key.entry.paste()
    hands.click("saveProviderButton")
    error = hands.find("providerKey.error")
    assert error.isVisible() and text not in error.text()
    assert accounts.profiles.list() == []


def test_a_key_is_replaced_only_when_the_new_one_is_saved(hands: Hands) -> None:
    saved(hands, "sk-old")
    hands.click("replaceKeyButton")
    assert hands.key.entry.hasFocus()
    hands.type(hands.key.entry, "sk-new")
    hands.click("keepKeyButton")
    assert hands.key.entry.entered() == "" and not hands.editor.dirty
    hands.click("replaceKeyButton")
    hands.type(hands.key.entry, "sk-new")
    hands.qtbot.keyClick(hands.key.entry, Qt.Key.Key_Return)
    hands.wait()
    assert hands.vault.texts == ["sk-new"]
    assert hands.key.replace_button.hasFocus()


def test_a_typed_key_is_not_lost_silently(hands: Hands, accounts: Accounts) -> None:
    saved(hands)
    hands.click("replaceKeyButton")
    hands.type(hands.key.entry, "sk-new")
    hands.dialog.close()
    assert "not saved" in hands.question().accessibleDescription()
    hands.answer("discard")
    assert not hands.dialog.isVisible() and hands.vault.texts == [KEY]


def test_deleting_a_key_asks_because_it_cannot_be_undone(hands: Hands) -> None:
    saved(hands)
    hands.click("removeKeyButton")
    assert "cannot be brought back" in hands.question().accessibleDescription()
    hands.answer("")
    assert hands.vault.texts == [KEY]
    hands.click("removeKeyButton")
    hands.answer("delete")
    hands.wait()
    assert hands.vault.texts == []
    assert hands.key.entry.isVisible()
    assert any("no key" in text for text in hands.row_texts())


# -- a key belongs to an origin --------------------------------------------------------------------


def test_another_address_forgets_the_key_and_says_so_before(
    hands: Hands, accounts: Accounts
) -> None:
    saved(hands)
    hands.type(hands.form.address.line, "https://proxy.example/v1")
    assert hands.find("keyForgottenNotice").text() == (
        "The key was given for https://api.mistral.ai. It is forgotten when you save; give the key "
        "for https://proxy.example again."
    )
    assert hands.key.entry.isVisible()
    hands.save()
    assert hands.vault.texts == []
    assert not hands.shows("keyForgottenNotice")


def test_going_back_to_the_old_address_keeps_the_key(hands: Hands) -> None:
    saved(hands)
    hands.type(hands.form.address.line, "https://proxy.example")
    hands.type(hands.form.address.line, "https://API.mistral.ai:443/v2")
    assert not hands.shows("keyForgottenNotice")
    assert hands.key.words.text() == "Saved in the keyring (Dictionary)"
    hands.save()
    assert hands.vault.texts == [KEY]


def test_a_server_that_asks_for_none_any_more_loses_its_key(hands: Hands) -> None:
    hands.begin("custom", name="Lab", url="https://lab.example", key=KEY)
    hands.save()
    hands.find("needsKey").click()
    assert "deleted when you save" in hands.form.needs_key.help.text()
    hands.save()
    assert hands.vault.texts == []


def test_a_key_given_to_a_server_that_needs_none_can_be_seen_and_removed(
    opened: Callable[[], Hands], accounts: Accounts
) -> None:
    profile = accounts.profiles.add("Ollama", "ollama")
    accounts.set_key(profile, Secret(KEY))
    hands = opened()
    assert hands.key.isVisible() and hands.key.words.text() == "Saved in the keyring (Dictionary)"


# -- the environment -------------------------------------------------------------------------------


def test_the_environments_key_is_used_only_when_it_is_switched_on(
    opened: Callable[[], Hands], accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    hands = opened()
    hands.begin("mistral")
    switch = hands.find("useEnvironment")
    assert not switch.isChecked()
    assert switch.accessibleName() == "Use the environment variable MISTRAL_API_KEY"
    assert "It is set." in switch.accessibleDescription()
    switch.click()
    assert hands.key.words.text() == "From the environment (MISTRAL_API_KEY)"
    hands.save()
    (profile,) = accounts.profiles.list()
    assert profile.use_environment
    assert any("key from the environment" in text for text in hands.row_texts())
    assert not any(KEY in text for text in shown(hands.dialog))
    assert hands.vault.stored == {}


def test_a_variable_that_is_not_set_is_told(hands: Hands) -> None:
    hands.begin("openai")
    assert "It is not set in this session." in hands.find("useEnvironment").accessibleDescription()


def test_another_address_does_not_inherit_the_environments_key(
    opened: Callable[[], Hands], accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    accounts.profiles.add("Mistral", "mistral", use_environment=True)
    hands = opened()
    assert hands.find("useEnvironment").isChecked()
    hands.type(hands.form.address.line, "https://proxy.example/v1")
    assert not hands.find("useEnvironment").isChecked()
    hands.save()
    assert not accounts.profiles.list()[0].use_environment


# -- keyrings that do not work ---------------------------------------------------------------------


@pytest.mark.parametrize("failing", [no_keyring(), locked(), timed_out(60)])
def test_a_keyring_that_fails_is_told_with_its_fix_and_a_way_on(
    hands: Hands, accounts: Accounts, failing: Exception
) -> None:
    hands.vault.failing = failing  # type: ignore[assignment]
    hands.begin("mistral", key=KEY)
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringTrouble"))
    assert hands.find("keyringTrouble").text() == f"The key is not saved. {failing}"
    assert hands.key.entry.entered() == KEY  # nothing has to be typed again
    hands.click("keepInMemoryButton")
    hands.wait()
    assert hands.key.words.text() == "Kept until Chatdesk is closed"
    assert hands.key.entry.entered() == ""
    (profile,) = accounts.profiles.list()
    key = accounts.key(profile)
    assert key is not None and key.reveal() == KEY
    assert hands.vault.stored == {}
    assert not hands.shows("keyringTrouble")


def test_after_mending_the_keyring_trying_again_saves_the_key(hands: Hands) -> None:
    hands.vault.failing = no_keyring()
    hands.begin("mistral", key=KEY)
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringTrouble"))
    hands.vault.failing = None
    hands.click("keyringAgainButton")
    hands.wait()
    assert hands.vault.texts == [KEY] and hands.dialog.rows.rowCount() == 1


def test_while_the_keyring_asks_the_window_goes_on_and_waiting_can_be_ended(
    hands: Hands, accounts: Accounts
) -> None:
    hands.vault.unlocked.clear()
    hands.begin("mistral", key=KEY)
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringWaiting"))
    words = [child.text() for child in hands.find("keyringWaiting").findChildren(QWidget)[:1]]
    assert words == ["Waiting for the keyring. Unlock it in its own window."]
    assert hands.vault.asking.is_set()
    # What has nothing to do with the key can be changed meanwhile, and is not lost.
    hands.type(hands.form.name_line, "Work")
    hands.click("cancelKeyringButton")
    assert not hands.shows("keyringWaiting")
    assert "does not wait any longer" in hands.find("keyringTrouble").text()
    assert hands.form.name_line.text() == "Work" and hands.editor.dirty
    assert hands.key.entry.entered() == KEY
    hands.click("keepInMemoryButton")
    hands.wait()
    assert hands.key.words.text() == "Kept until Chatdesk is closed"
    assert hands.form.name_line.text() == "Work"
    hands.vault.unlocked.set()


def test_the_old_key_is_not_taken_back_while_the_new_one_is_saved(hands: Hands) -> None:
    saved(hands, "sk-old")
    hands.click("replaceKeyButton")
    hands.type(hands.key.entry, "sk-new")
    hands.vault.unlocked.clear()
    hands.click("saveProviderButton")
    assert not hands.key.keep_button.isEnabled()
    hands.vault.unlocked.set()
    hands.wait()
    assert hands.vault.texts == ["sk-new"]
    hands.click("replaceKeyButton")
    assert hands.key.keep_button.isEnabled()


def test_escape_ends_the_waiting_and_not_the_dialog(hands: Hands) -> None:
    hands.vault.unlocked.clear()
    hands.begin("mistral", key=KEY)
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringWaiting"))
    hands.qtbot.keyClick(hands.key.cancel_button, Qt.Key.Key_Escape)
    assert not hands.editor.busy and hands.dialog.isVisible()
    hands.vault.unlocked.set()


def test_an_unlocked_keyring_ends_the_waiting_by_itself(hands: Hands) -> None:
    hands.vault.unlocked.clear()
    hands.begin("mistral", key=KEY)
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringWaiting"))
    hands.vault.unlocked.set()
    hands.wait()
    assert hands.vault.texts == [KEY]
    assert not hands.shows("keyringWaiting")
    assert hands.key.words.text() == "Saved in the keyring (Dictionary)"


def test_a_keyring_that_cannot_be_asked_is_told_where_a_key_was_given_to_it(
    opened: Callable[[], Hands], accounts: Accounts
) -> None:
    profile = accounts.profiles.add("Mistral", "mistral")
    accounts.set_key(profile, Secret(KEY))
    hands = opened()
    hands.vault.failing = no_keyring()
    hands.wait()
    assert hands.key.words.text() == "In the keyring, which cannot be asked now"
    assert "no keyring" in hands.find("keyringTrouble").text().lower()
    assert not hands.key.memory_button.isVisible()
    hands.vault.failing = None
    hands.click("keyringAgainButton")
    hands.wait()
    assert hands.key.words.text() == "Saved in the keyring (Dictionary)"


def test_a_provider_whose_key_cannot_be_deleted_stays_unless_the_key_may(
    hands: Hands, accounts: Accounts
) -> None:
    saved(hands)
    hands.vault.failing = locked()
    hands.click("removeProviderButton")
    hands.answer("remove")
    hands.qtbot.waitUntil(lambda: not hands.editor.busy)
    assert "was not removed" in hands.question().accessibleDescription()
    hands.answer("")
    assert len(accounts.profiles.list()) == 1
    hands.click("removeProviderButton")
    hands.answer("remove")
    hands.qtbot.waitUntil(lambda: not hands.editor.busy)
    hands.answer("leave")
    hands.qtbot.waitUntil(lambda: hands.dialog.rows.rowCount() == 0)
    assert hands.vault.texts == [KEY]


def test_a_key_that_cannot_be_deleted_is_told_and_stays(hands: Hands) -> None:
    saved(hands)
    hands.vault.failing = locked()
    hands.click("removeKeyButton")
    hands.answer("delete")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringTrouble"))
    hands.vault.failing = None
    hands.wait()
    assert hands.vault.texts == [KEY]


def test_closing_while_the_keyring_asks_leaves_nothing_hanging(hands: Hands) -> None:
    hands.vault.unlocked.clear()
    hands.begin("mistral", key=KEY)
    hands.click("saveProviderButton")
    hands.qtbot.waitUntil(lambda: hands.shows("keyringWaiting"))
    hands.dialog.close()
    assert not hands.dialog.isVisible()
    hands.vault.unlocked.set()
    hands.qtbot.waitUntil(lambda: hands.vault.texts == [KEY])
