"""The one thread in which all servers are talked to, with its asyncio loop.

It starts with the first use and ends with close(). It is no daemon, so nothing is torn down in the
middle; should nobody have called close() when the main thread ends, it ends by itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from chatdesk.credentials import off_thread
from chatdesk.errors import ProviderError

log = logging.getLogger(__name__)

T = TypeVar("T")

THREAD_NAME = "chatdesk-remote"
# How often the thread looks whether the main thread has ended without closing it.
_LOOK_S = 1.0
# Tasks that were cancelled get this long to close their connections.
_FAREWELL_S = 2.0


class _Unjoined(ThreadPoolExecutor):
    """Runs each blocking call (the lookup of a name) in a daemon thread of its own.

    A pool's threads are waited for at the end, and a lookup may hang for half a minute.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **named: Any) -> Future[T]:
        return off_thread(lambda: fn(*args, **named), name="chatdesk-lookup")


class LoopThread:
    """An asyncio loop in its own thread. Any thread may call any method; none of them waits,
    except close().
    """

    def __init__(self, name: str = THREAD_NAME) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._farewell: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._closed = False

    def call(self, work: Callable[[], object]) -> None:
        """Run work in the loop soon. Raises ProviderError after close()."""
        with self._lock:
            self._running().call_soon_threadsafe(work)

    def submit(self, work: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine in the loop. Cancelling the future cancels it. Raises ProviderError
        after close().
        """
        with self._lock:
            loop = self._running()
            return asyncio.run_coroutine_threadsafe(work(), loop)

    def at_end(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What the loop does last, once all its tasks have ended."""
        self._farewell = work

    def close(self, timeout: float) -> bool:
        """Cancel all tasks and wait for the thread's end; whether it came in time."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(loop.stop)
        if thread is None or thread is threading.current_thread():
            return thread is None
        thread.join(timeout)
        return not thread.is_alive()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise ProviderError("Chatdesk is closing.", "Start it again.")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name=self._name)
            self._thread.start()
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.set_default_executor(_Unjoined(max_workers=1))
        loop.set_exception_handler(_tell_bug)
        self._look(loop)
        try:
            loop.run_forever()
            with self._lock:
                self._closed = True  # before the last look at what was asked for
            loop.run_until_complete(self._finish())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if threading.main_thread().is_alive():
            loop.call_later(_LOOK_S, self._look, loop)
        else:
            loop.stop()

    async def _finish(self) -> None:
        me = asyncio.current_task()
        for _ in range(2):  # a task that was just about to start others
            tasks = [task for task in asyncio.all_tasks() if task is not me]
            for task in tasks:
                task.cancel()
            if tasks:
                _done, late = await asyncio.wait(tasks, timeout=_FAREWELL_S)
                if late:
                    log.warning("%d remote tasks did not end", len(late))
        if self._farewell is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._farewell(), _FAREWELL_S)
        await asyncio.get_running_loop().shutdown_asyncgens()


def _tell_bug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception that nobody awaited is a bug: it goes where a thread's own would go."""
    error = context.get("exception")
    if isinstance(error, Exception):
        thread = threading.current_thread()
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, thread))
        )
    else:
        log.error("the remote loop: %s", context.get("message"))
