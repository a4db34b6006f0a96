"""The messages of the dataflow: what a thin client asks, and what is kept as its answer.

Both lie in JetStream. Who asks is in the subject, where the server's permissions guard it. A prompt
that is sent again with the same id is the same prompt: it is answered once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from chatdesk.chat.messages import SamplingParameters, Usage, new_id
from chatdesk.errors import UsageError
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


class UnreadablePrompt(WireError):
    """A prompt that cannot be answered, but whoever sent it can be told."""

    def __init__(self, prompt_id: str, problem: WireError) -> None:
        super().__init__(problem.what, problem.advice, detail=problem.detail)
        self.prompt_id = prompt_id


def check_length(text: str) -> None:
    """Raises UsageError for a text that is too long for a prompt."""
    if len(text) > LONGEST_PROMPT:
        raise UsageError(
            f"The question is too long: {len(text):,} of {LONGEST_PROMPT:,} characters.",
            "Shorten it, or split it into several.",
        )


def encode_prompt(prompt: Prompt) -> bytes:
    """A prompt as one message."""
    return dump({"v": VERSION, "type": "prompt"} | asdict(prompt))


def decode_prompt(data: bytes) -> Prompt:
    """Raises WireError; UnreadablePrompt where only its id can be read."""
    told = Fields(load(data))
    told.must_be("prompt")
    prompt_id = told.id("id")
    try:
        return _prompt(prompt_id, told)
    except WireError as problem:
        raise UnreadablePrompt(prompt_id, problem) from problem


def _prompt(prompt_id: str, told: Fields) -> Prompt:
    text = told.text("text")
    if len(text) > LONGEST_PROMPT:
        raise WireError(f"A prompt has at most {LONGEST_PROMPT:,} characters.")
    if not text.strip():
        raise WireError("The prompt is empty.")
    parameters = parameters_from(told.get("parameters", dict))
    return Prompt(text, prompt_id, parameters, told.get("forget", bool))


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
