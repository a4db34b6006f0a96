"""From messages to the text a model was trained on, by the chat template of its file.

render() gives the text in parts and says which part is which message's content, because contents
come from people and must not be read as the template's own control tokens (prompt.py). To know it,
the template is rendered twice: once with the contents and once with a mark in each one's place.
Where the two agree, the parts are exact. A template that looks into its contents makes them
differ; then the parts are not exact and the contents must be made harmless before.
"""

from __future__ import annotations

import inspect
import logging
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chatdesk.chat.messages import Role
from chatdesk.errors import ModelError, ProviderError

_log = logging.getLogger(__name__)

_JINJA = ("{%", "{{")
_PROBE = "chatdesk-probe"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as the template gets it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the prompt. turn: the index of the turn whose content it is, None: template."""

    text: str
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """The prompt's text in order. turns: as they were written, possibly joined (see render)."""

    parts: tuple[Part, ...]
    turns: tuple[Turn, ...]
    exact: bool
    stops: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


# Takes [{"role": ..., "content": ...}], gives the text and stop sequences.
Formatter = Callable[[list[dict[str, str]]], tuple[str, tuple[str, ...]]]


class ChatTemplate:
    """A chat template. Pure after its making; belongs to the model it was made for.

    source: all text the template is known to write itself; system_apart: whether it has a place
    for a system prompt (else the prompt goes before the first message).
    """

    def __init__(self, formatter: Formatter, source: str = "") -> None:
        self._format = formatter
        self.system_apart = self._writes_system()
        self.source = source + self._sample()

    @classmethod
    def choose(cls, chat_format: str, own: str, *, bos: str, eos: str, name: str) -> ChatTemplate:
        """The template for a model: the person's choice, else the file's own.

        Raises ModelError where there is none, the name is unknown or the template is no Jinja.
        """
        chosen = chat_format.strip()
        if chosen and not any(mark in chosen for mark in _JINJA):
            return cls(_registered(chosen))
        source = chosen or own
        if not source:
            raise ModelError(
                f"{name} has no chat template, so it is probably not made for conversations.",
                "Choose an instruct or chat model, or set a chat format in the settings.",
            )
        return cls(_jinja(source, bos, eos, name), source)

    def render(self, turns: Sequence[Turn]) -> Rendered:
        """The prompt for these turns, up to where the assistant's reply begins.

        A system prompt the template has no place for is joined to the first message. When the
        template insists on speakers who take turns, empty replies are left out and neighbours of
        one role are joined. Raises ProviderError when the template refuses even then.
        """
        if not self.system_apart:
            turns = _fold_system(turns)
        problem: Exception
        attempts = [list(turns), _alternate(turns)]
        for attempt in attempts if attempts[0] != attempts[1] else attempts[:1]:
            try:
                return self._render(attempt)
            except Exception as raised:
                # A template is foreign code and may raise anything.
                problem = raised
        raise ProviderError(
            "The model's chat template refuses this conversation.",
            "Choose another chat format for the model in the settings.",
            detail=_raised(problem),
        ) from problem

    def _render(self, turns: Sequence[Turn]) -> Rendered:
        text, stops = self._format(_messages(turns))
        nonce = secrets.token_hex(8)
        marked: list[Turn] = []
        for index, turn in enumerate(turns):
            core = turn.content.strip()
            # White space stays outside of the mark, so a template that trims still trims it.
            mark = f"\ue000{nonce}-{index}\ue001"
            content = turn.content.replace(core, mark, 1) if core else turn.content
            marked.append(Turn(turn.role, content))
        outline, _ = self._format(_messages(marked))
        pieces = re.split(f"\ue000{nonce}-([0-9]+)\ue001", outline)
        # re.split gives template text and the marks' indices in turn.
        indices = [int(index) for index in pieces[1::2]]
        parts: list[Part] = []
        for position, piece in enumerate(pieces):
            if position % 2:
                index = int(piece)
                parts.append(Part(turns[index].content.strip(), index))
            elif piece:
                parts.append(Part(piece))
        expected = [index for index, turn in enumerate(turns) if turn.content.strip()]
        if sorted(indices) == expected and "".join(part.text for part in parts) == text:
            return Rendered(tuple(parts), tuple(turns), True, stops)
        return Rendered((Part(text),), tuple(turns), False, stops)

    def _writes_system(self) -> bool:
        user = Turn(Role.USER, "x")
        try:
            text, _ = self._format(_messages([Turn(Role.SYSTEM, _PROBE), user]))
        except Exception as refusal:
            # Foreign code: whatever it raises, it has no place for a system prompt.
            _log.info("The chat template takes no system prompt: %s", _raised(refusal))
            return False
        return _PROBE in text

    def _sample(self) -> str:
        probe = Turn(Role.USER, "x")
        try:
            return self._format(_messages([probe, Turn(Role.ASSISTANT, "x"), probe]))[0]
        except Exception as refusal:
            # Foreign code; render() will word its error when it matters.
            _log.info("The chat template refuses a sample: %s", _raised(refusal))
            return ""


def _raised(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"


def _messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role.value, "content": turn.content} for turn in turns]


def _fold_system(turns: Sequence[Turn]) -> list[Turn]:
    """The system prompt joined to the first message that follows it."""
    system = [turn.content for turn in turns if turn.role is Role.SYSTEM and turn.content.strip()]
    rest = [turn for turn in turns if turn.role is not Role.SYSTEM]
    if not system:
        return rest
    if not rest or rest[0].role is not Role.USER:
        return [Turn(Role.USER, "\n\n".join(system)), *rest]
    return [Turn(Role.USER, "\n\n".join((*system, rest[0].content))), *rest[1:]]


def _alternate(turns: Sequence[Turn]) -> list[Turn]:
    """The turns without empty replies, neighbours of one role joined."""
    joined: list[Turn] = []
    for turn in turns:
        if turn.role is Role.ASSISTANT and not turn.content.strip():
            continue
        if joined and joined[-1].role is turn.role:
            joined[-1] = Turn(turn.role, f"{joined[-1].content}\n\n{turn.content}")
        else:
            joined.append(turn)
    return joined


def _jinja(source: str, bos: str, eos: str, name: str) -> Formatter:
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    try:
        formatter: Any = Jinja2ChatFormatter(template=source, eos_token=eos, bos_token=bos)
    except Exception as problem:
        # Foreign text in a foreign language: the sandbox may raise anything.
        raise ModelError(
            f"The chat template of {name} cannot be read.",
            "Set another chat format for it in the settings.",
            detail=str(problem),
        ) from problem

    def format_messages(messages: list[dict[str, str]]) -> tuple[str, tuple[str, ...]]:
        return str(formatter(messages=messages).prompt), ()

    return format_messages


def _registered(name: str) -> Formatter:
    """The formatter llama-cpp-python registered under a name.

    Its registry holds completion handlers that close over the formatter; the formatter alone is
    what we want, and it has no other public way to it.
    """
    from llama_cpp import llama_chat_format

    registry: Any = llama_chat_format.LlamaChatCompletionHandlerRegistry
    unknown = llama_chat_format.LlamaChatCompletionHandlerNotFoundException
    try:
        handler = registry().get_chat_completion_handler_by_name(name)
        formatter = inspect.getclosurevars(handler).nonlocals["chat_formatter"]
    except (unknown, KeyError, TypeError) as problem:
        # The last two: a handler that calls functions and is no plain format.
        raise ModelError(
            f"There is no chat format named {name}.",
            "Leave the chat format empty to use the model's own, or choose another, such as "
            "chatml.",
            detail=str(problem),
        ) from problem

    def format_messages(messages: list[dict[str, str]]) -> tuple[str, tuple[str, ...]]:
        response = formatter(messages=messages)
        stops = response.stop or ()
        return str(response.prompt), (stops,) if isinstance(stops, str) else tuple(stops)

    return format_messages
