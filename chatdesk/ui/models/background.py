"""Work that must not hold up the window: done on a pool thread, told on the GUI thread.

    job = background.run(lambda: inspect(path)); job.done.connect(self._inspected)

An expected error comes as failed; any other exception is raised again in the GUI thread, where the
crash dialog shows it. GUI thread only, except for the work itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from chatdesk.errors import ChatdeskError


class Job(QObject):
    """One piece of work under way. Exactly one of done and failed comes, unless it is cancelled.

    cancel(): neither is told any more; a bug still is. The work itself goes on to its end, and its
    result is dropped: reading a file cannot be broken off in the middle.
    """

    done = Signal(object)
    failed = Signal(object)  # a ChatdeskError
    _ended = Signal(object, object)

    def __init__(self) -> None:
        # It outlives the dialog that started it: the work on the other thread still needs it.
        super().__init__(QCoreApplication.instance())
        self._cancelled = False
        # Queued even in this thread: who started the work has yet to connect to done and failed.
        self._ended.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def cancel(self) -> None:
        self._cancelled = True

    def end(self, result: object, error: BaseException | None) -> None:
        """Called by the work's thread when it is done."""
        self._ended.emit(result, error)

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    @Slot(object, object)
    def _tell(self, result: object, error: BaseException | None) -> None:
        self.deleteLater()
        if error is not None and not isinstance(error, ChatdeskError):
            raise error  # a bug is one, wanted or not
        if self._cancelled:
            return
        if error is None:
            self.done.emit(result)
        else:
            self.failed.emit(error)


class _Work(QRunnable):
    def __init__(self, work: Callable[[], Any], job: Job) -> None:
        super().__init__()
        self._work = work
        self._job: Job | None = job

    def run(self) -> None:
        result: object = None
        error: BaseException | None = None
        try:
            result = self._work()
        except Exception as caught:  # carried to the GUI thread and raised or told there
            error = caught
        job, self._job = self._job, None
        if job is not None:
            job.end(result, error)


class Background(QObject):
    """Runs work for one dialog, which is the parent. Results come in no particular order.

    Connect bound methods of QObjects to a job, no lambdas: only those are let go with their object.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = QThreadPool.globalInstance()

    def run(self, work: Callable[[], Any]) -> Job:
        """Start work on a pool thread; connect to the job before returning to the event loop."""
        job = Job()
        self._pool.start(_Work(work, job))
        return job
