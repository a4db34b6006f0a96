"""A provider that is removed, or changed, while one of its replies has not begun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from faults import DONE, STALL, Repeat, chunk, error, faulty, good, reply
from faulty_person import Open, Person

from chatdesk.chat.events import Waiting
from chatdesk.credentials import Secret
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profile, Profiles
from chatdesk.providers.remote.standing import ProviderChanged

BUSY = error(503, "Oh", "Retry-After: 200")


def waiting(person: Person) -> None:
    """The person's server is busy, and their wait for it never ends by itself."""
    person.server.answers = [BUSY, good("Too late")]
    person.clock.hold = True


def test_a_wait_ends_when_the_provider_is_removed(person: Person) -> None:
    waiting(person)
    run = person.begin().until(lambda reply: bool(reply.retries))
    person.accounts.remove(person.profile)
    told = run.wait()
    assert isinstance(told.error, ProviderChanged)
    assert "Faulty was removed" in told.error.what
    assert told.error.advice
    assert len(person.server.asked) == 1


def test_a_wait_ends_when_the_address_changes_and_neither_address_is_asked(person: Person) -> None:
    with faulty(good("Thanks")) as other:
        waiting(person)
        run = person.begin().until(lambda reply: bool(reply.retries))
        person.accounts.change(replace(person.profile, base_url=other.base_url))
        told = run.wait()
        assert "address of Faulty was changed" in told.error.what
        assert told.error.retryable
        assert (other.asked, other.lists, len(person.server.asked)) == ([], [], 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda profile: replace(profile, headers=(("X-Team", "blue"),)),
        lambda profile: replace(profile, needs_key=False),
        lambda profile: replace(profile, kind="vllm"),
        lambda profile: replace(profile, allow_http=True),
        lambda profile: replace(profile, base_url=f"{profile.base_url}/other"),
    ],
)
def test_whatever_decides_what_is_sent_ends_a_wait(
    person: Person, change: Callable[[Profile], Profile]
) -> None:
    waiting(person)
    run = person.begin().until(lambda reply: bool(reply.retries))
    person.accounts.change(change(person.profile))
    assert "changed before it answered" in run.wait().error.what
    assert len(person.server.asked) == 1


def test_a_new_name_or_model_ends_nothing(person: Person) -> None:
    person.server.answers = [error(503, "Oh"), good("Now")]
    sleep = person.clock.sleep

    async def renamed(seconds: float) -> None:
        if not person.clock.slept:
            person.accounts.change(replace(person.profile, name="New", default_model="other"))
        await sleep(seconds)

    object.__setattr__(person.provider._patience, "sleep", renamed)
    assert person.say().text == "Now"


def test_what_another_process_removed_is_not_asked_again(person: Person, tmp_path: Path) -> None:
    (folder,) = tmp_path.glob("data-*")
    elsewhere = Profiles(DataDir(folder))
    sleep = person.clock.sleep

    async def removed(seconds: float) -> None:
        if not person.clock.slept:
            elsewhere.remove(elsewhere.find("Faulty").id)
        await sleep(seconds)

    object.__setattr__(person.provider._patience, "sleep", removed)
    told = person.meets(error(503, "Oh"), good("Too late"))
    assert "Faulty was removed" in told.error.what
    assert len(person.server.asked) == 1


@pytest.mark.parametrize("moved", [False, True])
def test_a_key_that_comes_after_the_provider_went_is_not_sent(
    person: Person, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    asked, answer, given = threading.Event(), threading.Event(), threading.Event()

    def slow(_profile: object) -> Secret:
        asked.set()
        answer.wait(30)
        given.set()
        return Secret("sk-too-late-0123456789")

    monkeypatch.setattr(person.accounts, "key", slow)
    run = person.begin()
    assert asked.wait(30)
    if moved:
        person.accounts.change(replace(person.profile, base_url="http://127.0.0.1:9/v1"))
    else:
        person.accounts.remove(person.profile)
    told = run.wait()
    assert isinstance(told.error, ProviderChanged)
    answer.set()
    assert given.wait(30)
    assert (person.server.asked, person.server.lists) == ([], [])


def test_a_request_without_an_answer_yet_is_taken_back(person: Person) -> None:
    person.server.answers = [(STALL,)]
    run = person.begin()
    person.server.wait_until_asked()
    person.accounts.remove(person.profile)
    assert isinstance(run.wait().error, ProviderChanged)
    person.server.wait_until_a_client_is_gone()


def test_a_list_of_models_that_is_waited_for_is_taken_back(person: Person) -> None:
    person.server.list_answer = (STALL,)
    run = person.begin().until(lambda reply: bool(reply.of(Waiting)))
    person.accounts.remove(person.profile)
    assert isinstance(run.wait().error, ProviderChanged)
    assert person.server.asked == []


def test_a_reply_that_has_begun_is_written_to_its_end(person: Person) -> None:
    rest = Repeat(chunk("la "), 30, 0.01)
    person.server.answers = [reply(chunk("Half "), rest, chunk(reason="stop"), DONE)]
    run = person.begin().until_text()
    person.accounts.remove(person.profile)
    told = run.wait()
    assert told.reason == "stop"
    assert told.text == "Half " + "la " * 30


def test_other_providers_go_on(open_person: Open) -> None:
    person = open_person()
    waiting(person)
    with faulty(reply(chunk("Other "), STALL)) as other:
        added = person.add("Other", other.base_url)
        held = person.start(f"{added.id}:model", "Hi").until_text()
        busy = person.begin().until(lambda reply: bool(reply.retries))
        person.accounts.remove(person.profile)
        busy.wait()
        assert not held.ended
        held.cancel()
