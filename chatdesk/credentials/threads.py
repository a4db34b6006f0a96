"""Blocking work in a thread that nobody has to wait for.

A pool's workers are joined when Python ends, and a keyring call lasts as long as its prompt is
open. So each call gets a daemon thread of its own: the application ends whatever the keyring does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

THREAD_NAME = "chatdesk-keyring"


def off_thread(work: Callable[[], T], *, name: str = THREAD_NAME) -> Future[T]:
    """Run work in a daemon thread of its own; any thread may call.

    The future has its result or its exception. It cannot be cancelled once it runs; await it with
    asyncio.wrap_future(). Callbacks added to it run in that thread.
    """
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
