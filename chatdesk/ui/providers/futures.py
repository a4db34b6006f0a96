"""Futures of other threads (the keyring's, the remote providers'), told on the GUI thread."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import Any

from shiboken6 import Shiboken

from chatdesk.ui.models.background import Job


def told(future: Future[Any]) -> Job:
    """A job that tells what becomes of a future: done, failed with an expected error, or nothing.

    Connect to it before returning to the event loop. Cancelling the job does not cancel the future.
    GUI thread only; the future may end in any thread, even after the application did.
    """
    job = Job()
    future.add_done_callback(partial(_tell, job))
    return job


def _tell(job: Job, future: Future[Any]) -> None:
    if not Shiboken.isValid(job):
        return  # the application has ended; nobody is there to be told
    if future.cancelled():
        job.cancel()
        job.end(None, None)
    elif (error := future.exception()) is not None:
        job.end(None, error)
    else:
        job.end(future.result(), None)
