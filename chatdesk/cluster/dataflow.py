"""The dataflow: prompts and answers come in, each user's dialogue goes on, jobs and records go out.

    python -m bytewax.run "chatdesk.cluster.dataflow:flow()"

(`chatdesk cluster run` starts it with its recovery store, in as many processes as wanted.) Two
streams are read: what users ask, and what was answered, first of all what was answered before this
start. A stateful step, keyed by user, turns them
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
from chatdesk.cluster.dialogue import Allowance, Dialogue, Exchange, Refuse, Step
from chatdesk.cluster.prompts import (
    Answer,
    Prompt,
    UnreadablePrompt,
    decode_answer,
    decode_prompt,
)
from chatdesk.cluster.runtime import ANSWERS, PROMPTS, Asking, Runtime, end_process
from chatdesk.cluster.streams import Stored
from chatdesk.cluster.supervisor import end_with_supervisor
from chatdesk.errors import StoreError
from chatdesk.providers.nats.fields import WireError
from chatdesk.store.exchanges import Exchanges, KeptExchange

log = logging.getLogger(__name__)

# Messages that a source gives in one go.
_BATCH = 128

# What is read: of which stream a message is, and the message.
Read = tuple[str, Stored]
# What goes into the stateful step: a prompt with its time, an answer, or why a prompt is none.
Entry = tuple[Prompt, float] | Answer | Refuse


def flow(configuration: Configuration | None = None, asking: Asking | None = None) -> Dataflow:
    """The dataflow of this process. Raises UsageError where the environment does not configure it.

    asking: how workers are asked, None: over the same NATS server.
    """
    end_with_supervisor()
    if configuration is None:
        configuration = from_environment()
    if asking is None:
        from chatdesk.cluster.asking import asking_workers

        asking = asking_workers(configuration)
    runtime = Runtime(configuration, asking)
    allowance = configuration.allowance
    made = Dataflow("chatdesk")
    entries = op.flat_map("read", op.input("streams", made, _Source(runtime)), _read)
    steps: KeyedStream[Step] = op.stateful_batch(
        "dialogue", entries, lambda resumed: _DialogueLogic(resumed, allowance)
    )
    ways = op.branch("ways", steps, lambda keyed: isinstance(keyed[1], Exchange))
    op.output("keep", ways.trues, _Records(configuration))
    op.output("do", ways.falses, _Jobs(runtime))
    return made


def _read(read: Read) -> Iterable[tuple[str, Entry]]:
    name, message = read
    try:
        if name == ANSWERS:
            yield message.subject.split(".")[-2], decode_answer(message.data)
        else:
            user = message.subject.rpartition(".")[2]
            try:
                yield user, (decode_prompt(message.data), message.at)
            except UnreadablePrompt as problem:
                yield user, Refuse(problem.prompt_id, problem.told)
    except WireError as problem:  # whoever sent it cannot be told: it has no id
        log.warning("a message in %s cannot be read: %s", name, problem.detail or problem.what)


class _DialogueLogic(StatefulBatchLogic[Entry, Step, Dialogue]):
    """One user's dialogue as Bytewax drives it."""

    def __init__(self, resumed: Dialogue | None, allowance: Allowance) -> None:
        self._dialogue = resumed if resumed is not None else Dialogue()
        self._allowance = allowance
        # Of a dialogue that was resumed: its current prompt is nobody's any more.
        self._to_resume = resumed is not None and resumed.current is not None

    def on_batch(self, values: list[Entry]) -> tuple[Iterable[Step], bool]:
        steps: list[Step] = []
        for value in values:
            if isinstance(value, Answer):
                steps += self._dialogue.answered(value)
            elif isinstance(value, Refuse):
                steps.append(value)
            else:
                prompt, at = value
                steps += self._dialogue.prompted(prompt, at, self._allowance)
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


class _Source(FixedPartitionedSource[Read, dict[str, int]]):
    """Both streams as one partition: reading is cheap, the users are spread behind it, and what is
    read in one place keeps its order.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def list_parts(self) -> list[str]:
        return ["streams"]

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, int] | None
    ) -> StatefulSourcePartition[Read, dict[str, int]]:
        return _Partition(self._runtime, resume_state or {})


class _Partition(StatefulSourcePartition[Read, dict[str, int]]):
    """Its state is the number of the last message of each stream.

    Prompts wait until all answers are read that there are. Otherwise a dataflow that reads the
    streams anew would take answered prompts for waiting ones, and refuse those that are too many.
    """

    def __init__(self, runtime: Runtime, after: dict[str, int]) -> None:
        self._after = dict(after)
        self._feeds = {name: runtime.feed(name, after.get(name, 0)) for name in (ANSWERS, PROMPTS)}

    def next_batch(self) -> Iterable[Read]:
        ended = self._feeds[ANSWERS].at_end  # before a look at what there is
        taken = self._taken(ANSWERS)
        if not taken and ended:
            taken = self._taken(PROMPTS)
        return taken

    def snapshot(self) -> dict[str, int]:
        return dict(self._after)

    def _taken(self, name: str) -> list[Read]:
        messages = self._feeds[name].take(_BATCH)
        if messages:
            self._after[name] = messages[-1].number
        return [(name, message) for message in messages]


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
        try:
            return _RecordsPartition(Exchanges(self._configuration.database))
        except StoreError as problem:
            end_process(problem)


class _RecordsPartition(StatelessSinkPartition[tuple[str, Any]]):
    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges

    def write_batch(self, items: list[tuple[str, Any]]) -> None:
        try:
            self._exchanges.add([_kept(user, exchange) for user, exchange in items])
        except StoreError as problem:  # a full disk, say; Bytewax would only tell a panic
            end_process(problem)

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
