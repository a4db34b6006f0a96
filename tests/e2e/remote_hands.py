"""What a person does with servers and their keys at the desk, and what they see of it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest
from hands import PROGRAM, Desk, wait_until
from real_servers import KEY, RealServer

QUESTION = "Name the planets of the solar system"
LONG = "Write a very long story about a lighthouse keeper and the sea"

_REPLY = re.compile(
    r"Reply from (?P<who>.*?), (?P<state>being written|complete|stopped|interrupted|failed)"
    r"(?:: (?P<text>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Reply:
    """A reply as a screen reader tells it. text: what went wrong, then the first words of it."""

    who: str
    state: str
    text: str
    about: str


def replies(desk: Desk) -> list[Reply]:
    """The replies of the open conversation, from top to bottom, in view or not."""
    return [
        Reply(found["who"], found["state"], found["text"] or "", element["description"])
        for element in desk.accessible()
        if element["role"] == "list item" and (found := _REPLY.fullmatch(element["name"]))
    ]


def reply(desk: Desk, state: str, *, count: int = 1, letters: int = 1) -> Reply:
    """The last of at least count replies, once it is in that state with so much text."""

    def look() -> Reply | None:
        found = replies(desk)
        if len(found) < count or found[-1].state != state or len(found[-1].text) < letters:
            return None
        return found[-1]

    found = wait_until(look, f"a reply that is {state}", every=0.02)
    assert found is not None
    return found


def send(desk: Desk, text: str) -> None:
    desk.key("ctrl+l")
    desk.type(text)
    desk.key("Return")


def open_conversation(desk: Desk, title: str) -> None:
    """Open one that is in view in the sidebar."""
    desk.press(name=title, role="list item")
    wait_until(lambda: desk.find(id="titleButton", name=f"{title}, rename"), title)


def being_written(desk: Desk) -> int:
    """How many replies are being written at this moment, as the database has it."""
    import apsw

    path = str(desk.data / "chats.db")
    database = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = database.execute("SELECT count(*) FROM messages WHERE status = 'streaming'")
        return int(found.fetchall()[0][0])
    finally:
        database.close()


def longest_reply(desk: Desk, tokens: int) -> None:
    """How long replies may become from now on; 0: as long as they like."""
    desk.chatdesk_plain("settings", "set", "sampling.max_tokens", str(tokens))


# -- where the keyboard is -------------------------------------------------------------------------


def has_focus(desk: Desk, id: str) -> bool:
    return any("focused" in element["states"] for element in desk.find(id=id))


def tab_to(desk: Desk, id: str, *, key: str = "Tab") -> None:
    """Press Tab until the keyboard is there."""
    for _ in range(12):
        if has_focus(desk, id):
            return
        desk.key(key)
    pytest.fail(f"{key} does not lead to {id}")


def wait_for_focus(desk: Desk, id: str) -> None:
    wait_until(lambda: has_focus(desk, id), f"the keyboard to be at {id}", every=0.02)


# -- providers -------------------------------------------------------------------------------------


def add_provider(desk: Desk, name: str, server: RealServer, key: str = KEY) -> None:
    """On the command line: for tests that are about something else. The key is in the keyring."""
    address = ("--base-url", server.base_url)
    desk.chatdesk_plain("providers", "add", name, "--kind", "custom", *address)
    give_key(desk, name, key)


def give_key(desk: Desk, name: str, key: str) -> None:
    """Keep a provider's key in the keyring, on the command line."""
    given = subprocess.run(
        [str(PROGRAM), "keys", "set", name],
        env=desk.environment,
        input=f"{key}\n".encode(),
        capture_output=True,
        check=False,
    )
    assert given.returncode == 0, given.stderr


def use_for_new_chats(desk: Desk, reference: str) -> None:
    desk.chatdesk_plain("settings", "set", "model.default", reference)


def open_picker(desk: Desk, model: str = "") -> None:
    """Open the list of models; with model wait until a row says so."""
    desk.key("ctrl+m")
    wait_for_focus(desk, "modelPickerSearch")
    if model:
        wait_until(lambda: rows(desk, model), f"{model} in the list of models")


def rows(desk: Desk, words: str) -> list[str]:
    """The rows of the open list of models that have these words."""
    found = desk.find(role="list item", id="modelPickerList")
    return [element["name"] for element in found if words in element["name"]]


def choose(desk: Desk, model: str, row: str) -> None:
    """Choose the model that is found first by these words, once there is a row like that."""
    open_picker(desk)
    desk.type(model)
    wait_until(lambda: rows(desk, row), f"{row} in the list of models")
    desk.key("Return")
    wait_until(lambda: not desk.find(id="modelPicker"), "the list of models to close")


def model_button(desk: Desk) -> str:
    (button,) = desk.find(id="modelButton")
    return str(button["name"])


def open_providers(desk: Desk) -> None:
    """Open the dialog of the providers by the keyboard."""
    open_picker(desk)
    tab_to(desk, "manageProvidersButton")
    desk.key("Return")
    wait_until(lambda: desk.find(id="providersDialog"), "the dialog of the providers")


def leave_providers(desk: Desk) -> None:
    desk.key("Escape")
    wait_until(lambda: not desk.find(id="providersDialog"), "the dialog to close")


def replace_key(desk: Desk, key: str) -> None:
    """Give the provider that is shown in the dialog another key, and save it."""
    desk.press(id="replaceKeyButton")
    wait_for_focus(desk, "providerKey")
    desk.type(key)
    desk.key("ctrl+s")
    said(desk, "Saved.")


def said(desk: Desk, text: str) -> None:
    """Wait until the dialog of the providers says so."""
    wait_until(lambda: desk.find(name=text, id="providersSaid"), text)


def test_connection(desk: Desk) -> str:
    """Press Ctrl+T; what the test of the connection says."""
    desk.key("ctrl+t")
    found: list[dict[str, Any]] = wait_until(
        lambda: [e for e in desk.find(id="testResult") if e["name"]], "the result of the test"
    )
    return str(found[0]["name"])
