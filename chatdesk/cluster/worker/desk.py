"""Where requests become replies: admitted, begun when it is their turn, stopped and forgotten.

Belongs to the worker's loop. Everything but take() is immediate.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from chatdesk.chat.events import Event, Failed, Finished, is_last
from chatdesk.chat.provider import Request
from chatdesk.cluster.worker.admission import Gate, Limits
from chatdesk.cluster.worker.between import Hand
from chatdesk.cluster.worker.generation import Generation, Serving
from chatdesk.cluster.worker.outbox import Outbox
from chatdesk.cluster.worker.replies import Reply
from chatdesk.cluster.worker.room import Place, Room
from chatdesk.errors import ChatdeskError, NotFound, ReplyInterrupted
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Cancel, Got, Resend, decode_control

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whose it is by its subject, and where the answer goes."""

    user: str
    inbox: str
    request: Request

    @property
    def key(self) -> tuple[str, str]:
        return (self.user, self.request.run_id)


class Desk:
    """changed: called when there is more or less room than before."""

    def __init__(
        self,
        me: str,
        client: Client,
        subjects: Subjects,
        generation: Generation,
        serving: Serving,
        room: Room[Reply],
        limits: Limits,
        outbox: Outbox,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self.room = room
        self.serving = serving
        self.replies: dict[tuple[str, str], Reply] = {}
        self.gate = Gate(limits, clock)
        self.silent = False  # the worker stops at once: what the model's thread says is not told
        self.me = me
        self._client = client
        self._subjects = subjects
        self._generation = generation
        self._most_tokens = limits.max_tokens
        self._outbox = outbox
        self._clock = clock
        self._changed = changed
        self._controls: dict[Reply, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- coming in ------------------------------------------------------------------------------

    def check_model(self, request: Request) -> None:
        """Raises NotFound where another model is asked for than is here."""
        if request.model and request.model != self.serving.name:
            raise NotFound(
                f'The workers have no model "{request.model[:80]}".',
                f"They have {self.serving.name}; choose that one.",
            )

    def admit(self, asked: Asked) -> None:
        """Raises ChatdeskError for what this worker does not do; counts it otherwise."""
        self.check_model(asked.request)
        self.gate.check_request(asked.request)
        running = sum(r.user == asked.user and not r.ended for r in self.replies.values())
        self.gate.admit(asked.user, running)

    def repeat(self, asked: Asked) -> bool:
        """Whether this run is here already; it is said again then.

        A run that is asked for again in another way (from where it broke off, say) is not: the one
        that is here is given up.
        """
        reply = self.replies.get(asked.key)
        if reply is None or reply.given_up:
            return False
        if (reply.inbox, reply.request) == (asked.inbox, asked.request):
            reply.resend(0)
            return True
        self.give_up(reply)
        return False

    async def take(
        self, asked: Asked, *, may_wait: bool, hand: Hand | None = None, begin: bool = True
    ) -> tuple[Reply, Place] | None:
        """Take a request in; None where there is no place. hand: it comes from another worker.
        begin: otherwise a slot is kept for it until begin() or give_up().
        """
        now = self._clock()
        reply = Reply(self.me, asked.user, asked.inbox, asked.request, now, self._outbox.mark)
        place = self.room.enter(reply, may_wait=may_wait)
        if place == "full":
            return None
        self.replies[reply.key] = reply
        self._outbox.enter(reply)
        if hand is not None:
            reply.went_on(hand.told, hand.worker)

        async def control(message: Msg) -> None:
            self._control(reply, message.data)

        # Before anything is told, so that the client can say something to it.
        subject = self._subjects.run(asked.user, asked.request.run_id)
        self._controls[reply] = await self._client.subscribe(subject, cb=control)
        if place == "run" and begin:
            self.begin(reply)
        self._changed()
        return reply, place

    # -- being answered -------------------------------------------------------------------------

    def begin(self, reply: Reply) -> None:
        """Have it written."""
        if reply.run is not None or reply.ended or reply.given_up:
            return
        parameters = reply.request.parameters
        if self._most_tokens and not parameters.max_tokens:
            parameters = replace(parameters, max_tokens=self._most_tokens)
        request = replace(
            reply.request, model=self._generation.model, only_to="", parameters=parameters
        )
        try:
            reply.run = self._generation.start(request, lambda events: self._told(reply, events))
        except ChatdeskError as error:
            self._told(reply, [Failed(error)])

    def tell_places(self) -> None:
        """Tell everybody in the line where they stand, as far as it is news.

        One that is offered to another worker hears nothing: that one goes on where this one ended.
        """
        now = self._clock()
        for place, reply in enumerate(self.room.line, 1):
            if not self.room.is_offered(reply):
                reply.tell_place(place, now)

    def _told(self, reply: Reply, events: list[Event]) -> None:
        if self.silent:
            return
        now = self._clock()
        for event in events:
            reply.tell(event, now)
            if is_last(event):
                reply.run = None
                assert isinstance(event, Finished | Failed)
                self.gate.spend(reply.user, event.usage)
                self._leave(reply)

    def _control(self, reply: Reply, data: bytes) -> None:
        try:
            said = decode_control(data)
        except WireError as error:
            log.info("a control could not be read: %s", error.what)
            return
        match said:
            case Resend(number):
                reply.resend(number)
            case Got():
                reply.got()
                if reply.is_over(self._clock()):
                    self.forget(reply)
            case Cancel(worker) if not worker:
                self.cancel(reply)
            case Cancel(worker) if worker == self.me:
                self.give_up(reply)  # another worker has it

    def interrupt(self) -> None:
        """End everything now; the clients may ask another worker to go on."""
        self.silent = True
        error = ReplyInterrupted("The worker was stopped.", "Try again.", retryable=True)
        for reply in self.replies.values():
            reply.tell(Failed(error, reply.usage), self._clock())

    # -- ending ---------------------------------------------------------------------------------

    def cancel(self, reply: Reply) -> None:
        """Its client wants no more of it, but hears how it ends."""
        if reply.ended:
            return
        reply.cancelled = True
        if reply.run is not None:
            reply.run.cancel()
        elif not self.room.is_offered(reply):
            reply.tell(Finished("cancelled"), self._clock())
            self._leave(reply)

    def give_up(self, reply: Reply) -> None:
        """Nobody wants to hear any more of it."""
        reply.given_up = True
        if reply.run is not None:
            reply.run.cancel()
        elif not self.room.is_offered(reply):
            self._leave(reply)

    def declined(self, reply: Reply) -> None:
        """No other worker took it: it is this one's after all."""
        begun = self.room.declined(reply)
        if reply.given_up:
            self._leave(reply)
        elif reply.cancelled:
            self.cancel(reply)
        self._begin_all(begun)

    def given_away(self, reply: Reply) -> None:
        """Another worker has it."""
        self.forget(reply)
        self._begin_all(self.room.leave(reply))

    def forget(self, reply: Reply) -> None:
        """Keep nothing of it. A run that still goes on must have been left before."""
        if self.replies.get(reply.key) is reply:
            del self.replies[reply.key]
        self._outbox.forget(reply)
        control = self._controls.pop(reply, None)
        if control is not None:
            self.spawn(_unsubscribe(control))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else; a bug in it is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)

    def _leave(self, reply: Reply) -> None:
        begun = self.room.leave(reply)
        if reply.after is not None:
            after, reply.after = reply.after, None
            after()
        if reply.given_up:
            self.forget(reply)
        self._begin_all(begun)

    def _begin_all(self, begun: list[Reply]) -> None:
        for reply in begun:
            self.begin(reply)
        self.tell_places()
        self._changed()

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("something beside the replies failed", exc_info=bug)


async def _unsubscribe(subscription: Subscription) -> None:
    with suppress(nats.errors.Error):
        await subscription.unsubscribe()
