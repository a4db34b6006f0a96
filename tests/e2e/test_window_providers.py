"""A person chats with models on servers in a real window, with a real keyring and real servers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import remote_hands as hands
from hands import Desk, wait_until
from keyring_home import KeyringHome
from real_servers import KEY, MISSING, MODEL, RealServer
from real_servers import llama_server as started
from remote_hands import LONG, QUESTION

WRONG_KEY = "sk-this-key-opens-nothing"


def test_a_server_is_set_up_chosen_asked_and_remembered(
    desk: Desk, desk_keyring: KeyringHome, llama_server: RealServer
) -> None:
    hands.longest_reply(desk, 12)
    desk.start()
    hands.send(desk, "A word that was meant for this computer")
    assert hands.reply(desk, "complete").about.startswith("This reply") is False

    # Set up with the keyboard alone.
    hands.open_providers(desk)
    hands.wait_for_focus(desk, "addFirstProviderButton")
    desk.key("Return")
    hands.wait_for_focus(desk, "presetSearch")
    desk.type("other")
    desk.key("Return")
    hands.wait_for_focus(desk, "providerName")
    desk.type("House")
    hands.tab_to(desk, "providerUrl")
    desk.type(llama_server.base_url)
    hands.tab_to(desk, "providerKey")
    desk.type(KEY)
    assert hands.test_connection(desk) == "House answers and offers 1 model."
    assert desk_keyring.stored() == {}
    desk.key("ctrl+s")
    hands.said(desk, "Saved.")
    assert list(desk_keyring.accounts().values()) == [KEY]
    hands.leave_providers(desk)

    # The conversation was a local one: it is not sent before it is said what would be.
    place = f"127.0.0.1:{llama_server.port}"
    before = len(llama_server.log)
    hands.choose(desk, "house", MODEL)
    (question,) = wait_until(lambda: desk.find(id="consentDialog"), "the question")
    assert question["name"] == "Send this conversation to House?"
    assert "the 2 earlier messages of this conversation" in question["description"]
    assert f"are sent to House ({place})" in question["description"]
    assert hands.has_focus(desk, "stayButton")
    desk.key("Return")
    wait_until(lambda: not desk.find(id="consentDialog"), "the question to close")
    assert "on this computer" in hands.model_button(desk)
    hands.send(desk, "Still only for this computer")
    assert "SmolLM2" in hands.reply(desk, "complete", count=2).who
    assert "launch_slot_" not in llama_server.log[before:]

    hands.choose(desk, "house", MODEL)
    wait_until(lambda: desk.find(id="consentDialog"), "the question")
    hands.tab_to(desk, "sendToProviderButton")
    desk.key("Return")
    wait_until(lambda: not desk.find(id="consentDialog"), "the question to close")
    goes = f"goes to House, another program on this computer ({place})"
    assert goes in hands.model_button(desk)
    hands.send(desk, QUESTION)
    answer = hands.reply(desk, "complete", count=3)
    assert answer.who == f"{MODEL} · House"
    assert answer.about.startswith("This reply came from House, another program on this")
    (status,) = desk.find(id="offlineStatus")
    assert status["name"] == f"What you write {goes}."
    assert [m["provider"] for m in desk.messages()[1::2]] == [None, None, "House"]

    # All of it is there after a restart: the choice, the mark, the key.
    assert desk.close() == 0
    desk.start()
    assert hands.reply(desk, "complete", count=3) == answer
    assert goes in hands.model_button(desk)
    hands.send(desk, "And which is the largest?")
    again = hands.reply(desk, "complete", count=4)
    assert again.who == answer.who and again.about.startswith("This reply came from House")
    assert desk.close() == 0


def test_a_reply_is_stopped_at_its_server_and_a_killed_one_comes_back_with_its_mark(
    desk: Desk, desk_keyring: KeyringHome, llama_server: RealServer
) -> None:
    hands.add_provider(desk, "House", llama_server)
    hands.use_for_new_chats(desk, "House:")
    desk.start()
    before = len(llama_server.log)
    hands.send(desk, LONG)
    seen = hands.reply(desk, "being written", letters=20)
    desk.key("Escape")
    llama_server.wait_for_stop(after=before)
    stopped = hands.reply(desk, "stopped")
    assert stopped.text[:20] == seen.text[:20] and stopped.who == f"{MODEL} · House"

    hands.send(desk, LONG)
    hands.reply(desk, "being written", count=2, letters=20)
    saved = wait_until(lambda: str(desk.messages()[-1]["content"]), "saved words")
    assert desk.messages()[-1]["status"] == "streaming"
    before = len(llama_server.log)
    desk.kill()
    llama_server.wait_for_stop(after=before)
    hands.longest_reply(desk, 12)
    desk.start()
    killed = hands.reply(desk, "interrupted", count=2)
    assert killed.who == stopped.who
    assert killed.about.startswith("This reply came from House, another program on this")
    assert str(desk.messages()[-1]["content"]).startswith(saved)
    desk.key("ctrl+l")
    desk.press(name="Continue")
    hands.reply(desk, "complete", count=2)
    continued = desk.messages()[-1]
    assert str(continued["content"]).startswith(saved) and continued["provider"] == "House"


def test_a_wrong_key_and_a_wrong_model_are_told_and_put_right(
    desk: Desk, desk_keyring: KeyringHome, llama_cpp_python: RealServer
) -> None:
    hands.add_provider(desk, "House", llama_cpp_python, WRONG_KEY)
    hands.use_for_new_chats(desk, f"House:{MODEL}")
    hands.longest_reply(desk, 12)
    desk.start()
    hands.send(desk, QUESTION)
    failed = hands.reply(desk, "failed")
    assert failed.text.startswith("House does not accept the key. ")
    assert "chatdesk" not in failed.text and desk.find(name="Enter a key")
    assert desk.messages()[0]["content"] == QUESTION

    desk.press(name="Add or replace the key")
    hands.replace_key(desk, KEY)
    assert list(desk_keyring.accounts().values()) == [KEY]
    hands.leave_providers(desk)
    desk.press(name="Try again")
    assert hands.reply(desk, "complete").who == f"{MODEL} · House"

    hands.choose(desk, f"house:{MISSING}", MISSING)
    hands.send(desk, "Hello")
    failed = hands.reply(desk, "failed", count=2)
    assert failed.text.startswith(f"House has no model {MISSING}.")
    hands.choose(desk, f"house:{MODEL}", f"{MODEL}, ")
    desk.key("ctrl+r")
    assert hands.reply(desk, "complete", count=2).who == f"{MODEL} · House"


def test_a_server_that_dies_leaves_its_words_and_goes_on_when_it_is_back(
    desk: Desk, desk_keyring: KeyringHome, tmp_path: Path
) -> None:
    with started(tmp_path / "first") as server:
        hands.add_provider(desk, "House", server)
        hands.use_for_new_chats(desk, "House:")
        desk.start()
        hands.send(desk, LONG)
        hands.reply(desk, "being written", letters=20)
        server.kill()
        cut = hands.reply(desk, "interrupted")
    assert "House" in cut.text
    reply = desk.messages()[-1]
    assert reply["status"] == "interrupted" and reply["content"] and reply["error"]
    desk.key("ctrl+l")
    assert desk.find(name="Continue") and desk.find(name="Try again")
    hands.longest_reply(desk, 12)
    with started(tmp_path / "second", port=server.port):
        desk.press(name="Continue")
        assert hands.reply(desk, "complete").about.startswith("This reply came from House")
    assert str(desk.messages()[-1]["content"]).startswith(str(reply["content"]))


def test_renaming_a_provider_keeps_its_key_and_removing_it_deletes_it(
    desk: Desk, desk_keyring: KeyringHome, llama_server: RealServer
) -> None:
    hands.add_provider(desk, "House", llama_server)
    hands.use_for_new_chats(desk, "House:")
    hands.longest_reply(desk, 4)
    desk.start()
    hands.send(desk, "Hello")
    hands.reply(desk, "complete")
    hands.open_providers(desk)
    hands.wait_for_focus(desk, "providerList")
    desk.key("F2")
    hands.wait_for_focus(desk, "providerName")
    desk.type("Harbour")
    desk.key("Return")
    hands.said(desk, "Saved.")
    hands.leave_providers(desk)
    assert "goes to Harbour" in hands.model_button(desk)
    hands.send(desk, "Hello again")
    assert hands.reply(desk, "complete", count=2).who == f"{MODEL} · Harbour"
    assert list(desk_keyring.accounts().values()) == [KEY]

    before = len(llama_server.log)
    hands.open_providers(desk)
    hands.wait_for_focus(desk, "providerList")
    desk.key("Delete")
    (question,) = wait_until(lambda: desk.find(id="question"), "the question")
    assert question["name"] == "Remove Harbour?"
    assert "Its key is deleted, too" in question["description"]
    hands.tab_to(desk, "answer_remove")
    desk.key("Return")
    wait_until(lambda: desk.find(id="addFirstProviderButton"), "the dialog without providers")
    assert desk_keyring.stored() == {}
    hands.leave_providers(desk)
    hands.send(desk, "Is anybody there?")
    gone = "is not set up here any more. Nothing was sent."
    wait_until(lambda: [e for e in desk.accessible() if gone in e["name"]], gone)
    assert len(desk.messages()) == 4
    (composer,) = desk.find(id="composer")
    assert composer["text"] == "Is anybody there?"
    assert "launch_slot_" not in llama_server.log[before:]


def test_two_servers_and_this_computer_answer_at_the_same_time(
    desk: Desk,
    desk_keyring: KeyringHome,
    llama_server: RealServer,
    llama_cpp_python: RealServer,
) -> None:
    servers = {"House": llama_server, "Cellar": llama_cpp_python}
    hands.longest_reply(desk, 4)
    for name, server in servers.items():
        hands.add_provider(desk, name, server)
        desk.chatdesk_plain("ask", name, "--save", "--model", f"{name}:{MODEL}")
    desk.chatdesk_plain("ask", "Here", "--save")
    conversations = {c["title"]: str(c["id"]) for c in desk.conversations()}
    hands.longest_reply(desk, 60)
    desk.start()
    with ExitStack() as stack:
        for name, server in servers.items():
            hands.open_conversation(desk, name)
            before = len(server.log)
            hands.send(desk, LONG)
            server.wait_for_request(after=before)
            stack.enter_context(server.paused())  # else it might be done before the last is asked
        hands.open_conversation(desk, "Here")
        hands.send(desk, LONG)
        wait_until(lambda: hands.being_written(desk) == 3, "three replies", every=0.02)
    wait_until(lambda: hands.being_written(desk) == 0, "their ends")
    for name, one in conversations.items():
        first, _, question, answer = desk.messages(one)
        assert (first["content"], question["content"]) == (name, LONG)
        assert answer["status"] == "complete" and answer["content"]
        assert answer["provider"] == (None if name == "Here" else name)
