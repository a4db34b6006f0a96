"""Workers over NATS in the dialog: the fields of this kind, its words, and its keys."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import nkeys
import pytest
from PySide6.QtGui import QGuiApplication

from chatdesk.providers.profiles import Accounts

if TYPE_CHECKING:
    from tests.ui.providers.conftest import Hands

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

CLAIMS = base64.urlsafe_b64encode(b'{"name":"anna"}').decode().rstrip("=")
JWT = f"eyJ0eXAiOiJKV1QifQ.{CLAIMS}.c2lnbmF0dXJl-_"
SEED = bytes(nkeys.encode_seed(b"\x07" * 32, nkeys.PREFIX_BYTE_USER)).decode()
CREDENTIALS = f"""-----BEGIN NATS USER JWT-----
{JWT}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{SEED}
------END USER NKEY SEED------
"""


def test_the_form_of_workers_has_what_they_need_and_no_more(hands: Hands) -> None:
    hands.begin("nats")
    assert hands.form.address.text() == "nats://localhost:4222"
    assert hands.shows("keepRequests")
    for name in ("providerHeaders", "providerTemplate", "providerModels", "providerContext"):
        assert not hands.shows(name)
    assert "may leave this computer" in hands.form.goes.text()
    hands.begin("ollama")
    assert not hands.shows("keepRequests")
    assert hands.shows("providerHeaders")


def test_a_pool_is_saved_with_its_subject_and_what_it_keeps(
    hands: Hands, accounts: Accounts
) -> None:
    hands.begin("nats", name="Lab", url="tls://nats.example.com/lab")
    assert "goes to nats.example.com:4222" in hands.form.goes.text()
    hands.form.special.keep.switch.click()
    assert hands.editor.dirty
    hands.save()
    profile = accounts.profiles.find("Lab")
    assert (profile.base_url, profile.keep_requests) == ("tls://nats.example.com:4222/lab", True)
    assert hands.form.special.keep.is_on()
    assert not hands.editor.dirty


def test_an_unencrypted_way_to_workers_is_accepted_on_purpose_only(
    hands: Hands, accounts: Accounts
) -> None:
    hands.begin("nats", name="Lab", url="nats://lab.example:4222")
    assert hands.shows("unencryptedWarning")
    hands.click("saveProviderButton")
    assert "tls://" in hands.form.address.field.error.text()
    assert "tls://" in hands.form.address.allow.help.text()
    hands.form.address.allow.switch.click()
    hands.save()
    assert accounts.profiles.find("Lab").allow_http


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nats://localhost:4222/a b", "space"),
        ("nats://localhost:4222/a/b", "subject"),
        ("https://nats.example.com", "none of a NATS server"),
        ("", "such as tls://"),
    ],
)
def test_an_address_that_is_none_of_a_pool_is_told_at_its_field(
    hands: Hands, url: str, words: str
) -> None:
    hands.begin("nats", name="Lab", url=url)
    hands.form.address.line.setText(url)
    hands.click("saveProviderButton")
    assert words in hands.form.address.field.error.text()


def test_a_credentials_file_is_pasted_whole(hands: Hands, accounts: Accounts) -> None:
    hands.begin("nats", name="Lab")
    hands.form.needs_key.switch.click()
    QGuiApplication.clipboard().setText(CREDENTIALS)
    hands.key.entry.setFocus()
    hands.key.entry.paste()
    QGuiApplication.clipboard().clear()
    hands.save()
    key = accounts.key(accounts.profiles.find("Lab"))
    assert key is not None
    assert key.reveal() == f"{JWT} {SEED}"


def test_a_key_that_no_nats_server_gave_is_told_at_its_field(hands: Hands) -> None:
    hands.begin("nats", name="Lab")
    hands.form.needs_key.switch.click()
    assert "name:password" in hands.key.field.help.text()
    hands.type(hands.key.entry, "anna:")
    hands.click("saveProviderButton")
    assert "no password behind it" in hands.key.field.error.text()
