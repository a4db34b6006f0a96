"""The session when something goes wrong: the disk, another process, a listener, the order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatdesk.chat.events import Delta, Event, Finished
from chatdesk.chat.messages import Message, Role, Status, new_id
from chatdesk.chat.provider import Deliver, Request
from chatdesk.errors import Busy, StoreError
from chatdesk.paths import DataDir
from chatdesk.session import Session, Silent
from chatdesk.settings import Settings
from chatdesk.store import Store, open_store

FULL = StoreError("The disk is full.", "Free some space.")


class Run:
    def __init__(self, request: Request, deliver: Deliver) -> None:
        self.id = request.run_id
        self.request = request
        self.deliver = deliver

    def cancel(self) -> None: ...

    def finish(self, text: str) -> None:
        self.deliver(Delta("text", text))
        self.deliver(Finished("stop"))


class Ears(Silent):
    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.finished: list[Message] = []
        self.paths: list[str] = []
        self.on_added: Callable[[Message], None] = lambda message: None
        self.on_event: Callable[[Event], None] = lambda event: None

    def trouble(self, error: StoreError) -> None:
        self.troubles.append(str(error))

    def message_added(self, message: Message) -> None:
        self.on_added(message)

    def message_finished(self, message: Message) -> None:
        self.finished.append(message)

    def path_changed(self, conversation_id: str) -> None:
        self.paths.append(conversation_id)

    def reply_event(self, message_id: str, event: Event) -> None:
        self.on_event(event)


class House:
    """One database; session() is another process's look at it."""

    def __init__(self, folder: Path) -> None:
        self.data = DataDir(folder)
        self.data.create()
        self.store: Store = open_store(self.data)
        self.runs: list[Run] = []
        self.ears = Ears()
        self.now = 1000.0
        self.session = Session(self.store, self, Settings, self.ears, monotonic=lambda: self.now)
        self.conversation = self.session.new_conversation().id

    def start(self, request: Request, deliver: Deliver) -> Run:
        self.runs.append(Run(request, deliver))
        return self.runs[-1]

    def exchange(self, question: str, answer: str) -> Message:
        reply = self.session.send(self.conversation, question)
        self.runs[-1].finish(answer)
        return self.session.tree(self.conversation).get(reply.id)

    def stored(self) -> list[Message]:
        return Session(self.store, self, Settings).tree(self.conversation).path()

    def shown(self) -> list[str]:
        return [m.content for m in self.session.tree(self.conversation).path()]

    def texts(self) -> list[str]:
        return [m.content for m in self.stored()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "data")
    yield house
    house.session.close()
    house.store.close()


def refuse(*_: object, **__: object) -> None:
    raise FULL


def test_a_message_is_saved_with_its_reply_or_not_at_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.messages), "begin_reply", refuse)
        with pytest.raises(StoreError):
            house.session.send(house.conversation, "Hello")
    assert house.texts() == []
    house.exchange("Hello", "Hi")
    assert house.texts() == house.shown() == ["Hello", "Hi"]


def test_a_title_that_cannot_be_saved_sends_no_message_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.conversations), "rename", refuse)
        with pytest.raises(StoreError):
            house.session.send(house.conversation, "Hello")
    house.exchange("Hello", "Hi")
    assert len(house.store.messages.load(house.conversation)) == 2


def test_a_reply_that_is_saved_is_shown_even_if_the_list_cannot_be_changed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.session.send(house.conversation, "Hello")
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.conversations), "touch", refuse)
        house.runs[-1].finish("Hi")
    assert house.shown() == ["Hello", "Hi"]
    assert [m.content for m in house.ears.finished] == ["Hi"]
    assert house.ears.troubles == [str(FULL)]


def test_a_listener_that_fails_does_not_keep_the_reply_from_starting(house: House) -> None:
    def fail(_message: Message) -> None:
        raise ZeroDivisionError

    house.ears.on_added = fail
    with pytest.raises(ZeroDivisionError):
        house.session.send(house.conversation, "Hello")
    house.runs[-1].finish("Hi")
    assert house.texts() == ["Hello", "Hi"]
    assert house.session.streaming(house.conversation) is None


def test_a_full_disk_is_told_once_and_tried_again_ever_more_rarely(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def count(*_: object) -> None:
        tried.append(house.now)
        raise FULL

    house.session.send(house.conversation, "Hello")
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.messages), "append", count)
        for step in range(600):
            house.now += 0.05
            house.runs[-1].deliver(Delta("text", f"{step} "))
            house.session.tick()
    assert house.ears.troubles == [str(FULL)]
    assert len(tried) < 8
    house.now += 10
    house.session.tick()
    house.runs[-1].deliver(Finished("stop"))
    assert house.texts()[-1] == "".join(f"{step} " for step in range(600))


def test_everything_that_has_come_can_be_saved_at_once(house: House) -> None:
    house.session.send(house.conversation, "Hello")
    house.runs[-1].deliver(Delta("text", "Half"))
    house.session.save()
    assert house.texts() == ["Hello", "Half"]


def test_the_words_of_a_reply_that_another_process_ended_are_kept_beside_it(house: House) -> None:
    reply = house.session.send(house.conversation, "Hello")
    house.runs[-1].deliver(Delta("text", "One"))
    house.session.save()
    house.store.database.rows(
        "UPDATE messages SET status = 'interrupted', owner = NULL WHERE id = ?", (reply.id,)
    )
    house.runs[-1].deliver(Delta("text", ", two"))
    house.now += 1
    house.session.tick()
    house.runs[-1].deliver(Finished("stop"))
    assert house.session.streaming(house.conversation) is None
    assert house.texts() == house.shown() == ["Hello", "One, two"]
    assert house.stored()[-1].status is Status.COMPLETE
    assert house.conversation in house.ears.paths


def test_a_variant_that_cannot_be_saved_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.exchange("Hello", "First")
    house.session.regenerate(house.conversation, first.id)
    house.runs[-1].finish("Second")
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.conversations), "set_active_leaf", refuse)
        with pytest.raises(StoreError):
            house.session.select_variant(house.conversation, first.id, 0)
    assert house.shown() == ["Hello", "Second"]


def test_a_branch_that_cannot_be_deleted_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = house.exchange("Hello", "Hi")
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.conversations), "set_active_leaf", refuse)
        with pytest.raises(StoreError):
            house.session.delete_branch(house.conversation, reply.id)
    assert house.shown() == house.texts() == ["Hello", "Hi"]


def test_branches_deleted_inside_each_other_come_back_in_any_order(house: House) -> None:
    house.exchange("One", "1")
    last = house.exchange("Two", "2")
    asked = last.parent_id
    assert asked is not None
    inner = house.session.delete_branch(house.conversation, last.id)
    outer = house.session.delete_branch(house.conversation, asked)
    house.session.restore_branch(inner)
    assert house.shown() == ["One", "1"]
    house.session.restore_branch(outer)
    assert house.shown() == house.texts() == ["One", "1", "Two", "2"]


def test_a_deleted_branch_comes_back_after_the_conversation_was_read_again(house: House) -> None:
    house.exchange("One", "1")
    last = house.exchange("Two", "2")
    removed = house.session.delete_branch(house.conversation, last.id)
    house.session.forget(house.conversation)
    house.session.restore_branch(removed)
    assert house.shown() == ["One", "1", "Two", "2"]


def test_deleting_the_first_message_leaves_an_empty_conversation_to_write_in(house: House) -> None:
    house.exchange("One", "1")
    first = house.stored()[0]
    removed = house.session.delete_branch(house.conversation, first.id)
    assert house.shown() == []
    house.exchange("Two", "2")
    assert house.shown() == ["Two", "2"]
    house.session.restore_branch(removed)
    assert len(house.session.tree(house.conversation).children(None)) == 2


def test_writing_into_a_conversation_in_the_trash_takes_it_out(house: House) -> None:
    house.exchange("One", "1")
    house.store.conversations.delete([house.conversation])  # as the command line does
    house.exchange("Two", "2")
    assert [c.id for c in house.store.conversations.list()] == [house.conversation]


def _reply_of_another(house: House, store: Store) -> Message:
    asked = store.messages.add(
        Message(new_id(), house.conversation, None, Role.USER, "From the terminal", 1.0)
    )
    return store.messages.begin_reply(
        Message(
            new_id(), house.conversation, asked.id, Role.ASSISTANT, "", 2.0,
            status=Status.STREAMING,
        )
    )  # fmt: skip


def test_nothing_is_said_into_a_reply_that_another_process_writes(house: House) -> None:
    other = open_store(house.data)
    reply = _reply_of_another(house, other)
    with pytest.raises(Busy):
        house.session.send(house.conversation, "Me too")
    other.messages.append(reply.id, "text", "Hi")
    assert house.session.look_again(house.conversation)
    assert house.shown() == ["From the terminal", "Hi"]
    assert not house.session.look_again(house.conversation)
    with pytest.raises(Busy):
        house.session.send(house.conversation, "Me too")
    other.close()
    house.exchange("Now", "Yes")  # the other process is gone: its reply is over
    assert house.shown() == ["From the terminal", "Hi", "Now", "Yes"]
    assert house.stored()[1].status is Status.INTERRUPTED


def test_a_reply_goes_on_when_its_conversation_is_read_again(house: House) -> None:
    house.session.send(house.conversation, "Hello")
    house.runs[-1].deliver(Delta("text", "One"))
    house.session.save()
    house.session.forget(house.conversation)
    house.session.tree(house.conversation)
    house.runs[-1].finish(", two")
    assert house.shown() == house.texts() == ["Hello", "One, two"]
