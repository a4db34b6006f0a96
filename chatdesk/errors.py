"""The exception tree: every error a person can cause or meet, worded for that person.

An expected error says what happened, what to do about it, and whether trying again may help.
Whatever is not a ChatdeskError is a bug: it is logged and shown by the crash dialog, never hidden.
"""

from __future__ import annotations


class ChatdeskError(Exception):
    """An expected error.

    what: one plain sentence, what happened. advice: one plain sentence, what to do ("" if nothing).
    retryable: whether the same action may succeed when tried again unchanged.
    detail: technical text for the folded details and the log, never needed to understand the error.
    """

    def __init__(
        self, what: str, advice: str = "", *, retryable: bool = False, detail: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.retryable = retryable
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.what} {self.advice}".strip()


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
