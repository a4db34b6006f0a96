"""A person whose replies come from a pool of workers: a real window, server, keyring and model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import remote_hands as hands
from hands import Desk, wait_until
from keyring_home import KeyringHome
from nats_pool import KEY, Pool, pool
from remote_hands import LONG, QUESTION
from test_no_key_written import places

MODEL = "SmolLM2 135M Instruct"


@pytest.fixture
def workers(desk: Desk, tmp_path: Path) -> Iterator[Pool]:
    folder = tmp_path / "pool"
    folder.mkdir()
    with pool(folder, desk.environment) as made:
        yield made


def shown(desk: Desk, text: str) -> None:
    def look() -> bool:
        return any(text in f"{e['name']}\n{e['description']}" for e in desk.accessible())

    wait_until(look, text)


def choose_at_lab(desk: Desk) -> None:
    """Choose the workers' model; the same model is on this computer, too."""
    hands.open_picker(desk)

    def listed() -> bool:
        return any(MODEL in row and row.endswith("at Lab") for row in hands.rows(desk, MODEL))

    wait_until(listed, "the workers' model")
    desk.type("lab")
    wait_until(lambda: len(hands.rows(desk, MODEL)) == 1, "the workers' model alone")
    desk.key("Return")
    wait_until(lambda: not desk.find(id="modelPicker"), "the list of models to close")


def test_a_pool_is_set_up_asked_and_survives_the_loss_of_a_worker(
    desk: Desk, desk_keyring: KeyringHome, workers: Pool
) -> None:
    first, second = workers.hire("first"), workers.hire("second")
    desk.start()

    # Set up with the keyboard alone.
    hands.open_providers(desk)
    hands.wait_for_focus(desk, "addFirstProviderButton")
    desk.key("Return")
    hands.wait_for_focus(desk, "presetSearch")
    desk.type("nats")
    desk.key("Return")
    hands.wait_for_focus(desk, "providerUrl")
    desk.key("ctrl+a")
    desk.type(workers.server.url)
    hands.tab_to(desk, "providerName", key="shift+Tab")
    desk.key("ctrl+a")
    desk.type("Lab")
    hands.tab_to(desk, "needsKey")
    assert hands.test_connection(desk) == (
        "The NATS server of Lab wants a key, and there is none. What the NATS server's owner gave "
        "you: name:password, a token, an NKey seed, or a whole .creds file."
    )
    hands.tab_to(desk, "needsKey", key="shift+Tab")
    desk.key("space")
    hands.tab_to(desk, "providerKey")
    desk.type(KEY)
    first.wait()
    second.wait()
    assert hands.test_connection(desk) == "Lab answers and offers 1 model."
    desk.key("ctrl+s")
    hands.said(desk, "Saved.")
    assert list(desk_keyring.accounts().values()) == [KEY]
    hands.leave_providers(desk)

    hands.longest_reply(desk, 12)
    choose_at_lab(desk)
    assert "may leave this computer" in hands.model_button(desk)
    hands.send(desk, QUESTION)
    answer = hands.reply(desk, "complete")
    assert answer.who == f"{MODEL} · Lab"
    place = f"127.0.0.1:{workers.server.port}"
    (status,) = desk.find(id="offlineStatus")
    assert status["name"] == (
        f"What you write may leave this computer: it goes to {place} and on to the workers there."
    )

    # A worker that has begun is killed; the other one goes on.
    hands.longest_reply(desk, 300)
    hands.send(desk, LONG)
    hands.reply(desk, "being written", count=2, letters=20)
    seen = wait_until(lambda: str(desk.messages()[-1]["content"]), "saved words")
    lost = workers.busy()
    lost.kill()
    shown(desk, "stopped answering. Another worker goes on.")
    whole = hands.reply(desk, "complete", count=2)
    assert whole.who == f"{MODEL} · Lab"
    assert workers.busy() is not lost
    reply = desk.messages()[-1]
    assert str(reply["content"]).startswith(seen) and len(str(reply["content"])) > len(seen)
    assert (reply["status"], reply["provider"]) == ("complete", "Lab")

    # The key is in the keyring and nowhere else.
    assert desk.close() == 0
    assert places(desk.data, KEY) == []
    assert KEY not in desk.output


def test_a_pool_without_a_worker_is_waited_for_and_answers_when_one_comes(
    desk: Desk, desk_keyring: KeyringHome, workers: Pool
) -> None:
    add = ("providers", "add", "Lab", "--kind", "nats", "--base-url", workers.server.url)
    desk.chatdesk_plain(*add)
    hands.give_key(desk, "Lab", KEY)
    hands.use_for_new_chats(desk, "Lab:")
    hands.longest_reply(desk, 12)
    desk.start()
    hands.send(desk, QUESTION)
    shown(desk, "No worker is listening at Lab")
    desk.key("Escape")
    wait_until(lambda: hands.being_written(desk) == 0, "the wait to end")

    hands.send(desk, QUESTION)
    shown(desk, "No worker is listening at Lab")
    workers.hire("late")
    assert hands.reply(desk, "complete").who == f"{MODEL} · Lab"
    assert workers.workers[0].leave() == 0
