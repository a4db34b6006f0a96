"""The session: what a person does with a conversation, and that no word is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatdesk.chat.events import Delta, Event, Failed, Finished, PromptProgress, Started
from chatdesk.chat.messages import Conversation, Message, Role, Status, Usage
from chatdesk.chat.provider import Deliver, Request
from chatdesk.errors import Busy, ProviderError, StoreError, UsageError
from chatdesk.paths import DataDir
from chatdesk.session import Session, Silent
from chatdesk.settings import Settings, settings_with
from chatdesk.store import Store, open_store


class HeldRun:
    """A run whose events the test delivers."""

    def __init__(self, request: Request, deliver: Deliver) -> None:
        self.id = request.run_id
        self.request = request
        self.deliver = deliver
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1

    def say(self, *texts: str) -> None:
        for text in texts:
            self.deliver(Delta("text", text))

    def finish(self, *texts: str) -> None:
        self.say(*texts)
        self.deliver(Finished("stop", Usage(10, 4, 3, 50.0, 40.0)))


class HeldProvider:
    def __init__(self) -> None:
        self.runs: list[HeldRun] = []

    def start(self, request: Request, deliver: Deliver) -> HeldRun:
        self.runs.append(HeldRun(request, deliver))
        return self.runs[-1]

    @property
    def last(self) -> HeldRun:
        return self.runs[-1]


class Record(Silent):
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def conversation_changed(self, conversation: Conversation) -> None:
        self.told.append(("conversation", conversation.id))

    def message_added(self, message: Message) -> None:
        self.told.append(("added", message.role))

    def reply_event(self, message_id: str, event: Event) -> None:
        self.told.append(("event", event))

    def message_finished(self, message: Message) -> None:
        self.told.append(("finished", message.status))

    def path_changed(self, conversation_id: str) -> None:
        self.told.append(("path", conversation_id))

    def trouble(self, error: StoreError) -> None:
        self.told.append(("trouble", error))

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A session over a real database, with everything a test wants to look at."""

    def __init__(self, folder: Path) -> None:
        self.data = DataDir(folder)
        self.data.create()
        self.store: Store = open_store(self.data)
        self.provider = HeldProvider()
        self.record = Record()
        self.clock = Clock()
        self.settings = Settings()
        self.session = self.new_session()
        self.conversation = self.session.new_conversation().id

    def new_session(self) -> Session:
        return Session(
            self.store,
            self.provider,
            lambda: self.settings,
            self.record,
            clock=self.clock,
            monotonic=self.clock,
        )

    def stored(self) -> list[Message]:
        """The active path as the database has it."""
        return self.new_session().tree(self.conversation).path()

    def texts(self) -> list[str]:
        return [m.content for m in self.stored()]

    def exchange(self, question: str, answer: str) -> Message:
        reply = self.session.send(self.conversation, question)
        self.provider.last.finish(answer)
        return self.session.tree(self.conversation).get(reply.id)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "data")
    yield desk
    desk.session.close()
    desk.store.close()


def test_the_message_is_saved_before_the_provider_is_asked(desk: Desk) -> None:
    saved: list[list[str]] = []

    def start(request: Request, deliver: Deliver) -> HeldRun:
        saved.append(desk.texts())
        return HeldRun(request, deliver)

    desk.provider.start = start  # type: ignore[method-assign]
    desk.session.send(desk.conversation, "Hello")
    assert saved == [["Hello", ""]]


def test_a_reply_streams_and_is_complete_in_the_end(desk: Desk) -> None:
    reply = desk.session.send(desk.conversation, "Hello")
    run = desk.provider.last
    run.deliver(Started("SmolLM2", 2048, 12))
    run.deliver(PromptProgress(12, 12))
    run.finish("Hi ", "there")
    stored = desk.stored()[-1]
    assert (stored.id, stored.content, stored.status) == (reply.id, "Hi there", Status.COMPLETE)
    assert stored.model == "SmolLM2"
    assert stored.usage == Usage(10, 4, 3, 50.0, 40.0)
    assert stored.finish_reason == "stop"
    assert desk.session.streaming(desk.conversation) is None


def test_the_provider_gets_the_path_and_the_system_prompt(desk: Desk) -> None:
    desk.session.configure(desk.conversation, "Be brief.", {"temperature": 0.0})
    desk.exchange("One", "1")
    desk.session.send(desk.conversation, "Two")
    request = desk.provider.last.request
    assert [(m.role, m.content) for m in request.messages] == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "One"),
        (Role.ASSISTANT, "1"),
        (Role.USER, "Two"),
    ]
    assert request.parameters.temperature == 0.0


def test_an_empty_system_prompt_of_the_conversation_hides_that_of_the_settings(desk: Desk) -> None:
    desk.settings = settings_with({"chat.system_prompt": "From the settings."})
    desk.session.send(desk.conversation, "One")
    assert desk.provider.last.request.messages[0].content == "From the settings."
    desk.provider.last.finish("1")
    desk.session.configure(desk.conversation, "", {})
    desk.session.send(desk.conversation, "Two")
    assert desk.provider.last.request.messages[0].role is Role.USER


def test_text_is_in_the_database_before_the_reply_is_complete(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Hello")
    desk.provider.last.say("One ")
    desk.clock.now += 0.25
    desk.provider.last.say("two")
    assert desk.texts()[-1] == "One two"


def test_the_last_piece_before_a_silence_is_saved_by_the_tick(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Hello")
    desk.provider.last.say("One")
    assert desk.texts()[-1] == ""
    desk.clock.now += 0.21
    desk.session.tick()
    assert desk.texts()[-1] == "One"


def test_a_stopped_reply_keeps_its_text(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Hello")
    desk.provider.last.say("Half a")
    assert desk.session.stop(desk.conversation)
    assert desk.provider.last.cancelled == 1
    desk.provider.last.deliver(Finished("cancelled", Usage(completion_tokens=2)))
    stored = desk.stored()[-1]
    assert (stored.content, stored.status) == ("Half a", Status.STOPPED)


def test_a_run_that_never_confirms_the_stop_does_not_hold_the_conversation(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Hello")
    desk.provider.last.say("Half")
    desk.session.stop(desk.conversation)
    desk.clock.now += 2
    desk.session.tick()
    assert desk.stored()[-1].status is Status.STOPPED
    desk.provider.last.finish(" late words")
    assert desk.texts()[-1] == "Half"


def test_nothing_is_stopped_where_nothing_streams(desk: Desk) -> None:
    assert not desk.session.stop(desk.conversation)


def test_a_failed_reply_keeps_its_text_and_says_why(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Hello")
    desk.provider.last.say("Half")
    desk.provider.last.deliver(Failed(ProviderError("The model is gone.", "Choose another.")))
    stored = desk.stored()[-1]
    assert (stored.content, stored.status) == ("Half", Status.FAILED)
    assert stored.error == "The model is gone. Choose another."


def test_a_provider_may_deliver_everything_before_it_returns(desk: Desk) -> None:
    def start(request: Request, deliver: Deliver) -> HeldRun:
        run = HeldRun(request, deliver)
        run.finish("At once")
        return run

    desk.provider.start = start  # type: ignore[method-assign]
    desk.session.send(desk.conversation, "Hello")
    assert desk.texts() == ["Hello", "At once"]


def test_a_provider_that_refuses_to_start_makes_a_failed_reply(desk: Desk) -> None:
    def start(request: Request, deliver: Deliver) -> HeldRun:
        raise ProviderError("The worker is gone.")

    desk.provider.start = start  # type: ignore[method-assign]
    desk.session.send(desk.conversation, "Hello")
    assert desk.stored()[-1].status is Status.FAILED
    assert desk.session.streaming(desk.conversation) is None


def test_regenerating_keeps_the_old_reply_as_a_variant(desk: Desk) -> None:
    first = desk.exchange("Hello", "First")
    second = desk.session.regenerate(desk.conversation, first.id)
    desk.provider.last.finish("Second")
    tree = desk.session.tree(desk.conversation)
    assert tree.variant(second.id) == (2, 2)
    assert desk.texts() == ["Hello", "Second"]
    desk.session.select_variant(desk.conversation, second.id, -1)
    assert desk.texts() == ["Hello", "First"]


def test_an_edit_starts_a_branch_and_the_old_one_stays(desk: Desk) -> None:
    desk.exchange("One", "1")
    desk.exchange("Two", "2")
    asked = desk.stored()[2]
    desk.session.edit(desk.conversation, asked.id, "Three")
    desk.provider.last.finish("3")
    assert desk.texts() == ["One", "1", "Three", "3"]
    assert [m.content for m in desk.provider.last.request.messages] == ["One", "1", "Three"]
    edited = desk.stored()[2]
    desk.session.select_variant(desk.conversation, edited.id, -1)
    assert desk.texts() == ["One", "1", "Two", "2"]


def test_a_continued_reply_begins_with_what_was_written(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Count")
    desk.provider.last.say("One, ")
    desk.session.stop(desk.conversation)
    desk.provider.last.deliver(Finished("cancelled"))
    stopped = desk.stored()[-1]
    desk.session.continue_reply(desk.conversation, stopped.id)
    assert desk.provider.last.request.continuation == "One, "
    desk.provider.last.finish("two")
    assert desk.texts() == ["Count", "One, two"]
    assert desk.stored()[-1].status is Status.COMPLETE
    assert desk.session.tree(desk.conversation).get(stopped.id) == stopped


def test_replies_without_a_word_are_not_sent_to_the_model(desk: Desk) -> None:
    desk.session.send(desk.conversation, "One")
    desk.provider.last.deliver(Failed(ProviderError("No.")))
    desk.session.send(desk.conversation, "Two")
    assert [m.content for m in desk.provider.last.request.messages] == ["One", "Two"]


@pytest.mark.parametrize("text", ["", "  ", "\n\t\n"])
def test_an_empty_message_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(UsageError):
        desk.session.send(desk.conversation, text)
    assert desk.stored() == []


def test_one_conversation_has_one_reply_at_a_time(desk: Desk) -> None:
    reply = desk.session.send(desk.conversation, "One")
    for attempt in (
        lambda: desk.session.send(desk.conversation, "Two"),
        lambda: desk.session.regenerate(desk.conversation, reply.id),
        lambda: desk.session.continue_reply(desk.conversation, reply.id),
    ):
        with pytest.raises(Busy):
            attempt()
    assert desk.texts() == ["One", ""]


def test_two_conversations_stream_side_by_side_and_nothing_is_mixed_up(desk: Desk) -> None:
    other = desk.session.new_conversation().id
    desk.session.send(desk.conversation, "Here")
    desk.session.send(other, "There")
    here, there = desk.provider.runs
    here.say("a")
    there.say("x")
    here.say("b")
    assert desk.session.streaming_conversations() == {desk.conversation, other}
    there.finish("y")
    here.finish("c")
    session = desk.new_session()
    assert [m.content for m in session.tree(desk.conversation).path()] == ["Here", "abc"]
    assert [m.content for m in session.tree(other).path()] == ["There", "xy"]


def test_a_deleted_branch_comes_back_with_undo(desk: Desk) -> None:
    desk.exchange("One", "1")
    second = desk.exchange("Two", "2")
    asked = second.parent_id
    assert asked is not None
    removed = desk.session.delete_branch(desk.conversation, asked)
    assert desk.texts() == ["One", "1"]
    desk.session.restore_branch(removed)
    assert desk.texts() == ["One", "1", "Two", "2"]


def test_deleting_the_growing_branch_stops_its_reply(desk: Desk) -> None:
    reply = desk.session.send(desk.conversation, "One")
    desk.provider.last.say("1")
    assert reply.parent_id is not None
    removed = desk.session.delete_branch(desk.conversation, reply.parent_id)
    assert desk.provider.last.cancelled
    assert desk.texts() == []
    desk.session.restore_branch(removed)
    assert desk.texts() == ["One", "1"]


def test_a_deleted_conversation_is_in_the_trash_until_it_is_restored(desk: Desk) -> None:
    desk.session.send(desk.conversation, "One")
    desk.provider.last.say("1")
    desk.session.delete([desk.conversation])
    assert desk.store.conversations.list() == []
    desk.session.restore([desk.conversation])
    assert desk.texts() == ["One", "1"]
    assert desk.stored()[-1].status is Status.STOPPED


def test_the_first_message_names_the_conversation_until_the_person_does(desk: Desk) -> None:
    def title() -> str:
        return desk.store.conversations.get(desk.conversation).title

    desk.exchange("Name the *planets*", "Mercury")
    assert title() == "Name the planets"
    desk.exchange("And the moons", "Luna")
    assert title() == "Name the planets"
    desk.session.rename(desk.conversation, "  Astronomy\n class ")
    assert title() == "Astronomy class"
    first = desk.stored()[0]
    desk.session.edit(desk.conversation, first.id, "Something else")
    assert title() == "Astronomy class"
    desk.provider.last.finish("")
    desk.session.rename(desk.conversation, "")
    assert title() == "Something else"


def test_closing_marks_the_growing_reply_as_interrupted(desk: Desk) -> None:
    desk.session.send(desk.conversation, "One")
    desk.provider.last.say("1, ")
    desk.session.close()
    assert desk.provider.last.cancelled
    stored = desk.stored()[-1]
    assert (stored.content, stored.status) == ("1, ", Status.INTERRUPTED)
    with pytest.raises(Busy):
        desk.session.send(desk.conversation, "Two")


def test_text_that_cannot_be_saved_now_is_saved_later(desk: Desk) -> None:
    desk.session.send(desk.conversation, "One")
    messages = desk.store.messages
    append, finish = messages.append, messages.finish
    full = StoreError("The disk is full.", "Free some space.")

    def refuse(*_: object) -> None:
        raise full

    object.__setattr__(messages, "append", refuse)
    object.__setattr__(messages, "finish", refuse)
    desk.provider.last.say("1, ")
    desk.clock.now += 1
    desk.provider.last.finish("2")
    assert ("trouble", full) in desk.record.told
    assert desk.session.streaming(desk.conversation) is not None
    object.__setattr__(messages, "append", append)
    object.__setattr__(messages, "finish", finish)
    desk.clock.now += 2
    desk.session.tick()
    assert desk.texts() == ["One", "1, 2"]
    assert desk.stored()[-1].status is Status.COMPLETE


def test_the_listener_is_told_in_the_order_of_things(desk: Desk) -> None:
    desk.record.told.clear()
    desk.session.send(desk.conversation, "One")
    desk.provider.last.finish("1")
    names = [n for n in desk.record.names() if n != "conversation"]
    assert names == ["added", "added", "event", "finished"]
    desk.record.told.clear()
    desk.session.regenerate(desk.conversation, desk.stored()[-1].id)
    assert [n for n in desk.record.names() if n != "conversation"] == ["path"]


def test_many_conversations_do_not_stay_in_memory_but_their_replies_do(desk: Desk) -> None:
    desk.session.send(desk.conversation, "One")
    for _ in range(40):
        desk.session.tree(desk.session.new_conversation().id)
    desk.provider.last.finish("1")
    assert desk.session.tree(desk.conversation).path()[-1].content == "1"


def test_a_reply_being_written_is_saved_with_the_name_of_its_model(desk: Desk) -> None:
    desk.session.send(desk.conversation, "Hello")
    desk.provider.last.deliver(Started("SmolLM2", 2048, 10))
    assert desk.stored()[-1].model == "SmolLM2"
