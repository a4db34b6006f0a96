"""Coroutines of the window: kept alive while they run, cancelled at the end, never silent.

asyncio keeps only weak references to tasks and tells nobody of an exception until a task is
collected; every coroutine of the GUI is therefore started here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chatdesk.errors import ChatdeskError

T = TypeVar("T")


class Tasks:
    """GUI thread only. failed is called with expected errors; others reach the loop's handler."""

    def __init__(self, failed: Callable[[ChatdeskError], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[Any]] = set()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="chatdesk-files")

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in the window's event loop."""
        task = asyncio.get_event_loop().create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do blocking file work in the one helper thread and wait for it without blocking."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Cancel what runs; file work that has begun ends on its own."""
        for task in list(self._running):
            task.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    @property
    def busy(self) -> bool:
        """Whether a coroutine is under way."""
        return bool(self._running)

    async def ended(self) -> None:
        """Wait, after close(), until what was cancelled has cleaned up."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ChatdeskError):
            self._failed(error)
        elif error is not None:
            raise error
