"""The worker thread seen from the GUI."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from chatdesk.chat.events import Delta, Event, Finished
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import Deliver, PromptMessage, Request
from chatdesk.ui.bridge import CarriedProvider, ModelWorker, WorkerProvider


class EchoRun:
    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


class EchoEngine:
    """Pumps jobs given from other threads, as the real engine does."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self.pumped_in: threading.Thread | None = None

    def pump(self) -> None:
        self.pumped_in = threading.current_thread()
        while (job := self.jobs.get()) is not None:
            job()

    def start(self, request: Request, deliver: Deliver) -> EchoRun:
        run = EchoRun(request.run_id)

        def answer() -> None:
            for word in request.messages[-1].content.split():
                deliver(Delta("text", word))
            deliver(Finished("cancelled" if run.cancelled.is_set() else "stop"))

        self.jobs.put(answer)
        return run

    def shutdown(self) -> None:
        self.jobs.put(None)


@pytest.fixture
def worker(qapp: object) -> Iterator[ModelWorker]:
    worker = ModelWorker()
    worker.use(EchoEngine())
    worker.start()
    yield worker
    assert worker.close()


def request(text: str) -> Request:
    return Request("c", (PromptMessage(Role.USER, text),))


def test_events_arrive_in_order_in_the_gui_thread(worker: ModelWorker, qtbot: QtBot) -> None:
    events: list[Event] = []
    threads: set[QThread] = set()

    def deliver(event: Event) -> None:
        events.append(event)
        threads.add(QThread.currentThread())

    here = QThread.currentThread()
    WorkerProvider(worker).start(request("one two three"), deliver)
    assert events == []
    qtbot.waitUntil(lambda: bool(events) and isinstance(events[-1], Finished))
    assert [e.text for e in events[:-1] if isinstance(e, Delta)] == ["one", "two", "three"]
    assert threads == {here}


def test_each_token_is_a_signal_with_its_run(worker: ModelWorker, qtbot: QtBot) -> None:
    tokens: list[tuple[str, str]] = []
    done: list[Event] = []
    worker.token.connect(lambda run, text: tokens.append((run, text)))
    asked = request("one two")
    WorkerProvider(worker).start(asked, done.append)
    qtbot.waitUntil(lambda: bool(done) and isinstance(done[-1], Finished))
    assert tokens == [(asked.run_id, "one"), (asked.run_id, "two")]


def test_ten_thousand_tokens_of_two_runs_are_neither_lost_nor_mixed(
    worker: ModelWorker, qtbot: QtBot
) -> None:
    heard: dict[str, list[str]] = {"a": [], "b": []}
    left = {"a", "b"}

    def listener(name: str) -> Callable[[Event], None]:
        def deliver(event: Event) -> None:
            if isinstance(event, Delta):
                heard[name].append(event.text)
            else:
                left.discard(name)

        return deliver

    for name in ("a", "b"):
        text = " ".join(f"{name}{i}" for i in range(5_000))
        WorkerProvider(worker).start(request(text), listener(name))
    qtbot.waitUntil(lambda: not left, timeout=20_000)
    assert heard == {name: [f"{name}{i}" for i in range(5_000)] for name in ("a", "b")}


def test_the_models_state_is_told_in_the_gui_thread(worker: ModelWorker, qtbot: QtBot) -> None:
    with qtbot.waitSignal(worker.state_changed) as caught:
        threading.Thread(target=worker.tell_state, args=("ready",)).start()
    assert caught.args == ["ready"]


def test_closing_joins_the_thread_and_drops_late_events(qapp: object, qtbot: QtBot) -> None:
    worker = ModelWorker()
    engine = EchoEngine()
    worker.use(engine)
    worker.start()
    events: list[Event] = []
    WorkerProvider(worker).start(request("one two"), events.append)
    assert worker.close()
    assert worker.isFinished()
    qapp.processEvents()  # type: ignore[attr-defined]
    assert events == []


def test_qt_survives_more_calls_than_its_broken_release_does(qapp: object) -> None:
    """PySide6 6.12.0 loses a reference to None per void call on Python below 3.12 and aborts."""
    thread = QThread()
    for _ in range(20_000):
        thread.setObjectName("x")
    assert thread.objectName() == "x"


def test_a_bug_that_one_event_causes_does_not_hold_back_the_others(
    worker: ModelWorker, qtbot: QtBot
) -> None:
    events: list[Event] = []

    def deliver(event: Event) -> None:
        events.append(event)
        if len(events) == 1:
            raise ZeroDivisionError

    with qtbot.captureExceptions() as exceptions:
        WorkerProvider(worker).start(request("one two"), deliver)
        qtbot.waitUntil(lambda: len(events) == 3)
    assert [kind for kind, _, _ in exceptions] == [ZeroDivisionError]
    assert events[-1] == Finished("stop")


class OwnThreads:
    """A provider that delivers from a thread for each reply, as one with a loop of its own."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def start(self, request: Request, deliver: Deliver) -> EchoRun:
        def answer() -> None:
            for word in request.messages[-1].content.split():
                deliver(Delta("text", word))
            deliver(Finished("stop"))

        thread = threading.Thread(target=answer)
        self.threads.append(thread)
        thread.start()
        return EchoRun(request.run_id)


def test_replies_of_a_provider_with_its_own_thread_arrive_in_the_gui_thread(
    qapp: object, qtbot: QtBot
) -> None:
    provider = CarriedProvider(OwnThreads())
    heard: list[tuple[Event, QThread]] = []
    provider.start(request("one two"), lambda event: heard.append((event, QThread.currentThread())))
    assert heard == []
    qtbot.waitUntil(lambda: len(heard) == 3)
    assert [event for event, _ in heard] == [
        Delta("text", "one"),
        Delta("text", "two"),
        Finished("stop"),
    ]
    assert {thread for _, thread in heard} == {QThread.currentThread()}


def test_a_closed_carrier_delivers_nothing_more(qapp: object) -> None:
    own = OwnThreads()
    provider = CarriedProvider(own)
    heard: list[Event] = []
    provider.start(request("one two"), heard.append)
    provider.close()
    for thread in own.threads:
        thread.join()
    qapp.processEvents()  # type: ignore[attr-defined]
    assert heard == []
