"""Conversations: made, found, listed, changed, deleted, restored, purged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chatdesk.chat.messages import Message, Role, Status
from chatdesk.errors import Busy, NotFound, UsageError
from chatdesk.paths import DataDir
from chatdesk.store import Conversations, Store


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def conversations(store: Store) -> Conversations:
    """With a clock that goes on by a second at each look."""
    return Conversations(store.database, clock=Clock())


def titles(found: list[Any]) -> list[str]:
    return [conversation.title for conversation in found]


def test_a_new_conversation_is_empty_and_has_nothing_of_its_own(store: Store) -> None:
    made = store.conversations.create()
    assert made == store.conversations.get(made.id)
    assert (made.title, made.titled, made.draft) == ("", False, "")
    assert (made.system_prompt, made.parameters, made.model) == (None, {}, None)
    assert (made.active_leaf, made.deleted_at) == (None, None)
    assert made.created_at == made.updated_at
    assert store.messages.load(made.id) == []


def test_what_is_given_at_the_start_is_kept(store: Store) -> None:
    made = store.conversations.create(
        "Planets", system_prompt="", parameters={"temperature": 0.0, "stop": ["a\0b"]}, model="m"
    )
    found = store.conversations.get(made.id)
    assert found == made
    assert found.system_prompt == ""  # not the same as None: "no system prompt here"
    assert found.parameters == {"temperature": 0.0, "stop": ["a\0b"]}


def test_every_change_is_seen_by_the_next_reader(store: Store, opened: Callable[[], Store]) -> None:
    made = store.conversations.create()
    store.conversations.rename(made.id, "A title")
    store.conversations.set_system_prompt(made.id, "Be brief.")
    store.conversations.set_parameters(made.id, {"top_k": 3})
    store.conversations.set_model(made.id, "other")
    changed = store.conversations.set_draft(made.id, "half a thou")
    assert changed == replace(
        made,
        title="A title",
        titled=True,
        system_prompt="Be brief.",
        parameters={"top_k": 3},
        model="other",
        draft="half a thou",
    )
    assert opened().conversations.get(made.id) == changed


def test_an_automatic_title_is_not_the_persons(store: Store) -> None:
    made = store.conversations.create()
    assert not store.conversations.rename(made.id, "Automatic", by_person=False).titled
    assert store.conversations.rename(made.id, "Mine").titled


def test_a_conversation_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    made = [store.conversations.create(str(number)) for number in range(40)]
    assert store.conversations.get(made[7].id[:12]) == made[7]
    shared = next(
        digit
        for digit in "0123456789abcdef"
        if sum(conversation.id.startswith(digit) for conversation in made) > 1
    )
    with pytest.raises(NotFound, match="More than one"):
        store.conversations.get(shared)


@pytest.mark.parametrize("unknown", ["nothing", "", "%", "\ud800"])
def test_an_unknown_id_is_said_to_be_unknown(store: Store, unknown: str) -> None:
    store.conversations.create()
    with pytest.raises(NotFound):
        store.conversations.get(unknown)
    with pytest.raises(NotFound):
        store.conversations.rename(unknown, "x")
    with pytest.raises(NotFound):
        store.messages.load(unknown)


def test_the_list_begins_with_the_newest_update(conversations: Conversations) -> None:
    made = [conversations.create(name) for name in "abcd"]
    assert titles(conversations.list()) == ["d", "c", "b", "a"]
    conversations.touch(made[1].id)
    assert titles(conversations.list()) == ["b", "d", "c", "a"]


def test_renaming_and_drafts_do_not_move_a_conversation(conversations: Conversations) -> None:
    first, _second = conversations.create("a"), conversations.create("b")
    conversations.rename(first.id, "z")
    conversations.set_draft(first.id, "draft")
    assert titles(conversations.list()) == ["b", "z"]


def test_the_list_holds_whole_conversations(conversations: Conversations) -> None:
    made = conversations.create("a", system_prompt="s", parameters={"seed": 1}, model="m")
    made = conversations.set_draft(made.id, "d")
    assert conversations.list() == [made]
    assert conversations.count() == 1


def test_a_deleted_conversation_is_in_the_trash_and_comes_back(
    conversations: Conversations,
) -> None:
    a, b = conversations.create("a"), conversations.create("b")
    conversations.delete([a.id, b.id])
    assert conversations.list() == []
    assert titles(conversations.list(deleted=True)) == ["b", "a"]
    assert (conversations.count(), conversations.count(deleted=True)) == (0, 2)
    since = conversations.get(a.id).deleted_at
    conversations.delete([a.id])
    assert conversations.get(a.id).deleted_at == since
    conversations.restore([a.id])
    assert conversations.list() == [a]
    assert titles(conversations.list(deleted=True)) == ["b"]


def test_deleting_several_is_all_or_none(conversations: Conversations) -> None:
    a = conversations.create("a")
    with pytest.raises(NotFound):
        conversations.delete([a.id, "unknown"])
    assert titles(conversations.list()) == ["a"]


def test_the_active_leaf_is_a_message_of_the_conversation(store: Store, say: Any) -> None:
    other = store.conversations.create()
    message = say.person("Hello")
    store.conversations.set_active_leaf(say.conversation, None)
    assert store.conversations.get(say.conversation).active_leaf is None
    store.conversations.set_active_leaf(say.conversation, message.id)
    assert store.conversations.get(say.conversation).active_leaf == message.id
    for wrong in (lambda: (other.id, message.id), lambda: (say.conversation, "nothing")):
        with pytest.raises(NotFound):
            store.conversations.set_active_leaf(*wrong())


def test_a_purged_conversation_is_gone_for_good(store: Store, say: Any, data: DataDir) -> None:
    secret = "the word that must go"
    question = say.person(secret)
    reply = say.reply(question)
    store.messages.append(reply.id, "text", secret)
    store.messages.finish(replace(reply, content=secret, status=Status.COMPLETE))
    say.person(secret + "!", question)
    store.messages.delete_branch(reply.id)
    kept = store.conversations.create("kept")
    store.conversations.purge([say.conversation, "unknown"])
    with pytest.raises(NotFound):
        store.conversations.get(say.conversation)
    with pytest.raises(NotFound):
        store.messages.get(reply.id)
    assert store.conversations.list() == [kept]
    left = b"".join(path.read_bytes() for path in data.root.glob("chats.db*"))
    assert secret.encode() not in left
    assert store.database.check() == []


def test_a_conversation_with_a_growing_reply_is_not_purged(store: Store, say: Any) -> None:
    other = store.conversations.create()
    reply = say.reply(say.person("Hello"))
    with pytest.raises(Busy):
        store.conversations.purge([other.id, say.conversation])
    assert store.conversations.get(other.id) == other
    store.conversations.delete([say.conversation])
    assert store.conversations.purge_deleted_before(float("inf")) == 0
    store.messages.finish(replace(reply, status=Status.STOPPED))
    assert store.conversations.purge_deleted_before(float("inf")) == 1


def test_only_what_was_deleted_long_ago_is_purged_by_age(conversations: Conversations) -> None:
    a, b, _c = (conversations.create(name) for name in "abc")
    conversations.delete([a.id])
    limit = conversations.get(a.id).deleted_at
    assert limit is not None
    conversations.delete([b.id])
    assert conversations.purge_deleted_before(limit + 0.5) == 1
    assert titles(conversations.list(deleted=True)) == ["b"]
    assert titles(conversations.list()) == ["c"]


def test_a_value_that_json_cannot_hold_is_refused(store: Store) -> None:
    made = store.conversations.create(parameters={"seed": 1})
    for wrong in ({"temperature": float("nan")}, {"seed": object()}):
        with pytest.raises(UsageError):
            store.conversations.set_parameters(made.id, wrong)
    assert store.conversations.get(made.id) == made


def test_a_new_message_moves_its_conversation_to_the_front(
    conversations: Conversations, store: Store, say: Any
) -> None:
    newer = conversations.create("newer")
    old = conversations.create("old")
    message = Message("m1", newer.id, None, Role.USER, "x", created_at=old.updated_at + 50)
    store.messages.add(message)
    assert conversations.get(newer.id).updated_at == message.created_at
    store.messages.add(Message("m2", newer.id, "m1", Role.USER, "imported", created_at=1.0))
    assert conversations.get(newer.id).updated_at == message.created_at


def test_the_window_state_is_kept(store: Store, opened: Callable[[], Store]) -> None:
    assert store.state.get("sidebar") is None
    assert store.state.get("sidebar", 250) == 250
    store.state.set("sidebar", 300)
    store.state.set("window", {"size": [900, 800], "text": "\0ü"})
    store.state.set("sidebar", None)
    again = opened().state
    assert again.get("sidebar", 250) is None
    assert again.get("window") == {"size": [900, 800], "text": "\0ü"}
