"""Messages: a tree of rows that grow once and never change afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import apsw
import pytest

from chatdesk.chat.messages import Message, Role, Status, Usage
from chatdesk.chat.tree import Tree
from chatdesk.errors import NotFound, UsageError
from chatdesk.store import Store

FINAL = [status for status in Status if status is not Status.STREAMING]


def test_a_message_comes_back_as_it_was_saved(store: Store, say: Any) -> None:
    saved = say.person("Hello")
    assert say.load() == [saved] == [store.messages.get(saved.id)]
    assert saved.order > 0


def test_a_message_becomes_the_active_leaf_together_with_being_saved(
    store: Store, say: Any
) -> None:
    question = say.person("Hello")
    assert store.conversations.get(say.conversation).active_leaf == question.id
    reply = say.reply(question)
    assert store.conversations.get(say.conversation).active_leaf == reply.id


@pytest.mark.parametrize("status", FINAL)
def test_a_reply_grows_and_ends(store: Store, say: Any, status: Status) -> None:
    reply = say.reply(say.person("Hello"))
    store.messages.append(reply.id, "reasoning", "Let me see")
    store.messages.append(reply.id, "text", "Good ")
    store.messages.append(reply.id, "reasoning", ".")
    store.messages.append(reply.id, "text", "morning")
    growing = store.messages.get(reply.id)
    assert growing == replace(reply, content="Good morning", reasoning="Let me see.")
    assert say.load()[-1] == growing
    end = replace(
        growing,
        status=status,
        model="a model",
        usage=Usage(10, 5, 2, 12.5, 99.5),
        error="It broke." if status is Status.FAILED else None,
        finish_reason="stop",
    )
    assert store.messages.finish(end) == end == say.load()[-1]
    assert store.database.rows("SELECT count(*) FROM chunks") == [(0,)]


@pytest.mark.parametrize("status", FINAL)
def test_a_reply_from_a_provider_says_so_however_it_ends(
    store: Store, say: Any, status: Status
) -> None:
    reply = say.reply(say.person("Hello"))
    store.messages.set_model(reply.id, "open-mixtral-8x7b", "Mistral")
    growing = store.messages.get(reply.id)
    assert growing == replace(reply, model="open-mixtral-8x7b", provider="Mistral")
    usage = Usage(1200, None, 40, 210.0, 55.5, estimated=True)
    end = store.messages.finish(replace(growing, status=status, usage=usage))
    assert end == say.load()[-1] == replace(growing, status=status, usage=usage)
    store.messages.set_model(reply.id, "another", None)
    assert say.load()[-1] == end


def test_a_reply_that_moves_to_the_local_model_comes_from_no_provider(
    store: Store, say: Any
) -> None:
    reply = say.reply(say.person("Hello"), model="a", provider="Mistral")
    assert store.messages.get(reply.id).provider == "Mistral"
    store.messages.set_model(reply.id, "SmolLM2")
    assert store.messages.get(reply.id) == replace(reply, model="SmolLM2", provider=None)


def test_a_continued_reply_begins_with_text_and_grows_on(store: Store, say: Any) -> None:
    reply = say.reply(say.person("Hello"), "Once upon", reasoning="Hm")
    store.messages.append(reply.id, "text", " a time")
    assert say.load()[-1].content == "Once upon a time"
    assert say.load()[-1].reasoning == "Hm"


def test_another_reader_sees_the_text_saved_so_far(
    store: Store, say: Any, opened: Callable[[], Store]
) -> None:
    reply = say.reply(say.person("Hello"))
    reader = opened()
    before = reader.data_version()
    assert reader.data_version() == before
    store.messages.append(reply.id, "text", "Good")
    assert reader.data_version() != before
    assert reader.messages.load(say.conversation)[-1].content == "Good"


@pytest.mark.parametrize("status", FINAL)
def test_a_finished_reply_cannot_be_changed(store: Store, say: Any, status: Status) -> None:
    reply = say.reply(say.person("Hello"))
    end = store.messages.finish(replace(reply, content="Done", status=status))
    with pytest.raises(UsageError):
        store.messages.finish(replace(end, content="Other"))
    with pytest.raises(UsageError):
        store.messages.append(reply.id, "text", "more")
    assert say.load()[-1] == end


def test_saving_the_same_end_again_is_harmless(store: Store, say: Any) -> None:
    end = replace(say.reply(say.person("Hello")), content="Done", status=Status.COMPLETE)
    assert store.messages.finish(end) == store.messages.finish(end)


def test_the_database_itself_refuses_to_change_finished_rows(store: Store, say: Any) -> None:
    message = say.person("Hello")
    for column in ("content", "status", "parent", "created_at", "owner", "error", "provider"):
        with pytest.raises(apsw.ConstraintError), store.database.transaction():
            store.database.rows(f"UPDATE messages SET {column} = 'x'")
    for statement in (
        "DELETE FROM messages",
        "INSERT OR REPLACE INTO messages SELECT * FROM messages",
        "INSERT INTO chunks (message, kind, text) SELECT key, 'text', 'x' FROM messages",
    ):
        with pytest.raises(apsw.ConstraintError), store.database.transaction():
            store.database.rows(statement)
    assert say.load() == [message]


def test_the_database_itself_keeps_the_tree_whole(store: Store, say: Any, speaker: Any) -> None:
    stranger = speaker(store, store.conversations.create().id).person("Elsewhere")
    say.person("Hello")
    insert = (
        "INSERT INTO messages (id, conversation, parent, role, status, created_at, content)"
        " SELECT 'new', conversation, ?, 'user', 'complete', 0, '' FROM messages"
        " ORDER BY key DESC LIMIT 1"
    )
    for parent in (stranger.order, 10_000, -1):
        with pytest.raises(apsw.ConstraintError), store.database.transaction():
            store.database.rows(insert, (parent,))
    reply = say.reply(None)
    with pytest.raises(apsw.ConstraintError), store.database.transaction():
        store.database.rows("UPDATE messages SET parent = 1 WHERE key = ?", (reply.order,))


def test_the_tree_comes_back_with_all_its_branches(store: Store, say: Any) -> None:
    first = say.person("one")
    variants = [say.reply(first, f"reply {number}") for number in range(3)]
    for variant in variants:
        store.messages.finish(replace(variant, status=Status.COMPLETE))
    other_start = say.person("another one")
    deep = say.person("deeper", variants[1])
    tree = Tree(say.load(), store.conversations.get(say.conversation).active_leaf)
    assert [message.id for message in tree.path()] == [first.id, variants[1].id, deep.id]
    assert tree.siblings(variants[0].id) == [variant.id for variant in variants]
    assert tree.siblings(first.id) == [first.id, other_start.id]


def test_messages_stay_in_their_conversation(store: Store, say: Any, speaker: Any) -> None:
    other = speaker(store, store.conversations.create().id)
    question = say.person("here")
    elsewhere = other.person("there")
    assert say.load() == [question]
    assert other.load() == [elsewhere]
    with pytest.raises(UsageError):
        other.person("here, too", question)
    assert other.load() == [elsewhere]
    assert store.conversations.get(other.conversation).active_leaf == elsewhere.id


def test_what_cannot_be_a_message_is_refused(store: Store, say: Any) -> None:
    question = say.person("Hello")
    with pytest.raises(UsageError):
        say.person("again", id=question.id)
    with pytest.raises(UsageError):
        say.person("growing", status=Status.STREAMING)
    with pytest.raises(UsageError):
        say.reply(question, status=Status.COMPLETE)
    with pytest.raises(UsageError):
        store.messages.add(say.message(Role.SYSTEM, "Be brief.", None))
    with pytest.raises(NotFound):
        say.person("lost", parent_id="nothing")
    with pytest.raises(NotFound):
        say.person("lost", conversation_id="nothing")
    with pytest.raises(NotFound):
        store.messages.get("nothing")
    with pytest.raises(UsageError):
        store.messages.append("nothing", "text", "x")
    with pytest.raises(NotFound):
        store.messages.finish(say.message(Role.ASSISTANT, "", question))
    reply = say.reply(question)
    with pytest.raises(UsageError):
        store.messages.finish(reply)
    assert say.load() == [question, reply]


def test_a_deleted_branch_is_hidden_and_comes_back(store: Store, say: Any) -> None:
    first = say.person("one")
    second = say.person("two", first)
    third = say.person("three", second)
    other = say.person("other two", first)
    store.messages.delete_branch(second.id)
    store.messages.delete_branch(second.id)
    assert say.load() == [first, other]
    assert store.messages.get(third.id) == third
    store.messages.restore_branch(second.id)
    assert say.load() == [first, second, third, other]
    with pytest.raises(NotFound):
        store.messages.delete_branch("nothing")


def test_restoring_a_branch_leaves_deeper_deletions_deleted(store: Store, say: Any) -> None:
    first = say.person("one")
    second = say.person("two", first)
    third = say.person("three", second)
    store.messages.delete_branch(third.id)
    store.messages.delete_branch(second.id)
    store.messages.restore_branch(second.id)
    assert say.load() == [first, second]
    store.messages.restore_branch(third.id)
    assert say.load() == [first, second, third]


def test_imported_replies_keep_their_ends(store: Store, say: Any) -> None:
    question = say.person("Hello")
    ends = [
        store.messages.add(say.message(Role.ASSISTANT, "x", question, status=status))
        for status in FINAL
    ]
    assert say.load() == [question, *ends]


def test_a_speed_that_is_no_number_is_unknown(store: Store, say: Any) -> None:
    reply = say.reply(say.person("Hello"))
    end = replace(reply, status=Status.COMPLETE, usage=Usage(1, 0, 1, float("nan"), float("inf")))
    assert store.messages.finish(end).usage == Usage(1, 0, 1, None, None)


def test_half_a_surrogate_pair_is_replaced_and_the_rest_kept(store: Store, say: Any) -> None:
    saved = say.person("half \ud83d here, whole \ud83d\ude00 there")
    assert saved.content == "half \ufffd here, whole \U0001f600 there"
    reply = say.reply(saved)
    store.messages.append(reply.id, "text", "\udfff!")
    assert say.load() == [saved, replace(reply, content="\ufffd!")]


def test_a_failed_transaction_leaves_nothing(store: Store, say: Any) -> None:
    question = say.person("Hello")

    def both() -> None:
        with store.database.durable():
            say.person("one", question)
            say.person("two", question)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both()
    assert say.load() == [question]
    say.person("three", question)
    assert [message.content for message in say.load()] == ["Hello", "three"]


def test_an_inner_failure_takes_back_only_the_inner_changes(store: Store, say: Any) -> None:
    with store.database.durable():
        question = say.person("Hello")
        with pytest.raises(UsageError):
            say.person("again", id=question.id)
    assert say.load() == [question]


def test_messages_know_their_conversation_and_parent_alone(store: Store, say: Any) -> None:
    reply = say.reply(say.person("Hello"))
    assert isinstance(reply, Message)
    assert store.messages.get(reply.id) == reply
