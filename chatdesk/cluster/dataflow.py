"""The dataflow: prompts and answers come in, each user's dialogue goes on, jobs and records go out.

    python -m bytewax.run "chatdesk.cluster.dataflow:flow()"

(`chatdesk cluster run` starts it with its recovery store, in as many processes as wanted.) Two
streams are read: what users ask, and what was answered. A stateful step, keyed by user, turns them
into what is to be done next (dialogue.py). Asking a model is no part of the step: a job goes to the
process's network thread, and its answer comes back through the stream of answers; so a slow reply
holds up nobody else, and after a crash everything is taken up again from the streams.

The only module that knows Bytewax.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import KeyedStream, StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from chatdesk.cluster.answering import Job
from chatdesk.cluster.configuration import Configuration, from_environment
from chatdesk.cluster.dialogue import Dialogue, Exchange, Limits, Step
from chatdesk.cluster.prompts import Answer, Prompt, decode_answer, decode_prompt
from chatdesk.cluster.runtime import ANSWERS, PROMPTS, Asking, Runtime
from chatdesk.cluster.streams import Stored
from chatdesk.cluster.supervisor import end_with_supervisor
from chatdesk.providers.nats.fields import WireError
from chatdesk.store.exchanges import Exchanges, KeptExchange

log = logging.getLogger(__name__)

# Messages that a source gives in one go.
_BATCH = 128

# What goes into the stateful step: a prompt with its time, or an answer.
Entry = tuple[Prompt, float] | Answer


def flow(configuration: Configuration | None = None, asking: Asking | None = None) -> Dataflow:
    """The dataflow of this process. Raises UsageError where the environment does not configure it.

    asking: how workers are asked, None: over the same NATS server.
    """
    end_with_supervisor()
    if configuration is None:
        configuration = from_environment()
    if asking is None:
        from chatdesk.cluster.workers import asking_workers

        asking = asking_workers(configuration)
    runtime = Runtime(configuration, asking)
    limits = configuration.limits
    made = Dataflow("chatdesk")
    prompts = op.input("prompts", made, _Source(runtime, PROMPTS))
    answers = op.input("answers", made, _Source(runtime, ANSWERS))
    entries = op.merge(
        "entries",
        op.flat_map("read_prompts", prompts, _read_prompt),
        op.flat_map("read_answers", answers, _read_answer),
    )
    steps: KeyedStream[Step] = op.stateful_batch(
        "dialogue", entries, lambda resumed: _DialogueLogic(resumed, limits)
    )
    ways = op.branch("ways", steps, lambda keyed: isinstance(keyed[1], Exchange))
    op.output("keep", ways.trues, _Records(configuration))
    op.output("do", ways.falses, _Jobs(runtime))
    return made


def _read_prompt(message: Stored) -> Iterable[tuple[str, Entry]]:
    user = message.subject.rpartition(".")[2]
    try:
        yield user, (decode_prompt(message.data), message.at)
    except WireError as problem:  # whoever sent it cannot be told: it has no id
        log.warning("a prompt cannot be read: %s", problem.detail or problem.what)


def _read_answer(message: Stored) -> Iterable[tuple[str, Entry]]:
    user = message.subject.split(".")[-2]
    try:
        yield user, decode_answer(message.data)
    except WireError as problem:
        log.warning("an answer cannot be read: %s", problem.detail or problem.what)


class _DialogueLogic(StatefulBatchLogic[Entry, Step, Dialogue]):
    """One user's dialogue as Bytewax drives it."""

    def __init__(self, resumed: Dialogue | None, limits: Limits) -> None:
        self._dialogue = resumed if resumed is not None else Dialogue()
        self._limits = limits
        # Of a dialogue that was resumed: its current prompt is nobody's any more.
        self._to_resume = resumed is not None and resumed.current is not None

    def on_batch(self, values: list[Entry]) -> tuple[Iterable[Step], bool]:
        steps: list[Step] = []
        for value in values:
            if isinstance(value, Answer):
                steps += self._dialogue.answered(value)
            else:
                prompt, at = value
                steps += self._dialogue.prompted(prompt, at, self._limits)
        return steps, StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[Iterable[Step], bool]:
        steps: list[Step] = []
        if self._to_resume:
            self._to_resume = False
            steps += self._dialogue.resumed()
        return steps, StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        return datetime.now(UTC) if self._to_resume else None

    def snapshot(self) -> Dialogue:
        return copy.deepcopy(self._dialogue)


class _Source(FixedPartitionedSource[Stored, int]):
    """One stream as one partition: reading is cheap, the users are spread behind it."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._runtime = runtime
        self._name = name

    def list_parts(self) -> list[str]:
        return [self._name]

    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> StatefulSourcePartition[Stored, int]:
        return _Partition(self._runtime, for_part, resume_state or 0)


class _Partition(StatefulSourcePartition[Stored, int]):
    def __init__(self, runtime: Runtime, name: str, after: int) -> None:
        self._feed = runtime.feed(name, after)
        self._after = after

    def next_batch(self) -> Iterable[Stored]:
        taken = self._feed.take(_BATCH)
        if taken:
            self._after = taken[-1].number
        return taken

    def snapshot(self) -> int:
        return self._after


class _Jobs(DynamicSink[tuple[str, Any]]):
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def build(
        self, step_id: str, worker_index: int, worker_count: int
    ) -> StatelessSinkPartition[tuple[str, Any]]:
        return _JobsPartition(self._runtime)


class _JobsPartition(StatelessSinkPartition[tuple[str, Any]]):
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def write_batch(self, items: list[tuple[str, Any]]) -> None:
        self._runtime.do([Job(user, step) for user, step in items])


class _Records(DynamicSink[tuple[str, Any]]):
    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def build(
        self, step_id: str, worker_index: int, worker_count: int
    ) -> StatelessSinkPartition[tuple[str, Any]]:
        return _RecordsPartition(Exchanges(self._configuration.database))


class _RecordsPartition(StatelessSinkPartition[tuple[str, Any]]):
    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges

    def write_batch(self, items: list[tuple[str, Any]]) -> None:
        self._exchanges.add([_kept(user, exchange) for user, exchange in items])

    def close(self) -> None:
        self._exchanges.close()


def _kept(user: str, exchange: Exchange) -> KeptExchange:
    prompt, answer = exchange.prompt, exchange.answer
    return KeptExchange(
        user=user,
        request_id=prompt.id,
        at=exchange.at,
        prompt=prompt.text,
        response=answer.text,
        model=answer.model,
        begins=prompt.forget,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )
