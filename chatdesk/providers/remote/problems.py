"""What can go wrong with a server, as errors that say what and what to do.

A ServerProblem whose `again` is set may go away by itself: backoff.py tries again as long as no
word of the reply was told.
"""

from __future__ import annotations

from typing import Literal

from chatdesk.errors import ProviderError

# "soon": the server is busy or the connection broke. "few": it may never work (refused, no such
# name), but a network that just woke up deserves another attempt. None: the same answer would come.
Again = Literal["soon", "few"] | None


class ServerProblem(ProviderError):
    """A server or the way to it did not do its part.

    status: the HTTP status, None where there was no answer. after: seconds that the server wants
    to be left alone, None where it did not say. why: a phrase for while it is waited for.
    retryable, as of every error: whether the person may try again; `again` implies it.
    """

    def __init__(
        self,
        what: str,
        advice: str = "",
        *,
        again: Again = None,
        after: float | None = None,
        status: int | None = None,
        why: str = "",
        retryable: bool = False,
        detail: str = "",
    ) -> None:
        super().__init__(what, advice, retryable=retryable or again is not None, detail=detail)
        self.again = again
        self.after = after
        self.status = status
        self.why = why


class NoModelList(ServerProblem):
    """The server answers, but it has no list of models."""


class RedirectedElsewhere(ServerProblem):
    """The server sends the request to another origin, which may get neither key nor messages."""

    def __init__(self, own: object, other: object) -> None:
        super().__init__(
            f"{own} redirects to another server, {other}. Nothing was sent there.",
            "If that is the right server, enter its address as the provider's base URL.",
        )


class CompressedAnswer(ServerProblem):
    """The server compresses although it was asked not to: little could unpack to any size."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            "The server compresses its answers although Chatdesk asks it not to.",
            "Turn compression off in the server, or in the proxy before it.",
            detail=f"Content-Encoding: {encoding[:40]!r}",
        )


class AnswerTooLarge(ServerProblem):
    """More came than any model writes in one piece."""

    def __init__(self, bound: int) -> None:
        super().__init__(
            f"The server sent more than {bound // 1024:,} KB in one piece. That is no model's "
            "answer.",
            "Check the base URL in the provider's settings.",
        )
