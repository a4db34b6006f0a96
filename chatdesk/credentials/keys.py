"""Keys: where the key of a provider is, and how it gets there.

A key is in the system's keyring or, when the person wants so, in the memory of this run, and in no
other place. It is kept for a provider at an origin: asked for another origin, there is none.

A keyring call blocks for as long as its prompt is open, so each runs in a daemon thread with a
time-out. A call that timed out may still come to an end: then what it did is taken back, because
the person was told that it was not done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from chatdesk.credentials.origin import Origin
from chatdesk.credentials.problems import KeyringRefused, NoKeyring, UnsafeKeyring, timed_out
from chatdesk.credentials.scope import Scope
from chatdesk.credentials.secret import Secret
from chatdesk.credentials.threads import off_thread
from chatdesk.credentials.vault import Vault, system_vault
from chatdesk.diagnostics import logger
from chatdesk.errors import KeyringError, UsageError
from chatdesk.paths import DataDir

T = TypeVar("T")

Place = Literal["keyring", "memory", "none"]

PROMPT_TIMEOUT = 60.0  # seconds; a person types the keyring's password in this time
CHECK_TIMEOUT = 10.0  # seconds; nobody is asked, but a keyring may have to be started


@dataclass(frozen=True, slots=True)
class KeyringState:
    """How the keyring is. name: what to call it, "" for none. error: why it cannot be used."""

    condition: Literal["usable", "locked", "none", "unsafe", "failed"]
    name: str = ""
    error: KeyringError | None = None

    @property
    def usable(self) -> bool:
        """Whether keys can be kept; a locked keyring asks for its password then."""
        return self.error is None


class _Attempt:
    """One call, and who is faster: its end or the end of the patience with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._finished = self._abandoned = False

    @property
    def abandoned(self) -> bool:
        return self._abandoned

    def abandon(self) -> bool:
        """Stop waiting; False when it has come to its end just now."""
        with self._lock:
            self._abandoned = not self._finished
            return self._abandoned

    def finish(self) -> bool:
        """It is done; False when nobody waits any more."""
        with self._lock:
            self._finished = not self._abandoned
            return self._finished


class Keys:
    """The keys of one data directory. Cheap to make; safe to share between threads.

    Every method that takes a time-out (seconds) blocks for at most that long: call it from any
    thread but the GUI's, there through off_thread(). They raise subclasses of KeyringError (see
    problems.py) that say how to mend this system's keyring, and StoreError where the data directory
    cannot be written. vault is for tests: what gives the keyring, asked anew for every call.
    """

    def __init__(self, data: DataDir, *, vault: Callable[[], Vault] = system_vault) -> None:
        self._vault = vault
        self._scope = Scope(data)
        self._lock = threading.Lock()
        self._memory: dict[str, Secret] = {}
        self._settled: dict[str, Secret | None] = {}  # what this run last did, and succeeded

    def get(
        self, provider: str, origin: Origin, *, timeout: float = PROMPT_TIMEOUT
    ) -> Secret | None:
        """The key, from memory or else from the keyring, which may ask the person to unlock it."""
        account = _account(provider, origin)
        with self._lock:
            if account in self._memory:
                return self._memory[account]
        service = self._service(account)
        if service is None:
            return None

        def work(attempt: _Attempt) -> Secret | None:
            text = self._vault().get(service, account)
            return None if text is None else _secret(text)

        return self._call(work, timeout)

    def set(
        self,
        provider: str,
        origin: Origin,
        key: Secret,
        *,
        remember: bool = True,
        timeout: float = PROMPT_TIMEOUT,
    ) -> None:
        """Keep a key: in the keyring, or with remember=False in the memory of this run only.

        A key in memory goes before one in the keyring, which stays. After an error nothing has
        changed, also when the keyring does it after the time-out.
        """
        account = _account(provider, origin)
        if not remember:
            with self._lock:
                self._memory[account] = key
            return
        before = self._scope.current()
        known = before is not None and account in before.accounts
        self._call(lambda attempt: self._write(attempt, account, key, known), timeout)
        with self._lock:
            self._memory.pop(account, None)

    def _write(self, attempt: _Attempt, account: str, key: Secret, known: bool) -> None:
        vault = self._vault()
        vault.open()  # the prompt is here
        if attempt.abandoned:
            return
        service = _service(self._scope.add(account).id)
        before: Secret | None = None
        written = False
        try:
            if known:
                text = vault.get(service, account)
                before = None if text is None else _secret(text)
            vault.set(service, account, key.reveal())
            written = True
        finally:
            if not (written or known or self._settled.get(account)):
                self._scope.drop(account)
        with self._lock:
            if attempt.finish():
                self._settled[account] = key
                self._scope.add(account)  # another thread's call may have failed meanwhile
                return
            before = self._settled.get(account, before)
        logger.warning("The keyring kept a key after the time-out; it is taken back.")
        self._put(vault, service, account, before)

    def _put(self, vault: Vault, service: str, account: str, key: Secret | None) -> None:
        if key is None:
            vault.delete(service, account)
            self._scope.drop(account)
        else:
            vault.set(service, account, key.reveal())

    def delete(self, provider: str, origin: Origin, *, timeout: float = PROMPT_TIMEOUT) -> None:
        """Remove the key from memory and keyring; none there is fine.

        After a time-out the keyring may still do it, unless a new key was kept meanwhile.
        """
        account = _account(provider, origin)
        with self._lock:
            self._memory.pop(account, None)
            settled = self._settled.get(account)
        service = self._service(account)
        if service is None:
            return

        def work(attempt: _Attempt) -> None:
            vault = self._vault()
            if vault.has(service, account) is not False:
                vault.open()  # the prompt is here
                with self._lock:
                    if self._settled.get(account) is not settled:
                        return
                vault.delete(service, account)
            self._scope.drop(account)
            with self._lock:
                if attempt.finish():
                    self._settled[account] = None

        self._call(work, timeout)

    def delete_all(self, provider: str, *, timeout: float = PROMPT_TIMEOUT) -> None:
        """Remove every key of a provider, also one that was given for another address of it.

        The time-out is for each. Where one cannot be deleted those after it stay, too.
        """
        record = self._scope.current()
        with self._lock:
            known = {*self._memory, *(record.accounts if record is not None else ())}
        for account in sorted(known):
            owner, _, address = account.partition(" ")
            if owner == provider:
                with suppress(UsageError):  # no address: a line that was not written by us
                    self.delete(provider, Origin.of(address), timeout=timeout)

    def place(self, provider: str, origin: Origin, *, timeout: float = CHECK_TIMEOUT) -> Place:
        """Where the key is. The person is not asked for anything."""
        account = _account(provider, origin)
        with self._lock:
            if account in self._memory:
                return "memory"
        service = self._service(account)
        if service is None:
            return "none"

        def work(attempt: _Attempt) -> bool | None:
            return self._vault().has(service, account)

        # What cannot be told while it is locked: there was one.
        return "none" if self._call(work, timeout) is False else "keyring"

    def check(self, *, timeout: float = CHECK_TIMEOUT) -> KeyringState:
        """What keyring there is and what is wrong with it; raises nothing, asks nobody."""

        def work(attempt: _Attempt) -> KeyringState:
            vault = self._vault()
            try:
                return KeyringState(vault.condition(), vault.name)
            except KeyringError as error:
                return KeyringState(_condition(error), vault.name, error)

        try:
            return self._call(work, timeout)
        except KeyringError as error:
            return KeyringState(_condition(error), "", error)

    def _service(self, account: str) -> str | None:
        """The name under which the keyring has the key; None where it was never given one."""
        record = self._scope.current()
        if record is None or account not in record.accounts:
            return None
        return _service(record.id)

    @staticmethod
    def _call(work: Callable[[_Attempt], T], timeout: float) -> T:
        attempt = _Attempt()
        future = off_thread(lambda: work(attempt))
        try:
            wait([future], timeout)
        except BaseException:  # Ctrl+C
            attempt.abandon()
            raise
        if not future.done() and attempt.abandon():
            future.add_done_callback(lambda late: _log_late(late.exception()))
            raise timed_out(timeout)
        return future.result()


def _log_late(error: BaseException | None) -> None:
    """Nobody waits for this call any more: what it raised is told to the log."""
    if error is not None:
        logger.info("A keyring call that had timed out ended with %s.", type(error).__name__)


def _condition(error: KeyringError) -> Literal["none", "unsafe", "failed"]:
    if isinstance(error, NoKeyring):
        return "none"
    return "unsafe" if isinstance(error, UnsafeKeyring) else "failed"


def _account(provider: str, origin: Origin) -> str:
    return f"{provider} {origin}"


def _service(scope: str) -> str:
    return f"Chatdesk {scope}"


def _secret(text: str) -> Secret:
    problem = ""
    try:
        return Secret(text)
    except UsageError as error:
        problem = error.what
    raise KeyringRefused(
        f"What the keyring has as the key cannot be used. {problem}", "Set the key again."
    )
