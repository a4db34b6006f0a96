"""What Text Generation Inference answers: events, whole replies and errors, read with suspicion.

Errors are {"error": words, "error_type": type}: as the body of a status from /generate, and as an
event of a stream that began with 200 from /generate_stream, where "overloaded" and refused
parameters come too. What stands before the server (Inference Endpoints, a proxy) has errors of its
own, so the status counts where the body says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chatdesk.errors import ChatdeskError
from chatdesk.providers.remote.answers import Refusal, refusal_problem
from chatdesk.providers.remote.api import Server
from chatdesk.providers.remote.problems import (
    NotThisApi,
    ServerProblem,
    address_remedy,
    server_words,
)

# An Inference Endpoint that was scaled to zero answers 503 for minutes while it starts. With the
# usual number of attempts this is waited for.
_ENDPOINTS = ".endpoints.huggingface.cloud"
_STARTING_S = 30.0

ADVICE = "Check the base URL and the kind of the provider."


class Refused(Exception):
    """The server does not take the request as it is. words: its own, which may name the numbers.

    problem: for the person, where nothing better can be asked for.
    """

    def __init__(self, words: str, problem: ServerProblem) -> None:
        super().__init__(problem.what)
        self.words = words
        self.problem = problem


class NoSuchAddress(Exception):
    """The server does not have this address. problem: for the person, if it has no other."""

    def __init__(self, problem: ChatdeskError) -> None:
        super().__init__(problem.what)
        self.problem = problem


class Answers:
    """Reads the answers of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._name = server.profile.name

    def event(self, data: bytes) -> bytes:
        """An event of a stream with the fields that are used, or what they are taken for.

        Raises Refused, ServerProblem for an error event and NotThisApi for anything else.
        """
        content = self._object(data)
        token = content.get("token")
        if not isinstance(token, dict) or not isinstance(token.get("text"), str):
            raise self._strange(data)
        known: dict[str, Any] = {
            "index": 0,
            "token": {
                "id": 0,
                "logprob": 0.0,
                "special": token.get("special") is True,
                "text": token["text"],
            },
        }
        return _dumped(known | self._end(content))

    def whole(self, data: bytes) -> bytes:
        """A whole reply, in the same way."""
        content = self._object(data)
        if not isinstance(content.get("generated_text"), str):
            raise self._strange(data)
        return _dumped(self._end(content))

    def problem(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """What a status of 300 and more means; body: as much of it as there is."""
        words, kind = _error(_parsed(body))
        if kind or status == 422:
            return self._told(words or server_words(body.decode("utf-8", "replace")), kind, status)
        problem = refusal_problem(
            Refusal.read(status, headers, body), self._server.profile, keyed=self._server.keyed
        )
        if isinstance(problem, NotThisApi):
            problem.advice = ADVICE  # it is about other addresses than ours
        if isinstance(problem, ServerProblem) and status in (502, 503) and self._sleeps():
            problem.what = f"{self._name} was asleep and is starting, which takes some minutes."
            problem.after = problem.after or _STARTING_S
            problem.why = f"{self._name} is starting"
        return NoSuchAddress(problem) if status in (404, 405, 501) else problem

    def _sleeps(self) -> bool:
        """Whether it is one of those that are stopped while nobody uses them."""
        return self._server.profile.origin.host.endswith(_ENDPOINTS)

    def _object(self, data: bytes) -> dict[str, Any]:
        content = _parsed(data)
        # An endpoint's own handler gives a list of one reply.
        if isinstance(content, list) and len(content) == 1:
            content = content[0]
        if not isinstance(content, dict):
            raise self._strange(data)
        words, kind = _error(content)
        if words or kind:
            raise self._told(words, kind, None)
        return content

    def _end(self, content: dict[str, Any]) -> dict[str, Any]:
        """What the last event of a stream and a whole reply have."""
        text, details = content.get("generated_text"), content.get("details")
        known: dict[str, Any] = {"generated_text": text if isinstance(text, str) else None}
        if isinstance(details, dict):
            reason = details.get("finish_reason")
            known["details"] = {
                "finish_reason": reason if isinstance(reason, str) else None,
                "generated_tokens": _count(details.get("generated_tokens")),
                "input_length": _count(details.get("input_length")),
            }
        return known

    def _told(self, words: str, kind: str, status: int | None) -> Exception:
        """The server's own error."""
        name, detail = self._name, f"{kind or status}: {words}"
        if kind == "validation" or (status == 422 and not kind):
            problem = ServerProblem(
                f"{name} does not take the request. {words}",
                "Change the parameters of the conversation, or ask with another model.",
                status=422,
                detail=detail,
            )
            return Refused(words, problem)
        if kind == "overloaded":
            return ServerProblem(
                f"{name} has too many requests at the moment.",
                "Try again later.",
                again="soon",
                status=429,
                why=f"{name} is busy",
                detail=detail,
            )
        transient = kind in ("generation", "incomplete_generation", "healthcheck")
        return ServerProblem(
            f"{name} could not write the reply. {words}",
            "Try again. If it stays so, the server's log tells more.",
            again="few" if transient else None,
            status=status,
            why=f"{name} failed",
            retryable=True,
            detail=detail,
        )

    def _strange(self, data: bytes) -> NotThisApi:
        return NotThisApi(
            f"{self._name} sent something that is no reply of Text Generation Inference.",
            ADVICE,
            remedy=address_remedy(self._server.profile),
            detail=server_words(data[:400].decode("utf-8", "replace"), 200),
        )


def parsed_object(data: bytes) -> dict[str, Any]:
    """A JSON object; {} where it is none."""
    content = _parsed(data)
    return content if isinstance(content, dict) else {}


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _error(content: object) -> tuple[str, str]:
    """(words, type) of an error; both "" where it is none."""
    if not isinstance(content, dict):
        return "", ""
    error: Any = content.get("error")
    kind: Any = content.get("error_type")
    if isinstance(error, dict):  # as OpenAI has it
        error, kind = error.get("message"), kind or error.get("type")
    if isinstance(error, list):
        error = "; ".join(str(each) for each in error[:3])
    if error is None and "token" not in content and "generated_text" not in content:
        error = content.get("message")
    return server_words(error) if error else "", str(kind)[:40] if kind else ""


def _count(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000_000
    return value if known else None  # type: ignore[return-value]


def _dumped(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode("ascii")
