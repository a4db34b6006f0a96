"""The scripted provider says its lines, one at a time or all at once, alone or in a worker."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started, Waiting
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ProviderError
from chatdesk.headless import Worker
from chatdesk.providers.scripted import ScriptedProvider


def request(text: str = "Hi there") -> Request:
    return Request("c", (PromptMessage(Role.USER, text, "m"),))


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_nothing_happens_before_a_step() -> None:
    events: list[Event] = []
    provider = ScriptedProvider(["a", "b"])
    run = provider.start(request(), events.append)
    assert events == []
    run.steps(2)
    assert events == [Started("scripted"), Delta("text", "a")]
    run.finish()
    assert kinds(events) == ["Started", "Delta", "Delta", "Finished"]
    assert run.step() is None


def test_a_cancelled_run_ends_with_the_next_step() -> None:
    events: list[Event] = []
    run = ScriptedProvider(["a", "b"]).start(request(), events.append)
    run.steps(2)
    run.cancel()
    run.cancel()
    run.finish()
    last = events[-1]
    assert isinstance(last, Finished) and last.reason == "cancelled"
    assert len(events) == 3


def test_an_error_in_the_script_or_from_outside_ends_the_run() -> None:
    error = ProviderError("No.", "Try again.")
    events: list[Event] = []
    ScriptedProvider([Waiting("loading"), error]).start(request(), events.append).finish()
    assert events == [Waiting("loading"), Failed(error)]
    events.clear()
    run = ScriptedProvider(["a", "b"]).start(request(), events.append)
    run.steps(2)
    run.fail(error)
    assert events[-1] == Failed(error) and run.ended


def test_scripts_are_used_in_turn_and_may_look_at_the_request() -> None:
    provider = ScriptedProvider(["one"], lambda request: [request.messages[-1].content.upper()])
    for _ in range(3):
        provider.start(request("hey"), lambda event: None).finish()
    texts = [[e.text for e in run.delivered if isinstance(e, Delta)] for run in provider.runs]
    assert texts == [["one"], ["HEY"], ["HEY"]]


def test_a_worker_gives_the_events_on_the_callers_thread() -> None:
    with Worker(ScriptedProvider(["a", "b"])) as worker:
        assert kinds(list(worker.events(request()))) == ["Started", "Delta", "Delta", "Finished"]
        text = "".join(e.text for e in worker.events(request()) if isinstance(e, Delta))
        assert text == "ab"


def test_leaving_the_loop_cancels_and_the_worker_goes_on() -> None:
    provider = ScriptedProvider(["a"] * 1000, ["fine"], pace=0.0001)
    with Worker(provider) as worker:
        for event in worker.events(request()):
            if isinstance(event, Delta):
                break
        assert provider.runs[0].ended and provider.runs[0].cancelled
        assert Delta("text", "fine") in list(worker.events(request()))


def test_ctrl_c_cancels_the_reply_and_comes_through() -> None:
    provider = ScriptedProvider(["a"] * 1000, pace=0.0001)
    with Worker(provider) as worker:
        with pytest.raises(KeyboardInterrupt):
            for event in worker.events(request()):
                if isinstance(event, Delta):
                    raise KeyboardInterrupt
        assert provider.last.cancelled and provider.last.ended


def test_a_worker_that_dies_is_told_and_not_waited_for(monkeypatch: Any) -> None:
    class Broken(ScriptedProvider):
        def pump(self) -> None:
            raise OSError("gone")

    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    with Worker(Broken()) as worker, pytest.raises(ProviderError) as raised:
        list(worker.events(request()))
    assert "gone" in raised.value.detail


def test_thousands_of_workers_leave_no_thread() -> None:
    before = threading.active_count()
    for _ in range(1000):
        with Worker(ScriptedProvider()):
            pass
    assert threading.active_count() == before


def test_nothing_starts_after_shutdown() -> None:
    provider = ScriptedProvider()
    provider.shutdown()
    with pytest.raises(ProviderError):
        provider.start(request(), lambda event: None)
