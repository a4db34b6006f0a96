"""Handing requests from one worker's line to another worker that has room.

Three moments lead to it: a request came although the room had just been filled; another worker says
that it is free; and this worker ends and would rather have others take its line. Besides, whoever
has a line asks once a second if anybody has room, because a word that somebody is free is easily
missed. What nobody takes stays where it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import nats.errors
from nats.aio.client import Client

from chatdesk.cluster.worker.between import MOST_HOPS, Hand, Taken, encode_hand, encode_taken
from chatdesk.cluster.worker.desk import Asked, Desk
from chatdesk.cluster.worker.outbox import Outbox
from chatdesk.cluster.worker.replies import Reply
from chatdesk.providers.nats.subjects import Subjects

log = logging.getLogger(__name__)

# How long another worker may take to answer whether it takes a request, in seconds.
_ANSWER_S = 3.0


class Offers:
    """Belongs to the worker's loop."""

    def __init__(
        self, me: str, client: Client, subjects: Subjects, desk: Desk, outbox: Outbox
    ) -> None:
        self._me = me
        self._client = client
        self._subjects = subjects
        self._desk = desk
        self._outbox = outbox
        self._asked: dict[tuple[str, str, str], asyncio.Future[bool]] = {}

    def offer(self, reply: Reply, *, line: bool = False) -> None:
        """Offer one of the line to whoever has room. line: else to whoever has a place."""
        chat, waiting = self._subjects.chat(reply.user), self._subjects.line(reply.user)
        self._begin(reply, (chat, waiting) if line else (chat,))

    def offer_first(self, worker: str | None = None) -> None:
        """Offer the first of the line, to this worker or to whoever has room."""
        reply = self._desk.room.to_offer()
        if reply is not None:
            if worker is None:
                self.offer(reply)
            else:
                self._begin(reply, (self._subjects.hand(worker),))

    def offer_all(self) -> None:
        """Offer the whole line to whoever has room or a place."""
        for reply in self._desk.room.line:
            self.offer(reply, line=True)

    async def pass_on(self, asked: Asked, hops: int) -> bool:
        """Send a request for which there is no place here to any other worker's line; False where
        it was sent around often enough.
        """
        if hops >= MOST_HOPS:
            return False
        hand = Hand(self._me, asked.user, asked.inbox, asked.request, hops=hops + 1)
        try:
            return await self._outbox.is_heard(self._subjects.line(asked.user), encode_hand(hand))
        except nats.errors.Error as error:
            log.info("a request could not be passed on: %s", type(error).__name__)
            return False

    async def answer(self, hand: Hand, taken: bool) -> None:
        """Say whether this worker takes a request that another one offered."""
        said = Taken(self._me, hand.user, hand.request.run_id, taken)
        await self._client.publish(self._subjects.hand(hand.worker), encode_taken(said))

    def answered(self, taken: Taken) -> None:
        """Another worker said whether it takes a request."""
        for (user, run_id, _), answer in self._asked.items():
            if (user, run_id) == (taken.user, taken.run_id) and not answer.done():
                answer.set_result(taken.taken)

    def _begin(self, reply: Reply, subjects: Sequence[str]) -> None:
        if self._desk.room.offer(reply):
            self._desk.spawn(self._offer(reply, subjects))

    async def _offer(self, reply: Reply, subjects: Sequence[str]) -> None:
        taken = False
        try:
            for subject in subjects:
                if await self._is_taken(reply, subject):
                    taken = True
                    break
        finally:
            if taken:
                self._desk.given_away(reply)
            else:
                self._desk.declined(reply)

    async def _is_taken(self, reply: Reply, subject: str) -> bool:
        hand = Hand(self._me, reply.user, reply.inbox, reply.request, reply.told, held=True)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        key = (*reply.key, subject)
        self._asked[key] = answer
        try:
            async with self._outbox.asked(subject, encode_hand(hand)) as nobody:
                await asyncio.wait(
                    (nobody, answer), timeout=_ANSWER_S, return_when=asyncio.FIRST_COMPLETED
                )
            return answer.done() and answer.result()
        except nats.errors.Error as error:  # too large for a message, or no connection
            log.info("a request could not be offered: %s", type(error).__name__)
            return False
        finally:
            del self._asked[key]
            answer.cancel()
