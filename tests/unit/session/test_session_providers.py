"""Replies from providers: whose they are, how they end when cut, and that no choice is implied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice, Started, Waiting
from chatdesk.chat.messages import Conversation, Message, Status, Usage
from chatdesk.chat.provider import Deliver, Request
from chatdesk.errors import NotFound, ProviderError, Remedy, ReplyInterrupted
from chatdesk.paths import DataDir
from chatdesk.session import Session, Silent
from chatdesk.settings import Settings
from chatdesk.store import open_store

CUT = ReplyInterrupted("The connection to Mistral was lost.", "Continue it, or try again.")
REFUSED = ProviderError("Mistral does not accept the key.", "Check it in the settings.")


class Run:
    def __init__(self, request: Request, deliver: Deliver) -> None:
        self.id = request.run_id
        self.request = request
        self.deliver = deliver

    def cancel(self) -> None: ...


class Held(Silent):
    """A provider whose runs the test delivers, and a listener that keeps what it was told."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.events: list[Event] = []
        self.changed: list[Conversation] = []

    def start(self, request: Request, deliver: Deliver) -> Run:
        self.runs.append(Run(request, deliver))
        return self.runs[-1]

    def reply_event(self, message_id: str, event: Event) -> None:
        self.events.append(event)

    def conversation_changed(self, conversation: Conversation) -> None:
        self.changed.append(conversation)


class Desk:
    def __init__(self, folder: Path) -> None:
        self.store = open_store(DataDir(folder))
        self.held = Held()
        self.default: str | None = None
        self.session = Session(
            self.store,
            self.held,
            Settings,
            self.held,
            model_for_new=lambda: self.default,
            remote=lambda model: (model.partition(":")[2], "Mistral") if ":" in model else None,
        )

    def conversation(self, model: str | None = None) -> str:
        return self.session.new_conversation(model=model).id

    def ask(self, conversation: str, *events: Event) -> Message:
        """Send a message and deliver events; returns the reply as it is then."""
        reply = self.session.send(conversation, "Hello")
        self.deliver(*events)
        return self.reply(reply)

    def deliver(self, *events: Event) -> None:
        for event in events:
            self.held.runs[-1].deliver(event)

    def reply(self, reply: Message) -> Message:
        message = self.session.tree(reply.conversation_id).get(reply.id)
        return self.session.so_far(message)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "data")
    yield desk
    desk.session.close()
    desk.store.close()


def test_the_way_to_mend_a_failed_reply_is_known_and_not_saved_with_it(desk: Desk) -> None:
    way = Remedy("Add it in Settings.", "Add it with: chatdesk keys set.", "id", key=True)
    reply = desk.ask(desk.conversation("mistral:m"), Failed(ProviderError("No key.", remedy=way)))
    assert reply.error == desk.store.messages.get(reply.id).error == "No key."
    assert desk.session.remedy(reply.id) == way
    other = desk.ask(desk.conversation("mistral:m"), Failed(REFUSED))
    assert desk.session.remedy(other.id) is None


# -- whose a reply is ------------------------------------------------------------------------------


def test_a_remote_reply_is_marked_before_it_begins_and_after_it_ended(desk: Desk) -> None:
    reply = desk.ask(desk.conversation("mistral:open-mixtral-8x7b"))
    assert (reply.model, reply.provider) == ("open-mixtral-8x7b", "Mistral")
    desk.deliver(Started("open-mixtral-8x7b-2409", 32768, 12, estimated=True, provider="Mistral"))
    streaming = desk.reply(reply)
    assert (streaming.model, streaming.provider) == ("open-mixtral-8x7b-2409", "Mistral")
    assert desk.store.messages.get(reply.id).provider == "Mistral"  # should the process die now
    usage = Usage(12, None, 2, 200.0, 50.0, estimated=True)
    desk.deliver(Delta("text", "Hi."), Finished("stop", usage))
    ended = desk.store.messages.get(reply.id)
    assert (ended.status, ended.provider, ended.usage) == (Status.COMPLETE, "Mistral", usage)


def test_a_local_reply_is_no_providers(desk: Desk) -> None:
    reply = desk.ask(desk.conversation(), Started("SmolLM2"), Delta("text", "Hi"))
    assert (reply.model, reply.provider) == ("SmolLM2", None)


def test_a_remote_reply_continued_by_the_local_model_is_the_local_models(desk: Desk) -> None:
    conversation = desk.conversation("mistral:large")
    first = desk.ask(conversation, Delta("text", "Once"), Finished("length"))
    desk.session.set_model(conversation, None)
    reply = desk.session.continue_reply(conversation, first.id)
    assert (desk.reply(reply).model, desk.reply(reply).provider) == (None, None)
    desk.deliver(Started("SmolLM2"), Delta("text", " upon"), Finished("stop"))
    assert desk.reply(reply).content == "Once upon"
    assert (desk.reply(reply).model, desk.reply(reply).provider) == ("SmolLM2", None)
    assert desk.reply(first).provider == "Mistral"


# -- how it ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "reasoning"])
def test_a_reply_cut_after_its_first_words_is_interrupted_and_says_why(
    desk: Desk, kind: str
) -> None:
    reply = desk.ask(
        desk.conversation("mistral:large"),
        Started("large", provider="Mistral"),
        Delta("text" if kind == "text" else "reasoning", "The keeper climbed"),
        Failed(CUT, Usage(12, None, 3, estimated=True)),
    )
    stored = desk.store.messages.get(reply.id)
    assert stored.status is Status.INTERRUPTED
    assert (stored.content or stored.reasoning) == "The keeper climbed"
    assert stored.error == "The connection to Mistral was lost. Continue it, or try again."
    assert stored.usage == Usage(12, None, 3, estimated=True)


def test_a_reply_that_never_began_has_failed(desk: Desk) -> None:
    reply = desk.ask(desk.conversation("mistral:large"), Failed(CUT))
    assert desk.store.messages.get(reply.id).status is Status.FAILED


def test_a_refusal_is_a_failure_with_its_advice(desk: Desk) -> None:
    reply = desk.ask(desk.conversation("mistral:large"), Failed(REFUSED))
    stored = desk.store.messages.get(reply.id)
    assert (stored.status, stored.provider) == (Status.FAILED, "Mistral")
    assert stored.error == "Mistral does not accept the key. Check it in the settings."


def test_an_interrupted_reply_can_be_continued_and_tried_again(desk: Desk) -> None:
    conversation = desk.conversation("mistral:large")
    first = desk.ask(conversation, Delta("text", "Half"), Failed(CUT))
    again = desk.session.continue_reply(conversation, first.id)
    assert desk.held.runs[-1].request.continuation == "Half"
    desk.deliver(Failed(CUT))  # before any word of its own
    assert desk.reply(again).status is Status.FAILED
    assert desk.reply(again).content == "Half"
    desk.session.regenerate(conversation, again.id)
    assert desk.held.runs[-1].request.continuation == ""
    desk.deliver(Finished("stop"))


def test_what_the_provider_waits_for_and_notes_reaches_the_listener(desk: Desk) -> None:
    events: tuple[Event, ...] = (
        Waiting("connecting"),
        Waiting("retrying", "Mistral is busy", 7.0),
        Notice("Mistral does not take min_p: it was left out."),
        Started("large", provider="Mistral"),
        Notice("Another."),
    )
    desk.ask(desk.conversation("mistral:large"), *events)
    assert tuple(desk.held.events) == events
    desk.deliver(Finished("stop"))


# -- which model -----------------------------------------------------------------------------------


def test_another_model_answers_from_the_next_message_on_and_a_reply_being_written_goes_on(
    desk: Desk,
) -> None:
    conversation = desk.conversation()
    reply = desk.ask(conversation, Started("SmolLM2"), Delta("text", "One "))
    desk.session.set_model(conversation, "mistral:large")
    assert desk.held.changed[-1].model == "mistral:large"
    assert len(desk.held.runs) == 1
    desk.deliver(Delta("text", "two"), Finished("stop"))
    ended = desk.store.messages.get(reply.id)
    assert (ended.content, ended.model, ended.provider) == ("One two", "SmolLM2", None)
    desk.ask(conversation)
    assert desk.held.runs[-1].request.model == "mistral:large"


def test_going_back_to_the_default_model_is_going_back_to_a_local_one(desk: Desk) -> None:
    desk.default = "mistral:large"
    conversation = desk.conversation()
    desk.session.set_model(conversation, None)
    desk.ask(conversation)
    assert desk.held.runs[-1].request.model is None


def test_setting_the_model_of_an_unknown_conversation_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.session.set_model("nowhere", "mistral:large")


def test_a_remote_default_is_written_into_new_conversations_and_into_no_other(desk: Desk) -> None:
    before = desk.conversation()
    desk.default = "mistral:large"
    made = desk.session.new_conversation(title="New")
    assert made.model == "mistral:large"
    assert desk.session.new_conversation(model="SmolLM2").model == "SmolLM2"
    desk.ask(before)
    assert desk.held.runs[-1].request.model is None
    desk.deliver(Finished("stop"))
    desk.default = None
    desk.ask(made.id)
    assert desk.held.runs[-1].request.model == "mistral:large"


@pytest.mark.parametrize(
    "act",
    [
        lambda session, first: session.regenerate(first.conversation_id, first.id),
        lambda session, first: session.continue_reply(first.conversation_id, first.id),
        lambda session, first: session.edit(first.conversation_id, first.parent_id, "Else"),
        lambda session, first: session.send(first.conversation_id, "More"),
    ],
    ids=["regenerate", "continue", "edit", "send"],
)
def test_nothing_but_a_choice_sends_a_local_conversation_to_a_provider(
    desk: Desk, act: Callable[[Session, Message], Message]
) -> None:
    conversation = desk.conversation()
    first = desk.ask(conversation, Delta("text", "Half"), Finished("length"))
    desk.default = "mistral:large"
    act(desk.session, first)
    assert desk.held.runs[-1].request.model is None
    desk.deliver(Finished("stop"))
    desk.session.set_model(conversation, "mistral:large")
    act(desk.session, first)
    assert desk.held.runs[-1].request.model == "mistral:large"


def test_what_a_switch_will_send_is_told_of_the_active_path(desk: Desk) -> None:
    conversation = desk.conversation()
    desk.ask(conversation, Delta("text", "Hi"), Finished("stop"))
    found = desk.session.outgoing(conversation)
    assert (found.messages, found.characters >= len("HelloHi")) == (2, True)
    assert "2 earlier messages" in found.told("Mistral")
