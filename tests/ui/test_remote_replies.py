"""Replies from providers in the window: marked, waited for, cut and gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice, Started, Waiting
from chatdesk.chat.messages import Status, Usage
from chatdesk.errors import ProviderError, Remedy, ReplyInterrupted
from chatdesk.ui.transcript.entries import Entry

if TYPE_CHECKING:
    from tests.ui.conftest import HeldRun, Person
else:
    HeldRun = Person = Any

BUSY = "Mistral is busy"
CUT = ReplyInterrupted("The connection to Mistral was lost.", "Continue it, or try again.")
STARTED = Started("open-mixtral-8x7b", 32_768, 1_234, estimated=True, provider="Mistral")
ESTIMATE = Usage(1_234, None, 321, 200.0, 41.0, estimated=True)


@pytest.fixture(autouse=True)
def _chosen(person: Person) -> None:
    """Mistral is set up, and answers in the conversation that is begun."""
    person.accounts.profiles.add("Mistral", "mistral")
    person.desk.answering.choose_remote("mistral:open-mixtral-8x7b")


def last(person: Person) -> Entry:
    return person.transcript.entries()[-1]


def activity(person: Person) -> str:
    """What the last reply is said to wait for."""
    return person.transcript.content.messages[-1].activity[0]


def ask(person: Person, *events: Event) -> HeldRun:
    """Send a message that a provider answers with these events."""
    run = person.send("Hello")
    for event in events:
        run.deliver(event)
    return run


# -- the mark --------------------------------------------------------------------------------------


def test_a_remote_reply_is_marked_while_it_streams_and_after_a_start(person: Person) -> None:
    run = ask(person, STARTED, Delta("text", "Hi"))
    assert (last(person).name, last(person).provider) == ("open-mixtral-8x7b", "Mistral")
    run.deliver(Finished("stop", ESTIMATE))
    assert last(person).provider == "Mistral"
    person.end()
    person.start()
    assert (last(person).name, last(person).provider) == ("open-mixtral-8x7b", "Mistral")


def test_a_reply_is_marked_before_the_provider_says_a_word(person: Person) -> None:
    ask(person)
    assert (last(person).name, last(person).provider) == ("open-mixtral-8x7b", "Mistral")


def test_a_local_reply_beside_it_is_not_marked(person: Person) -> None:
    ask(person, STARTED, Delta("text", "Hi"), Finished("stop", ESTIMATE))
    person.desk.session.set_model(person.current, None)
    ask(person, Started("SmolLM2", 2048, 10), Delta("text", "Hi"), Finished("stop"))
    assert [entry.provider for entry in person.transcript.entries()] == ["", "Mistral", "", ""]


def test_names_of_a_server_are_one_line(person: Person) -> None:
    ask(person, Started("model\nof\x07 a \u202eserver", provider="My\tserver"), Finished("stop"))
    assert (last(person).name, last(person).provider) == ("model of a server", "My server")


# -- waiting ---------------------------------------------------------------------------------------


def test_a_wait_counts_down_where_the_reply_will_stand(person: Person) -> None:
    run = ask(person, Waiting("connecting", "Connecting to Mistral"))
    assert activity(person) == "Connecting to Mistral"
    for seconds, words in ((6.4, "7 s"), (5.4, "6 s")):
        run.deliver(Waiting("retrying", BUSY, seconds))
        assert activity(person) == f"Mistral is busy. Trying again in {words}"
        assert "activity" in [one.key[0] for one in person.transcript.shown]
    run.deliver(STARTED)
    assert activity(person) == "Thinking"
    run.say("Hi")
    person.qtbot.waitUntil(lambda: person.shown()[-1] == "Hi")
    assert activity(person) == ""


def test_a_continued_reply_waits_visibly_below_what_it_has(person: Person) -> None:
    ask(person, STARTED, Delta("text", "Half"), Finished("length"))
    person.act(-1, "continue")
    person.provider.last.deliver(Waiting("retrying", BUSY, 3.0))
    assert person.shown()[-1] == "Half"
    assert "activity" in [one.key[0] for one in person.transcript.shown]
    person.provider.last.say(" and half")
    person.qtbot.waitUntil(lambda: person.shown()[-1] == "Half and half")
    assert "activity" not in [one.key[0] for one in person.transcript.shown]


def test_escape_ends_the_wait(person: Person) -> None:
    run = ask(person, Waiting("retrying", BUSY, 60.0))
    person.key(Qt.Key.Key_Escape)
    assert run.cancelled
    run.deliver(Finished("cancelled"))
    assert last(person).status is Status.STOPPED
    assert person.window.composer.send_button.isVisible()


def test_a_wait_is_still_counted_when_one_comes_back_to_the_conversation(person: Person) -> None:
    run = ask(person, Waiting("retrying", BUSY, 9.0))
    conversation = person.current
    person.desk.conversations.new()
    run.deliver(Waiting("retrying", BUSY, 8.0))
    person.desk.conversations.open(conversation)
    assert activity(person) == "Mistral is busy. Trying again in 8 s"


def test_each_wait_is_read_out_once(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(person.transcript, "say", said.append)
    run = ask(person)
    for seconds in (2.0, 1.0, 0.1, 4.0, 3.0):
        run.deliver(Waiting("retrying", BUSY, seconds))
    assert said == [f"{BUSY}. Trying again in {n} s" for n in (2, 4)]


def test_a_notice_is_told_once_and_the_reply_goes_on(person: Person) -> None:
    notice = Notice("Mistral does not take min_p: it was left out.")
    ask(person, notice, STARTED, Delta("text", "Hi"), Finished("stop"))
    assert notice.text in person.toasts
    before = len(person.window.toasts.texts)
    ask(person, notice, STARTED, Finished("stop"))
    assert len(person.window.toasts.texts) == before


# -- cut replies -----------------------------------------------------------------------------------


def test_a_cut_reply_keeps_its_words_and_says_what_happened(person: Person) -> None:
    ask(person, STARTED, Delta("text", "The keeper"), Failed(CUT, ESTIMATE))
    entry = last(person)
    assert (person.shown()[-1], entry.status) == ("The keeper", Status.INTERRUPTED)
    assert entry.error == "The connection to Mistral was lost. Continue it, or try again."
    assert "error" in [one.key[0] for one in person.transcript.shown]
    person.end()
    person.start()
    assert last(person).error == entry.error
    assert last(person).broken


@pytest.mark.parametrize("action", ["continue", "retry"])
def test_a_cut_reply_can_be_continued_or_tried_again(person: Person, action: str) -> None:
    ask(person, STARTED, Delta("text", "The keeper"), Failed(CUT))
    person.act(-1, action)
    again = person.provider.last
    assert again.request.continuation == ("The keeper" if action == "continue" else "")
    again.finish(" climbed.")
    assert person.shown()[-1] == ("The keeper climbed." if action == "continue" else " climbed.")
    assert last(person).variant == (2, 2)


def test_both_ways_on_are_real_buttons_and_actions_of_a_screen_reader(person: Person) -> None:
    ask(person, STARTED, Delta("text", "The keeper"), Failed(CUT))
    names = {"Continue", "Try again"}
    buttons = person.window.findChildren(object, "retryAction")
    assert [b.accessibleName() for b in buttons if b.isVisible()] == ["Try again"]
    buttons = person.window.findChildren(object, "continueAction")
    assert [b.accessibleName() for b in buttons if b.isVisible()] == ["Continue"]
    item = person.transcript.accessible().item(last(person).id)
    assert names <= set(item._actions.actionNames())
    assert item.text(QAccessible.Text.Name) == (
        "Reply from open-mixtral-8x7b · Mistral, interrupted: The connection to Mistral was lost. "
        "Continue it, or try again. The keeper"
    )
    assert "This reply came from Mistral, outside Chatdesk" in item.text(
        QAccessible.Text.Description
    )


def test_a_refused_reply_is_a_failure_with_one_way_on(person: Person) -> None:
    ask(person, Failed(ProviderError("Mistral does not accept the key.", "Check it.")))
    assert last(person).status is Status.FAILED
    assert not last(person).can_continue
    person.act(-1, "retry")
    assert len(person.provider.runs) == 2


# -- figures ---------------------------------------------------------------------------------------


def test_estimates_are_marked_in_the_meters_and_stay_so_at_the_next_start(person: Person) -> None:
    run = ask(person, STARTED)
    meter = person.window.header.meter
    assert (meter.text(), meter.isVisible()) == ("≈4%", True)
    run.say("Hi")
    run.deliver(Finished("stop", ESTIMATE))
    told = "About 1,600 of 32,768 tokens of the context are used (estimated)."
    assert meter.toolTip() == told
    assert last(person).meter == "≈41 tok/s · 0.2 s"
    assert last(person).meter_detail.splitlines() == [
        "About 41 tokens per second (estimated)",
        "First token after 0.20 seconds",
        "About 1,200 tokens read (estimated)",
        "About 320 tokens written (estimated)",
    ]
    person.end()
    person.start()
    assert person.window.header.meter.toolTip() == told


def test_what_the_server_counted_replaces_the_estimate(person: Person) -> None:
    ask(person, STARTED, Delta("text", "Hi"), Finished("stop", Usage(1_300, None, 20)))
    assert person.window.header.meter.toolTip().startswith("1,320 of 32,768 tokens")


def test_an_unknown_limit_is_never_the_local_models(person: Person) -> None:
    ask(
        person,
        Started("large", None, 1_234, estimated=True, provider="Mistral"),
        Delta("text", "Hi"),
        Finished("stop", Usage(1_234, None, 0, estimated=True)),
    )
    for _ in range(2):
        meter = person.window.header.meter
        assert meter.toolTip() == (
            "About 1,200 tokens are used (estimated); the provider does not tell its limit."
        )
        person.end()
        person.start()


def test_what_no_longer_fits_is_marked_for_a_provider_too(person: Person) -> None:
    ask(person, STARTED, Delta("text", "Hi"), Finished("stop", ESTIMATE))
    first = person.transcript.entries()[0].id
    run = ask(person)
    run.deliver(Started("large", 1_000, 900, (first,), estimated=True, provider="Mistral"))
    assert person.transcript.entries()[0].left_out
    assert "does not see it" in person.window.header.meter.toolTip()


@pytest.mark.parametrize("key, action", [(True, "key"), (False, "provider")])
def test_a_failed_reply_leads_to_where_it_is_mended(
    person: Person, monkeypatch: pytest.MonkeyPatch, key: bool, action: str
) -> None:
    opened: list[tuple[str, bool]] = []

    def show(profile_id: str, *, key: bool) -> None:
        opened.append((profile_id, key))

    monkeypatch.setattr(person.desk.commands, "show_providers", show)
    way = Remedy("It is in Settings.", "Use: chatdesk.", "the-id", key=key)
    person.send("Hello").deliver(Failed(ProviderError("No.", "Check it.", remedy=way)))
    assert last(person).error == "No. Check it."  # the button is the way
    assert last(person).error_mend == action
    person.act(-1, action)
    assert opened == [("the-id", key)]


def test_a_failed_reply_without_a_remedy_offers_none(person: Person) -> None:
    person.send("Hello").deliver(Failed(ProviderError("No.")))
    assert last(person).error_mend == ""
