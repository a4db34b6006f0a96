"""One reply on its way to one client: numbered, kept until it has arrived, said again when missed.

Nothing here knows a connection or a clock: outbox.py sends what next() gives, the worker says what
time it is. So a server that is gone for a while costs nothing: everything stays here, and where the
client missed something the place from which it is sent is set back (Resend).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from chatdesk.chat.events import Event, Failed, Finished, Started, Waiting, is_last
from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Request, Run
from chatdesk.errors import ChatdeskError
from chatdesk.providers.nats.wire import HEARTBEAT_S, Alive, Moved, Told, encode_told

# Whoever has not said within this time after the end that the reply has come never will. Seconds.
KEEP_S = 60.0
# A client whose inbox nobody listens to for longer than this has gone. A server that restarts, or
# a client that connects again, takes less. Seconds.
GONE_S = 3.0

_tokens = count(1)


class Reply:
    """What the client of one request is told. Belongs to the worker's loop.

    run: set while it is being generated. token: names it in this process. Times are those of the
    loop's clock, in seconds.
    """

    def __init__(
        self,
        worker: str,
        user: str,
        inbox: str,
        request: Request,
        now: float,
        changed: Callable[[Reply], None],
    ) -> None:
        """changed: told when there is something to be sent."""
        self.worker = worker
        self.user = user
        self.inbox = inbox
        self.request = request
        self.token = next(_tokens)
        self.run: Run | None = None
        self.usage = Usage()
        self.cancelled = False  # by its client
        self.given_up = False  # nobody wants it any more; it is forgotten when it has ended
        self.started = False
        self.place = 0  # in the line, as it was last told; 0: never
        self.after: Callable[[], None] | None = None  # called when it has ended or is given up
        self._changed = changed
        self._messages: list[bytes] = []
        self._next = 0  # the first that is still to be sent
        self._alive_due = False
        self._said_at = now
        self._probed_at = now - HEARTBEAT_S
        self._gone_since: float | None = None
        self._no_one_at: float | None = None
        self._ended_at: float | None = None
        self._got = False

    @property
    def key(self) -> tuple[str, str]:
        """The user and the id of the run: what a client calls it by."""
        return (self.user, self.request.run_id)

    @property
    def told(self) -> tuple[bytes, ...]:
        """Every message so far, as it is sent."""
        return tuple(self._messages)

    @property
    def ended(self) -> bool:
        return self._ended_at is not None

    # -- what is said ---------------------------------------------------------------------------

    def tell(self, event: Event, now: float) -> None:
        """Say an event. After the last one nothing more is said, nor when nobody listens."""
        if self.ended or (self.given_up and not is_last(event)):
            return
        if isinstance(event, Started):
            self.started = True
        self._append(event, self.worker)
        if is_last(event):
            assert isinstance(event, Finished | Failed)
            self.usage = event.usage
            self._ended_at = now
        self._changed(self)

    def tell_place(self, place: int, now: float) -> None:
        """Say that the run waits, as the place-th of the line, where that is news."""
        if place != self.place and not self.given_up:
            self.place = place
            why = f"All workers are busy; place {place:,} in the line"
            self.tell(Waiting("queued", why), now)

    def went_on(self, told: Sequence[bytes], before: str) -> None:
        """Go on with a run of the worker before, which told this much of it."""
        if told:
            self._messages = list(told)
            self._append(Moved(self.worker), before)
            self._changed(self)

    def cannot_be_sent(self, number: int, error: ChatdeskError, now: float) -> None:
        """The server will not carry a message: end with an error in its place."""
        del self._messages[number:]
        self._next = min(self._next, number)
        self._ended_at = None
        self.tell(Failed(error, self.usage), now)

    def _append(self, what: Event | Moved, worker: str) -> None:
        told = Told(self.request.run_id, worker, len(self._messages), what)
        self._messages.append(encode_told(told))

    # -- what is sent ---------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Of the message that is sent next."""
        return self._next

    @property
    def has_news(self) -> bool:
        """Whether next() gives something."""
        return self._next < len(self._messages) or self._alive_due

    def next(self, now: float) -> tuple[bytes, bool] | None:
        """The next message to be sent, and whether to ask the server if anybody hears it."""
        if self._next < len(self._messages):
            data = self._messages[self._next]
            self._next += 1
        elif self._alive_due:
            data = self.alive()
        else:
            return None
        self._alive_due = False
        self._said_at = now
        probe = now - self._probed_at >= HEARTBEAT_S
        if probe:
            self._probed(now)
        return data, probe

    def alive(self) -> bytes:
        """The sign that the run goes on."""
        return encode_told(Told(self.request.run_id, self.worker, -1, Alive(len(self._messages))))

    # -- what the client does -------------------------------------------------------------------

    def resend(self, number: int) -> None:
        """Send everything again from this number on."""
        self._next = min(self._next, number)
        self._changed(self)

    def got(self) -> None:
        """The client has the last message. Means nothing before that is said: it is another's."""
        self._got = self._got or self.ended

    def nobody(self, now: float) -> None:
        """The server said that nobody listened to the last probe."""
        self._no_one_at = now
        if self._gone_since is None:
            self._gone_since = now

    def connected_again(self) -> None:
        """The client gets its time anew to connect again too; and a sign that the run goes on."""
        self._gone_since = self._no_one_at = None
        self._alive_due = True
        self._changed(self)

    def beat(self, now: float) -> None:
        """Say that the run goes on, where nothing else was said for a while."""
        if not self._alive_due and now - self._said_at >= HEARTBEAT_S:
            self._alive_due = True
            self._changed(self)

    def is_gone(self, now: float) -> bool:
        """Whether the client has vanished."""
        return self._gone_since is not None and now - self._gone_since > GONE_S

    def is_over(self, now: float) -> bool:
        """Whether nothing needs to be kept any more."""
        if self._ended_at is None:
            return False
        return self._got or self.given_up or now - self._ended_at > KEEP_S

    def _probed(self, now: float) -> None:
        # No answer to the probe before this one: somebody heard it.
        if self._no_one_at is None or self._no_one_at < self._probed_at:
            self._gone_since = None
        self._probed_at = now
