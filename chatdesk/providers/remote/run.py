"""One reply from a server: how it is cancelled, how its events are told, and that it ends once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from chatdesk.chat.estimate import estimate_tokens
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
from chatdesk.chat.messages import Usage
from chatdesk.chat.provider import Deliver, Request
from chatdesk.errors import ChatdeskError, ProviderError
from chatdesk.providers.remote.api import Ending

log = logging.getLogger(__name__)


class DeliveryFailed(Exception):
    """Who gets the events raised an exception: a bug there."""


class RemoteRun:
    """One reply. id and cancel() are for any thread, all else belongs to the loop's thread.

    Started is told with the first piece of the reply, because until then the server may be tried
    again; or when the server itself tells it. So it always follows the last Waiting.
    """

    def __init__(
        self,
        request: Request,
        deliver: Deliver,
        call: Callable[[Callable[[], object]], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.request = request
        self.started: Started | None = None  # what to tell first, once it is known
        self.ended = False
        self._deliver = deliver
        self._call = call
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._began = clock()
        self._told_start = False
        self._pieces: list[str] = []
        self._first_at = 0.0
        self._last_at = 0.0

    @property
    def id(self) -> str:
        return self.request.run_id

    @property
    def provider(self) -> str:
        """The provider's name, once it is known who answers."""
        return (self.started.provider or "") if self.started is not None else ""

    @property
    def begun(self) -> bool:
        """Whether Started was delivered, after which nobody may be asked again from the start."""
        return self._told_start or self.spoke

    @property
    def spoke(self) -> bool:
        """Whether a piece of the reply was delivered."""
        return bool(self._pieces)

    @property
    def pieces(self) -> int:
        """How many pieces of the reply were delivered: it changes while the server talks."""
        return len(self._pieces)

    def cancel(self) -> None:
        """Ask the run to end soon with Finished("cancelled"). Any thread; twice is harmless."""
        with contextlib.suppress(ProviderError):  # closed: every run is being ended already
            self._call(self._cancel)

    def begin(self, work: Callable[[RemoteRun], Coroutine[Any, Any, None]]) -> None:
        """Run work until it ends; whatever happens in it the run gets its last event."""
        if self.ended:  # cancelled before it began
            return
        self._task = asyncio.get_running_loop().create_task(work(self), name=f"run {self.id}")
        self._task.add_done_callback(self._done)

    def tell(self, event: Event) -> None:
        """Deliver an event. Nothing is told after the last one."""
        if self.ended:
            return
        if type(event) is Delta:
            if not self._pieces:
                self._first_at = self._clock()
                self._tell_start()
            self._pieces.append(event.text)
        elif type(event) is Started:
            if not self._told_start:
                self.started = event
                self._tell_start()
            return
        elif is_last(event):
            self.ended = True
        elif self._told_start and isinstance(event, Waiting):
            return
        self._deliver(event)

    def piece(self, event: Delta | Notice | Waiting | Started | PromptProgress) -> None:
        """tell() for who asks a server: its pieces, and what may come between them.

        Raises DeliveryFailed for a bug in who gets the events, which is no problem of the server's.
        """
        try:
            self.tell(event)
        except Exception as bug:
            raise DeliveryFailed from bug

    def finish(self, ending: Ending) -> None:
        """The reply is complete."""
        self._last_at = self._clock()
        self._tell_start()
        self.tell(Finished(ending.reason, self.usage(ending)))

    def fail(self, error: ChatdeskError) -> None:
        """The reply ends with an error."""
        self.tell(Failed(error, self.usage(Ending()) if self.spoke else Usage()))

    def usage(self, ending: Ending) -> Usage:
        """What the reply cost: the server's counts, or estimates where it told none."""
        prompt, completion = ending.prompt_tokens, ending.completion_tokens
        estimated = False
        if prompt is None and self.started is not None:
            prompt, estimated = self.started.prompt_tokens, True
        if completion is None:
            completion, estimated = estimate_tokens("".join(self._pieces)), True
        spent = (self._last_at or self._clock()) - self._first_at
        speaking = self.spoke and spent > 0 and completion > 1
        return Usage(
            prompt_tokens=prompt,
            cached_tokens=ending.cached_tokens,
            completion_tokens=completion,
            first_token_ms=(self._first_at - self._began) * 1000 if self.spoke else None,
            # The first token came at the beginning of that time and not within it.
            tokens_per_second=(completion - 1) / spent if speaking else None,
            estimated=estimated,
        )

    def _tell_start(self) -> None:
        if not self._told_start and self.started is not None:
            self._told_start = True
            self._deliver(self.started)

    def _cancel(self) -> None:
        # The person need not wait until the connection is closed.
        self.tell(Finished("cancelled", self.usage(Ending()) if self.spoke else Usage()))
        if self._task is not None:
            self._task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        """The task has ended, in whatever way."""
        bug = None if task.cancelled() else task.exception()
        if bug is not None:
            log.error("a remote reply failed", exc_info=bug)
        if self.ended:
            return
        if bug is None:
            # Cancelled by the loop's end, or it forgot to tell its last event.
            self._cancel()
        else:
            self.tell(Failed(_unexpected(bug), self.usage(Ending()) if self.spoke else Usage()))


def _unexpected(bug: BaseException) -> ProviderError:
    return ProviderError(
        "Something went wrong inside Chatdesk.",
        "Try again. The log names the details.",
        retryable=True,
        detail=type(bug).__name__,
    )
