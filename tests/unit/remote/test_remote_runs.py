"""Runs of replies: side by side, stopped at any moment, and ended exactly once whatever happens."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Errors
from faults import DONE, STALL, Repeat, chunk, error, faulty, good, reply
from faulty_person import KEY, MODEL, Open, Person, faulty_person

from chatdesk.chat.events import Event, Failed, Finished, is_last
from chatdesk.chat.messages import SamplingParameters
from chatdesk.chat.provider import Request
from chatdesk.credentials import Secret
from chatdesk.errors import ChatdeskError, KeyringError, ProviderError
from chatdesk.providers.remote.loop import THREAD_NAME, LoopThread
from chatdesk.providers.remote.problems import KeyProblem


def remote_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("chatdesk")]


def test_nothing_runs_before_it_is_needed_and_nothing_after(tmp_path: Path) -> None:
    with faulty_person(tmp_path / "data") as person:
        assert remote_threads() == []
        person.say()
        assert remote_threads() == [THREAD_NAME]
    assert remote_threads() == []
    assert person.provider.close()


def test_nothing_can_be_started_after_closing(tmp_path: Path) -> None:
    with faulty_person(tmp_path / "data") as person:
        pass
    with pytest.raises(ProviderError, match="closing"):
        person.begin()
    with pytest.raises(ProviderError, match="closing"):
        person.provider.models(person.profile)
    assert remote_threads() == []


def test_many_replies_are_written_side_by_side(person: Person) -> None:
    with faulty(reply(chunk("Other"), STALL)) as other:
        person.add("Other", other.base_url)
        held = person.start("other:model", "Hi").until_text()
        person.server.answers = [good("Yes")]
        runs = [person.begin(str(n)) for n in range(20)]
        assert [run.wait().text for run in runs] == ["Yes"] * 20
        assert not held.ended
        assert held.cancel().reason == "cancelled"


def test_closing_ends_every_reply_and_every_question(tmp_path: Path) -> None:
    with faulty_person(tmp_path / "data", reply(chunk("Half"), STALL)) as person:
        runs = [person.begin(str(n)) for n in range(5)]
        runs[0].until_text()
        person.server.list_answer = (STALL,)
        asked = person.provider.models(person.profile)
        assert person.provider.close()
        assert [run.wait().reason for run in runs] == ["cancelled"] * 5
        assert asked.cancelled()


def test_a_reply_can_be_stopped_before_it_begins(person: Person) -> None:
    run = person.begin()
    assert run.cancel().reason == "cancelled"
    run.cancel()


def test_a_reply_can_be_stopped_from_any_thread_at_any_moment(person: Person) -> None:
    """Each run gets exactly one last event: Reply.deliver fails for another one."""
    person.server.answers = [good(*"abcdefgh")]
    runs = [person.begin() for _ in range(30)]
    with ThreadPoolExecutor(8) as pool:
        for run in runs:
            assert run.run is not None
            pool.submit(run.run.cancel)
            pool.submit(run.run.cancel)
    for run in runs:
        assert run.wait().reason in ("cancelled", "stop")


def test_a_stopped_reply_tells_what_it_cost_so_far(person: Person) -> None:
    person.server.answers = [reply(chunk("Half a reply"), STALL)]
    stopped = person.begin().until_text().cancel()
    assert stopped.usage.estimated
    assert stopped.usage.completion_tokens == 3
    assert stopped.usage.first_token_ms is not None


def test_usage_is_the_servers_own_where_it_tells(person: Person) -> None:
    counted = chunk("Yes", "stop").replace(
        b'"choices"', b'"usage": {"prompt_tokens": 7, "completion_tokens": 3}, "choices"'
    )
    told = person.meets(reply(counted, DONE))
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (7, 3)
    assert not told.usage.estimated


def test_a_bug_in_who_gets_the_events_is_logged_and_ends_only_that_reply(
    person: Person, allow_errors: Errors
) -> None:
    told: list[Event] = []
    ended = threading.Event()

    def deliver(event: Event) -> None:
        told.append(event)
        if is_last(event):
            ended.set()
        if len(told) == 3:
            raise ValueError("a bug")

    request = Request("c", (), SamplingParameters(), model=f"faulty:{MODEL}")
    person.provider.start(request, deliver)
    assert ended.wait(30)
    assert isinstance(told[-1], Failed)
    assert "inside Chatdesk" in told[-1].error.what
    assert person.say().text == "Yes."
    assert any("remote reply" in text for text in allow_errors.texts)


def test_a_bug_while_a_reply_is_asked_for_is_logged_and_told(
    person: Person, allow_errors: Errors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chatdesk.providers.remote.plan.fit", broken)
    assert "inside Chatdesk" in person.say().error.what
    assert allow_errors.texts


def test_the_thread_ends_with_a_program_that_forgets_to_close(tmp_path: Path) -> None:
    program = (
        "from chatdesk.providers.remote.loop import LoopThread\n"
        "import asyncio\n"
        "loop = LoopThread()\n"
        "loop.submit(lambda: asyncio.sleep(600))\n"
        "print('left')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (ran.stdout, ran.stderr) == ("left\n", "")


def test_a_loop_closes_from_within_without_waiting_for_itself() -> None:
    loop = LoopThread()
    closed: list[bool] = []
    done = threading.Event()

    def close() -> None:
        closed.append(loop.close(5))
        done.set()

    loop.call(close)
    assert done.wait(30)
    assert closed == [False]
    assert loop.close(5)


# -- keys ------------------------------------------------------------------------------------------


def test_a_missing_key_is_told_before_anything_is_sent(person: Person) -> None:
    person.accounts.delete_key(person.profile)
    told = person.say()
    assert isinstance(told.error, KeyProblem)
    assert 'chatdesk keys set "Faulty"' in told.error.in_terminal
    assert "chatdesk" not in told.error.in_window and "Settings" in told.error.in_window
    assert (person.server.asked, person.server.lists) == ([], [])


def test_a_key_is_asked_for_anew_with_each_reply(person: Person) -> None:
    person.say()
    person.accounts.set_key(person.profile, Secret("sk-another-key-123456"), remember=False)
    person.say()
    sent = [asked.headers["authorization"] for asked in person.server.asked]
    assert sent == [f"Bearer {KEY}", "Bearer sk-another-key-123456"]


def test_without_a_key_none_is_sent(open_person: Open) -> None:
    person = open_person(key="")
    assert person.say().text == "Yes."
    assert "authorization" not in person.server.asked[0].headers
    assert "wants a key" in person.meets(error(401, "no")).error.what


def test_a_slow_keyring_is_waited_for_with_a_word_and_can_be_given_up(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(_profile: object) -> None:
        asked.set()
        answer.wait(30)

    monkeypatch.setattr(person.accounts, "key", slow)
    run = person.begin()
    run.until(lambda r: any("keyring" in w.why for w in r.of(Event) if hasattr(w, "why")))
    assert run.cancel().reason == "cancelled"
    answer.set()


def test_a_keyring_that_fails_is_told(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_profile: object) -> None:
        raise KeyringError("The keyring is locked.", "Unlock it.")

    monkeypatch.setattr(person.accounts, "key", locked)
    assert isinstance(person.say().error, KeyringError)


def test_a_provider_that_is_gone_is_told(person: Person) -> None:
    person.accounts.remove(person.profile)
    told = person.say()
    assert isinstance(told.error, ChatdeskError)
    assert "no provider" in told.error.what


def test_the_last_event_of_each_kind() -> None:
    assert is_last(Finished("stop")) and is_last(Failed(ProviderError("x")))


def test_a_stream_of_small_pieces_is_told_whole(person: Person) -> None:
    many = reply(Repeat(chunk("la "), 2000), chunk(reason="stop"), DONE)
    assert person.meets(many).text == "la " * 2000
