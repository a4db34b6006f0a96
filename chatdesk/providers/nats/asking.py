"""Asks a pool of workers for a reply, and does not lose it when one of them goes.

    asker = Asker(client, Subjects("lab"), login.user)
    await asker.ask(request, tell)

tell hears the same events as of every provider (chat/events.py), in their order, the last one
included; ask() returns after it. Cancelling the task stops the run at the worker; nothing is told
then. The worker that answered a conversation last is asked first, because it has the conversation
in its KV cache; then whoever has room, then whoever has a line.

A worker that falls silent is replaced once: what it said stays, and another one goes on after it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import nats.errors
from nats.aio.client import Client

from chatdesk.chat.events import (
    Delta,
    Event,
    Failed,
    Finished,
    Notice,
    PromptProgress,
    Started,
    Waiting,
    is_last,
)
from chatdesk.chat.provider import Request
from chatdesk.errors import ChatdeskError, NotFound, ProviderError, ReplyInterrupted
from chatdesk.providers.nats.attempt import Answer, Attempt, Timing, WorkerLost
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.fitting import fitted
from chatdesk.providers.nats.offers import offers
from chatdesk.providers.nats.problems import AllBusy, NotAllowed, NothingKept, NoWorker
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Offer

Tell = Callable[[Event], None]

KEPT = "The request is kept until a worker comes"

_MOST_REMEMBERED = 1_000  # conversations
_OFFERS_S = 1.0


class Affinity:
    """Which worker answered a conversation last."""

    def __init__(self) -> None:
        self._workers: OrderedDict[str, str] = OrderedDict()

    def get(self, conversation: str) -> str:
        """The worker, "" where none is known."""
        return self._workers.get(conversation, "")

    def put(self, conversation: str, worker: str) -> None:
        self._workers.pop(conversation, None)
        if worker:
            self._workers[conversation] = worker
            if len(self._workers) > _MOST_REMEMBERED:
                self._workers.popitem(last=False)


class Asker:
    """Asks over one open connection, many runs at a time. Belongs to the connection's loop.

    affinity: may outlive the connection.
    """

    def __init__(
        self,
        client: Client,
        subjects: Subjects,
        user: str,
        *,
        affinity: Affinity | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.client = client
        self.subjects = subjects
        self.user = user
        self.affinity = affinity or Affinity()
        self.timing = timing or Timing()

    async def ask(self, request: Request, tell: Tell, *, keep: bool = False) -> None:
        """Tell the events of one reply. keep: where no worker is there JetStream keeps the request
        until one comes; otherwise that is Failed with NoWorker. Raises only what tell raises.
        """
        reply = _Reply(self, request, tell, keep)
        try:
            await reply.ask()
        except ChatdeskError as error:
            reply.end(Failed(error))


class _Reply:
    """One reply, by however many workers."""

    def __init__(self, asker: Asker, request: Request, tell: Tell, keep: bool) -> None:
        self._asker = asker
        self._request = request
        self._tell = tell
        self._keep = keep
        self._lost: set[str] = set()  # workers that fell silent
        self._losses = 0
        self._silence = False  # somebody was asked and did not answer
        self._other_model: NotFound | None = None  # said by a worker that has another model
        self._left_out: tuple[str, ...] = ()
        self._notice = ""  # to be told when another worker goes on
        self._started = False
        self._spoke = False
        self._text: list[str] = []
        self._pieces_before = 0  # by workers that were lost

    async def ask(self) -> None:
        """Raises ChatdeskError."""
        last: Event | None = None
        while last is None:
            attempt = await self._placed()
            try:
                last = await self._follow(attempt)
            finally:
                await (attempt.give_up() if last is None else attempt.finish())
        self.end(last)

    def end(self, last: Event) -> None:
        """Tell the last event."""
        if isinstance(last, Failed) and self._spoke:
            last = replace(last, error=_interrupted(last.error))
        if isinstance(last, Finished) and self._pieces_before:
            count = last.usage.completion_tokens
            whole = None if count is None else count + self._pieces_before
            last = replace(last, usage=replace(last.usage, completion_tokens=whole, estimated=True))
        self._tell(last)

    # -- who takes it -------------------------------------------------------------------------

    async def _placed(self) -> Attempt:
        """An attempt that a worker has taken. Raises ChatdeskError."""
        asker = self._asker
        request = replace(
            self._request, continuation=self._request.continuation + "".join(self._text)
        )
        request, self._left_out = fitted(request, asker.client.max_payload)
        answers: set[Answer] = set()
        strange: WireError | None = None
        async for subject in self._targets():
            attempt = Attempt(asker.client, asker.subjects, asker.user, request, asker.timing)
            answer = await _answered(attempt, subject)
            if answer is Answer.TAKEN:
                return attempt
            answers.add(answer)
            self._silence = self._silence or answer is Answer.SILENCE
            strange = attempt.strange or strange
        if strange is not None:
            raise strange
        if Answer.BUSY in answers:
            raise AllBusy
        if self._other_model is not None:
            raise self._other_model
        if Answer.DENIED in answers:
            raise NotAllowed(asker.user)
        if not self._keep:
            raise NoWorker
        attempt = Attempt(asker.client, asker.subjects, asker.user, request, asker.timing)
        if self._losses:
            self._tell(Notice(f"The worker stopped answering. {KEPT}."))
        else:
            self._tell(Waiting("queued", KEPT))
        try:
            answer = await _answered(attempt)
        except (nats.errors.Error, TimeoutError) as error:
            raise NothingKept(type(error).__name__) from error
        if answer is not Answer.TAKEN:
            raise NoWorker
        return attempt

    async def _targets(self) -> AsyncIterator[str]:
        """The subjects at which it is asked, one after the other until somebody takes it."""
        asker = self._asker
        subjects, user, timing = asker.subjects, asker.user, asker.timing
        loop = asyncio.get_running_loop()
        known = asker.affinity.get(self._request.conversation_id)
        if known and known not in self._lost:
            yield subjects.worker(known, user)
        end = loop.time() + (timing.others if self._losses else 0.0)
        for rounds in itertools.count(1):
            if self._silence or self._other_model:
                # The server may still hold the one for present that does not answer, and give it
                # the request again; so the others are asked by name.
                found = await _others(asker)
                for offer in sorted(found, key=lambda offer: (-offer.room, offer.line)):
                    fits = not self._other_model or offer.model == self._request.model
                    if offer.worker not in self._lost and fits:
                        yield subjects.worker(offer.worker, user)
            if not self._other_model:
                yield subjects.chat(user)
                yield subjects.line(user)
            # Twice: a worker may just have changed from one to the other.
            if rounds >= 2 and loop.time() >= end:
                return
            await asyncio.sleep(timing.look)

    # -- what it says -------------------------------------------------------------------------

    async def _follow(self, attempt: Attempt) -> Event | None:
        """Tell what a worker tells, up to its last event, which is returned; None where the worker
        was lost, or has another model, and another one may be asked. Raises ChatdeskError.
        """
        try:
            while True:
                event = await attempt.event()
                if self._notice:
                    self._tell(Notice(self._notice))
                    self._notice = ""
                if is_last(event):
                    if self._losses == 0 and _was_stopped(event):
                        raise WorkerLost
                    if self._has_other_model(event):
                        return None
                    return event
                self._tell_in_order(event, attempt.worker)
        except WorkerLost as lost:
            self._lose(attempt.worker, lost)
            return None

    def _has_other_model(self, last: Event) -> bool:
        """Whether a worker has not the model that is wanted, but another one may have it."""
        if self._started or self._other_model is not None or not self._request.model:
            return False
        if isinstance(last, Failed) and isinstance(last.error, NotFound):
            self._other_model = last.error
        return self._other_model is not None

    def _tell_in_order(self, event: Event, worker: str) -> None:
        """Tell what may come at this point of a reply, whatever workers say."""
        match event:
            case Started():
                self._asker.affinity.put(self._request.conversation_id, worker)
                if self._started:
                    return
                self._started = True
                known = {message.id for message in self._request.messages}
                left_out = (id for id in event.left_out if id in known)
                event = replace(event, left_out=(*self._left_out, *left_out))
            case Waiting() if self._started:
                return
            case PromptProgress() if self._spoke or not self._started:
                return
            case Delta(kind, text):
                if not self._started:
                    raise WireError("A worker spoke before it said which model it has.")
                self._spoke = True
                if kind == "text":
                    self._text.append(text)
        self._tell(event)

    def _lose(self, worker: str, lost: WorkerLost) -> None:
        """A worker does not go on. Raises ProviderError where it is the second one."""
        if self._asker.affinity.get(self._request.conversation_id) == worker:
            self._asker.affinity.put(self._request.conversation_id, "")
        self._lost.add(worker)
        self._losses += 1
        self._silence = True
        self._pieces_before = len(self._text)
        if lost.strange is not None and not self._spoke:
            raise lost.strange
        if self._losses > 1:
            raise ProviderError(
                f"{worker} stopped answering, and so did the worker before it.",
                "Try again.",
                retryable=True,
            )
        if self._started:  # else nothing of the reply was seen, and the next worker begins it
            self._notice = f"{worker} stopped answering. Another worker goes on."


async def _answered(attempt: Attempt, subject: str | None = None) -> Answer:
    """Ask at a subject, or None: let the server keep the request. An attempt that nobody took is
    ended.
    """
    answer: Answer | None = None
    try:
        answer = await (attempt.ask_kept() if subject is None else attempt.ask(subject))
        return answer
    finally:
        if answer in (Answer.NOBODY, Answer.BUSY):
            await attempt.close()
        elif answer is not Answer.TAKEN:
            await attempt.give_up()


async def _others(asker: Asker) -> tuple[Offer, ...]:
    try:
        return await offers(asker.client, asker.subjects, asker.user, seconds=_OFFERS_S)
    except (WireError, nats.errors.Error):
        return ()


def _was_stopped(event: Event) -> bool:
    """Whether a worker was stopped in the middle, and nobody here asked for that."""
    match event:
        case Finished("cancelled"):
            return True
        case Failed(error):
            return isinstance(error, ReplyInterrupted)
    return False


def _interrupted(error: ChatdeskError) -> ReplyInterrupted:
    if isinstance(error, ReplyInterrupted):
        return error
    return ReplyInterrupted(
        f"The reply was cut off. {error.what}",
        "Continue it, or ask for a new one.",
        retryable=True,
        detail=error.detail,
    )
