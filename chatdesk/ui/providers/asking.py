"""Asking a server what it is: the test of a connection, and the list of its models."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Signal

from chatdesk.credentials import Secret
from chatdesk.providers.profiles import Profile
from chatdesk.ui.models.background import Job
from chatdesk.ui.providers.futures import told

if TYPE_CHECKING:
    from chatdesk.providers.remote import Check, RemoteModel


class Servers(Protocol):
    """What the dialog needs of the remote providers (providers/remote)."""

    def models(
        self, profile: Profile, key: Secret | None = None
    ) -> Future[tuple[RemoteModel, ...]]:
        """The models of a server. key None: the saved one. The profile need not be saved."""

    def test(self, profile: Profile, key: Secret | None = None, model: str = "") -> Future[Check]:
        """Whether a server can be used, and if not what exactly is wrong."""


class Asking(QObject):
    """tested(Check), or test_failed(ChatdeskError); listed(models) or list_failed(ChatdeskError).

    Each at most once for each question, and not after cancel(). GUI thread only.
    """

    tested = Signal(object)
    test_failed = Signal(object)
    listed = Signal(object)
    list_failed = Signal(object)

    def __init__(self, servers: Servers, parent: QObject) -> None:
        super().__init__(parent)
        self._servers = servers
        self._testing: tuple[Job, Future[Any]] | None = None
        self._listing: tuple[Job, Future[Any]] | None = None

    def test(self, profile: Profile, key: Secret | None, model: str) -> None:
        """Test the connection, in place of a test that still runs."""
        self.cancel_test()
        future = self._servers.test(profile, key, model)
        job = told(future)
        job.done.connect(self.tested)
        job.failed.connect(self.test_failed)
        self._testing = (job, future)

    def list_models(self, profile: Profile, key: Secret | None) -> None:
        """Ask for the models, in place of a question that still waits."""
        _cancel(self._listing)
        future = self._servers.models(profile, key)
        job = told(future)
        job.done.connect(self.listed)
        job.failed.connect(self.list_failed)
        self._listing = (job, future)

    def cancel_test(self) -> None:
        """Stop the test; nothing is told of it."""
        _cancel(self._testing)
        self._testing = None

    def cancel(self) -> None:
        """Stop asking: another provider is shown, or the dialog closes."""
        self.cancel_test()
        _cancel(self._listing)
        self._listing = None


def _cancel(asked: tuple[Job, Future[Any]] | None) -> None:
    if asked is not None:
        job, future = asked
        job.cancel()
        future.cancel()
