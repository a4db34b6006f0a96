"""One question to the workers: who takes it, and then its events, whole and in their order.

Each attempt has a run id and an inbox of its own, so that what a lost worker still says is never
taken for its successor's. It ends with finish() or give_up().
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from chatdesk.chat.events import Event
from chatdesk.chat.messages import new_id
from chatdesk.chat.provider import Request
from chatdesk.errors import ProviderError
from chatdesk.providers.nats.fields import WireError
from chatdesk.providers.nats.guarded import denials
from chatdesk.providers.nats.inbox import Inbox, nobody_listens
from chatdesk.providers.nats.order import Order, Place
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import (
    Alive,
    Busy,
    Cancel,
    Control,
    Got,
    Moved,
    Resend,
    Told,
    decode_told,
    encode_control,
    encode_kept,
    encode_request,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long who is waited for, in seconds. Tests use short times.

    lost: without any sign of a worker. again: the same after the connection was away, because the
    worker may still be on its way back to the server. away: without a connection. others: for
    another worker, when one was lost. look: how often the clock is looked at meanwhile.
    """

    lost: float = 3.5
    again: float = 10.0
    away: float = 120.0
    others: float = 5.0
    look: float = 0.2


# All messages of an attempt: about a million tokens. A worker that writes more is broken.
_MOST_BYTES = 256 * 1024 * 1024
# How often the same missing message is asked for.
_MOST_RESENDS = 5
# After which who has it is believed without the word of who had it.
_RESENDS_TO_MOVE = 2


class Answer(Enum):
    """What came of asking: a worker has TAKEN it or is BUSY, NOBODY listens, the server has DENIED
    it, or there is SILENCE.
    """

    TAKEN = auto()
    BUSY = auto()
    NOBODY = auto()
    DENIED = auto()
    SILENCE = auto()


class WorkerLost(Exception):
    """The worker does not go on. strange: what it said last, where that could not be read."""

    def __init__(self, strange: WireError | None = None) -> None:
        super().__init__("the worker is lost")
        self.strange = strange


class ServerGone(ProviderError):
    """There is no connection to the NATS server any more."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the NATS server was lost, and it did not come back.",
            "Try again when the server is there.",
            retryable=True,
        )


class TooMuch(ProviderError):
    """A worker sent more than any model writes."""

    def __init__(self) -> None:
        super().__init__(
            f"A worker sent more than {_MOST_BYTES // 1024 // 1024} MB. That is no model's answer.",
            "Tell whoever runs the workers.",
        )


class Attempt:
    """Belongs to the client's loop. strange: the last message that could not be read."""

    def __init__(
        self, client: Client, subjects: Subjects, user: str, request: Request, timing: Timing
    ) -> None:
        self.strange: WireError | None = None
        self._client = client
        self._subjects = subjects
        self._user = user
        self._request = replace(request, run_id=new_id())
        self._timing = timing
        self._order = Order()
        self._denials = denials(client)
        self._inbox = Inbox(client, user)
        self._first: Told | None = None  # it decided that a worker has it, and is still to be told
        self._strangers: set[str] = set()
        self._resends = 0
        self._bytes = 0
        now = asyncio.get_running_loop().time()
        self._heard_at = now
        self._asked_at = now
        self._away_since: float | None = None
        self._patience = timing.lost

    @property
    def worker(self) -> str:
        """Who has the run, "" as long as nobody does."""
        return self._order.worker

    # -- asking -------------------------------------------------------------------------------

    async def ask(self, subject: str) -> Answer:
        """Ask at a subject. Raises ServerGone, nats.errors.MaxPayloadError."""
        with _connected():
            await self._inbox.open()
            data = encode_request(self._request)
            await self._client.publish(subject, data, reply=self._inbox.subject)
        return await self._first_answer()

    async def ask_kept(self) -> Answer:
        """Let the server keep the request until a worker takes it, however long that lasts.

        Raises ServerGone, nats.errors.MaxPayloadError, and nats.errors.Error where the server
        keeps nothing.
        """
        with _connected():
            await self._inbox.open()
            await self._client.jetstream().publish(
                self._subjects.kept(self._user),
                encode_kept(self._request, self._inbox.subject),
                timeout=self._timing.again,
            )
        self._patience = float("inf")
        return await self._first_answer()

    async def _first_answer(self) -> Answer:
        while True:
            message = await self._inbox.get(self._timing.look)
            if message is not None and nobody_listens(message):
                return Answer.NOBODY
            told = None if message is None else self._read(message)
            if told is None:
                if denials(self._client) > self._denials:
                    return Answer.DENIED
                if await self._silent():
                    return Answer.SILENCE
                continue
            if isinstance(told.what, Busy):
                return Answer.BUSY
            self._first = told
            self._hear()
            return Answer.TAKEN

    # -- listening ----------------------------------------------------------------------------

    async def event(self) -> Event:
        """The next event. Raises WorkerLost, ServerGone."""
        while True:
            told, self._first = self._first, None
            if told is None:
                message = await self._inbox.get(self._timing.look)
                told = None if message is None else self._read(message)
            event = None if told is None else await self._taken(told)
            if event is not None:
                return event
            if await self._silent():
                raise WorkerLost(self.strange)

    async def _taken(self, told: Told) -> Event | None:
        """What a message tells that is to be told now."""
        match self._order.take(told):
            case Place.EVENT:
                self._hear()
                self._resends = 0
                assert not isinstance(told.what, Alive | Busy | Moved)
                return told.what
            case Place.GAP:
                self._hear()
                if self._resends >= _RESENDS_TO_MOVE and self._order.adopt(told):
                    return await self._taken(told)
                await self._ask_again()
            case Place.ALIVE:
                self._hear()
                self._resends = 0
            case Place.STRANGER if told.worker not in self._strangers:
                self._strangers.add(told.worker)
                log.info("a second worker is at the same run and is told to stop")
                await self._say(Cancel(told.worker))
            case _:
                pass
        return None

    async def _ask_again(self) -> None:
        """Have everything sent again that is missing; not for every message that shows the gap."""
        now = asyncio.get_running_loop().time()
        if self._resends and now - self._asked_at < self._timing.lost / 3:
            return
        if self._resends >= _MOST_RESENDS:
            raise WorkerLost(self.strange)
        self._resends += 1
        self._asked_at = now
        await self._say(Resend(self._order.next))

    async def _silent(self) -> bool:
        """Look at the clock: whether it is too long without a sign. Raises ServerGone."""
        now = asyncio.get_running_loop().time()
        if self._client.is_closed:
            raise ServerGone
        if not self._client.is_connected:
            if self._away_since is None:
                self._away_since = now
            if now - self._away_since > self._timing.away:
                raise ServerGone
            return False
        if self._away_since is not None:
            self._away_since = None
            self._heard_at = now
            self._patience = max(self._patience, self._timing.again)
            await self._say(Resend(self._order.next))
        return now - self._heard_at > self._patience

    def _hear(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._patience = self._timing.lost

    def _read(self, message: Msg) -> Told | None:
        """What a message says; None for what does not belong here. Raises TooMuch."""
        self._bytes += len(message.data)
        if self._bytes > _MOST_BYTES:
            raise TooMuch
        try:
            told = decode_told(message.data)
        except WireError as error:
            if message.data:  # a late word that nobody listens has none
                self.strange = error
                log.info("a message of a worker cannot be read: %s", error.detail or error.what)
            return None
        return told if told.run_id == self._request.run_id else None

    # -- ending -------------------------------------------------------------------------------

    async def finish(self) -> None:
        """All has arrived."""
        await self._end(Got())

    async def give_up(self) -> None:
        """Whoever has it need not go on."""
        await self._end(Cancel())

    async def close(self) -> None:
        """Nobody has it."""
        await self._inbox.close()

    async def _end(self, control: Control) -> None:
        await self._say(control)
        await self._inbox.close()

    async def _say(self, control: Control) -> None:
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._client.publish(
                self._subjects.run(self._user, self._request.run_id), encode_control(control)
            )


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except (nats.errors.ConnectionClosedError, nats.errors.OutboundBufferLimitError) as error:
        raise ServerGone from error
