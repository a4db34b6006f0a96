"""The messages of the dataflow: what a thin client asks, and what is kept as its answer.

Both lie in JetStream. Who asks is in the subject, where the server's permissions guard it. A prompt
that is sent again with the same id is the same prompt: it is answered once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from chatdesk.chat.messages import SamplingParameters, Usage, new_id
from chatdesk.providers.nats.fields import VERSION, Fields, WireError, dump, load
from chatdesk.providers.nats.wire import parameters_from, usage_from

LONGEST_PROMPT = 200_000  # characters

Ended = Literal["complete", "failed"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request of a user. id: unique for the user. forget: begin a new conversation with it."""

    text: str
    id: str = field(default_factory=new_id)
    parameters: SamplingParameters = SamplingParameters()
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a prompt. text: the reply, "" where it failed; why: then the error's words.

    summary: what stands for the oldest `folded` turns from now on, where they were summarised for
    this answer.
    """

    id: str
    ended: Ended
    text: str = ""
    model: str = ""
    usage: Usage = Usage()
    why: str = ""
    summary: str = ""
    folded: int = 0


def encode_prompt(prompt: Prompt) -> bytes:
    """A prompt as one message."""
    return dump({"v": VERSION, "type": "prompt"} | asdict(prompt))


def decode_prompt(data: bytes) -> Prompt:
    """Raises WireError."""
    told = Fields(load(data))
    told.must_be("prompt")
    text = told.text("text", LONGEST_PROMPT)
    if not text.strip():
        raise WireError("The prompt is empty.")
    return Prompt(
        text,
        told.id("id"),
        parameters_from(told.get("parameters", dict)),
        told.get("forget", bool),
    )


def encode_answer(answer: Answer) -> bytes:
    """An answer as one message."""
    values: dict[str, Any] = asdict(answer) | {"usage": answer.usage.to_dict()}
    return dump({"v": VERSION, "type": "answer"} | values)


def decode_answer(data: bytes) -> Answer:
    """Raises WireError."""
    told = Fields(load(data))
    told.must_be("answer")
    return Answer(
        told.id("id"),
        told.one_of("ended", ("complete", "failed")),
        told.text("text"),
        told.text("model", 1_000),
        usage_from(told.get("usage", dict)),
        told.text("why", 4_000),
        told.text("summary"),
        told.count("folded"),
    )
