"""The log, the crash file, and what happens with exceptions that nobody expected.

Logs are for a person to hand to someone else, so they hold no message texts (nobody may log one;
and exception messages, where one could slip in, are cut short), no keys and no home directory:
every line goes through redact(), which knows the looks of keys and also the texts of those that
this process used. A log that cannot be written is never an error of its own.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import io
import json
import logging
import os
import platform
import re
import sys
import threading
import traceback
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, quote_plus

from chatdesk.paths import DataDir

LOG_NAME = "chatdesk.log"
CRASH_NAME = "crash.log"  # written by faulthandler, when native code crashed
_LOG_BYTES = 1_000_000
_LOG_FILES = 3
_CRASH_BYTES = 256_000
_SHORTEST_SECRET, _SHORTEST_ANYWHERE = 4, 8  # characters
_MOST_SECRETS = 64
_LONGEST_FOREIGN = 500  # of what a library logs
_LONGEST_MESSAGE = 160  # of an exception; enough for a path, too little for a conversation

# Each begins where a word begins, so that the time grows with the text and not with its square.
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}"), r"\1[removed]"),
    (
        re.compile(
            r"(?i)((?<![\w-])[\w-]*(?:api[_-]?key|authorization|token|password|passwd|secret)[\"']?"
            r"\s*[=:]\s*[\"']?)(?!\[removed\]|bearer\b|basic\b)[^\s\"',;&)}\]]{4,}"
        ),
        r"\1[removed]",
    ),
    (
        re.compile(r"\b((?:sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|nvapi|r8)[_-])[\w-]{8,}"),
        r"\1[removed]",
    ),
    (re.compile(r"\bAIza[\w-]{20,}"), "[removed]"),
    (re.compile(r"(\b\w+://)[^\s/@]+@"), r"\1[removed]@"),
    # Some providers' keys have no prefix: long runs of letters and digits.
    (re.compile(r"\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,}\b"), "[removed]"),
)

_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

logger = logging.getLogger("chatdesk")


class _KeptOut:
    """The texts that no log may show: what keep_out() was told, newest last. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, set[str]] = {}  # and the ways to write them
        self._ways: tuple[str, ...] = ()  # longest first: one may be a part of another

    def add(self, text: str) -> None:
        if len(text) < _SHORTEST_SECRET:
            return
        with self._lock:
            known = self._texts.pop(text, None)
            self._texts[text] = known or _written(text)
            if known:
                return
            while len(self._texts) > _MOST_SECRETS:
                del self._texts[next(iter(self._texts))]
            ways = set().union(*self._texts.values())
            self._ways = tuple(sorted(ways, key=len, reverse=True))

    def remove_from(self, text: str) -> str:
        for way in self._ways:
            if way not in text:
                continue
            if len(way) < _SHORTEST_ANYWHERE:
                text = re.sub(rf"(?<!\w){re.escape(way)}(?!\w)", "[removed]", text)
            else:
                text = text.replace(way, "[removed]")
        return text


def _written(text: str) -> set[str]:
    """The ways to write a text: as it is, in an address, in a Python or JSON text."""
    ways = {text, quote(text), quote(text, safe=""), quote_plus(text)}
    return ways | {repr(text)[1:-1], json.dumps(text)[1:-1]}


_kept_out = _KeptOut()


def keep_out(text: str) -> None:
    """Never show text, a key, in anything that goes through redact() in this process.

    It is told by credentials.Secret; any thread. Texts of 4 to 7 characters are replaced as whole
    words only, shorter ones not at all: they would tear up every line and give themselves away by
    that. The newest 64 are remembered.
    """
    _kept_out.add(text)


def redact(text: str) -> str:
    """text without keys, passwords, tokens and the name of the home directory."""
    text = _kept_out.remove_from(text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    home = os.path.expanduser("~")  # noqa: PTH111 (gives "~" where there is no home)
    if len(home) > 1:
        text = re.sub(re.escape(home) + r"(?![\w.-])", "~", text)
    return text


def describe_exception(
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> str:
    """A traceback for the log or the crash dialog: redacted, exception messages cut short."""
    if kind is None:
        return ""
    told = traceback.TracebackException(kind, error or kind(), trace, compact=True)
    pending: list[traceback.TracebackException | None] = [told]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        words = redact(str(current))  # before it is cut: half a key is not recognised
        if len(words) > _LONGEST_MESSAGE:
            words = f"{words[:_LONGEST_MESSAGE]}..."
        current._str = words  # type: ignore[attr-defined]
        pending += [current.__cause__, current.__context__, *(current.exceptions or ())]
    return redact("".join(told.format()).rstrip("\n"))


class _Formatter(logging.Formatter):
    """Redacts the whole record, traceback included; a library's message is cut short as well."""

    def format(self, record: logging.LogRecord) -> str:
        # The text that another handler's formatter left there is not cut short.
        own = copy.copy(record)
        own.exc_text = None
        if not _ours(record):
            own.msg, own.args = redact(_message(record)), None
            if len(own.msg) > _LONGEST_FOREIGN:
                own.msg = f"{own.msg[:_LONGEST_FOREIGN]}..."
        return redact(super().format(own))

    def formatException(self, ei: _ExceptionInfo) -> str:
        return describe_exception(*ei)


def _ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == logger.name


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a library's own mistake in what it logs
        return str(record.msg)


def _may_be_written(record: logging.LogRecord) -> bool:
    """Whether a record is for the log: what HTTP clients tell below WARNING is requests, with their
    headers and bodies, and their loggers may be set to it by a variable such as OPENAI_LOG.
    """
    return _ours(record) or record.levelno >= logging.WARNING


class _LogFile(RotatingFileHandler):
    """A rotating log only its owner can read; it is opened by the first record."""

    _formatted: str | None = None  # while a record is written

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        finally:
            self._formatted = None

    def format(self, record: logging.LogRecord) -> str:
        """Asked for twice: for the size, and to write it. The handler's lock is held."""
        if self._formatted is None:
            self._formatted = super().format(record)
        return self._formatted

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return io.TextIOWrapper(
            os.fdopen(descriptor, "ab"), encoding="utf-8", errors="backslashreplace"
        )

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk must not fill the terminal, or end the application, as well."""


def setup_logging(data: DataDir, verbose: bool) -> Callable[[], None]:
    """Log to data.logs, and native crashes beside it; with verbose also to standard error.

    Chatdesk's own loggers are heard from INFO on (DEBUG with verbose), other libraries' from
    WARNING on. Never raises. Call once per process, from the main thread; returns what undoes it.
    """
    form = _Formatter("%(asctime)s %(levelname).1s %(process)d %(name)s: %(message)s")
    handlers: list[logging.Handler] = []
    descriptor: int | None = None
    was_enabled = faulthandler.is_enabled()
    try:
        for folder in (data.root, data.logs):  # parents=True would give the root another mode
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handlers.append(
            _LogFile(data.logs / LOG_NAME, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, delay=True)
        )
        descriptor = _open_crash_file(data.logs / CRASH_NAME)
        faulthandler.enable(descriptor)
    except OSError as error:
        if verbose:
            print(f"No log is written: {redact(str(error))}", file=sys.stderr)
    if verbose:
        handlers.append(logging.StreamHandler())
    root = logging.getLogger()
    for handler in handlers:
        handler.setFormatter(form)
        handler.addFilter(_may_be_written)
        root.addHandler(handler)
    level_before = logger.level
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.info(
        "Started: Python %s, %s %s", platform.python_version(), sys.platform, platform.machine()
    )

    def undo() -> None:
        logger.setLevel(level_before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        if descriptor is not None:
            faulthandler.disable()
            if was_enabled and sys.__stderr__ is not None:
                faulthandler.enable(sys.__stderr__)
            os.close(descriptor)

    return undo


def _open_crash_file(path: Path) -> int:
    # A file that grew over many crashes starts anew.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    if path.exists() and path.stat().st_size > _CRASH_BYTES:
        flags |= os.O_TRUNC
    return os.open(path, flags, 0o600)


def install_hooks(on_crash: Callable[[str], None] | None = None) -> Callable[[], None]:
    """Log every exception that nobody caught, in any thread, and tell on_crash about it.

    on_crash gets the redacted traceback, in the thread where it happened: a window must carry it to
    its own thread. An exception inside on_crash is logged and goes no further. The hooks that were
    there before are called too; instead of Python's own, which would show everything on standard
    error, the redacted traceback is written there. Returns what puts them back.
    """
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    inside = threading.local()

    def tell(
        where: str,
        kind: type[BaseException],
        error: BaseException | None,
        trace: TracebackType | None,
        shown: bool,
    ) -> None:
        report = describe_exception(kind, error, trace)
        logger.critical("A bug, %s:\n%s", where, report)
        if shown and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{report}\n")
        if on_crash is None or getattr(inside, "telling", False):
            return
        inside.telling = True
        try:
            on_crash(report)
        except Exception:
            logger.exception("The crash could not be shown.")
        finally:
            inside.telling = False

    def uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        plain = before[0] is sys.__excepthook__
        if issubclass(kind, Exception):  # not Ctrl+C
            tell("uncaught", kind, error, trace, plain)
            if plain:
                return
        before[0](kind, error, trace)

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        plain = before[1] is threading.__excepthook__
        if issubclass(args.exc_type, Exception):
            name = args.thread.name if args.thread else "unknown"
            tell(f"in thread {name}", args.exc_type, args.exc_value, args.exc_traceback, plain)
            if plain:
                return
        before[1](args)

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        plain = before[2] is sys.__unraisablehook__
        if issubclass(args.exc_type, Exception):
            where = "where none can be raised"
            tell(where, args.exc_type, args.exc_value, args.exc_traceback, plain)
            if plain:
                return
        before[2](args)

    sys.excepthook, threading.excepthook = uncaught, uncaught_in_thread
    sys.unraisablehook = unraisable

    def undo() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before

    return undo


def last_crash(data: DataDir) -> str | None:
    """What faulthandler wrote when native code last crashed, redacted; None if it never did."""
    with contextlib.suppress(OSError):
        path = data.logs / CRASH_NAME
        if path.stat().st_size:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - 16_000))
                return redact(file.read().decode("utf-8", "replace"))
    return None
