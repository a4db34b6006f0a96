"""The exception tree: every error a person can cause or meet, worded for that person.

An expected error says what happened, what to do about it, where that is done, and whether trying
again may help. Where it is done is another place in the window than in a terminal, so it stands
apart from the advice, and each face says its own. Whatever is not a ChatdeskError is a bug: it is
logged and shown by the crash dialog, never hidden.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    """Where an error is mended: what only one of the faces can say.

    window, terminal: a sentence each, "" where there is no such way; that of the window is left
    out where a button does it or the person is there already. provider: the id of the provider in
    whose settings it is mended, "" for none. key: what is wrong there is its key.
    """

    window: str = ""
    terminal: str = ""
    provider: str = ""
    key: bool = False


class ChatdeskError(Exception):
    """An expected error.

    what: one plain sentence, what happened. advice: one plain sentence, what to do ("" if nothing),
    which is true wherever it is read. remedy: where it is done, if that is another place in the
    window than in a terminal. retryable: whether the same action may succeed when tried again
    unchanged. detail: technical text for the folded details and the log, never needed to understand
    the error.

    Python itself shows an exception in a terminal, so str() is what a terminal should show.
    """

    def __init__(
        self,
        what: str,
        advice: str = "",
        *,
        remedy: Remedy | None = None,
        retryable: bool = False,
        detail: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.remedy = remedy
        self.retryable = retryable
        self.detail = detail

    def __str__(self) -> str:
        return self.in_terminal

    @property
    def told(self) -> str:
        """What happened and what to do, wherever it is read; what is saved with a reply."""
        return _sentences(self.what, self.advice)

    @property
    def in_window(self) -> str:
        """The same and the way there in the window."""
        return _sentences(self.what, self.window_advice)

    @property
    def in_terminal(self) -> str:
        """The same and the command for it."""
        return _sentences(self.what, self.terminal_advice)

    @property
    def window_advice(self) -> str:
        """What to do, and where in the window."""
        return _sentences(self.advice, self.remedy.window if self.remedy else "")

    @property
    def terminal_advice(self) -> str:
        """What to do, and the command for it."""
        return _sentences(self.advice, self.remedy.terminal if self.remedy else "")


def _sentences(*texts: str) -> str:
    return " ".join(text for text in texts if text)


class UsageError(ChatdeskError):
    """Input that cannot be right: an empty message, an unknown id, a value out of bounds."""


class NotFound(ChatdeskError):
    """A conversation, message, model or setting that does not exist."""


class StoreError(ChatdeskError):
    """The database or the data directory cannot be used."""


class SchemaTooNew(StoreError):
    """The database was written by a newer Chatdesk than this one."""


class SettingsError(ChatdeskError):
    """A setting that does not exist or a value it does not accept."""


class ModelError(ChatdeskError):
    """A model file that cannot be used: not GGUF, truncated, not a chat model, too large."""


class ModelLoadError(ModelError):
    """llama.cpp could not load a model that looked right."""


class LoadCancelled(ModelError):
    """Loading was cancelled by the person."""


class ContextOverflow(ChatdeskError):
    """The system prompt and the newest message alone do not fit in the context window."""


class ProviderError(ChatdeskError):
    """A reply could not be produced."""


class ReplyInterrupted(ProviderError):
    """The reply was cut after its first words, which are kept; it can be continued or retried."""


class KeyringError(ChatdeskError):
    """The operating system's keyring cannot be used now. Subclasses stand in credentials/."""


class Busy(ChatdeskError):
    """The conversation already has a reply being written."""
