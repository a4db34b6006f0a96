"""From messages to a prompt, for servers that take a text and no messages.

A named template says how the model was taught to read a conversation. No template writes the token
that begins a text (<s>, <|begin_of_text|>): Text Generation Inference adds it to every prompt, and
two of them make models worse. What people and models wrote cannot forge a turn (control_text.py).

Sources: ChatML as in OpenAI's and Qwen's documents; Llama 2 and 3 as in Meta's "Model cards and
prompt formats"; Mistral's tokenizer V1 as in mistral-common's document of chat templates (the one
of 7B-Instruct and Mixtral 8x7B, with the system prompt before the first message); Falcon as in the
model card of falcon-180B-chat. falcon-7b-instruct was taught plain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage
from chatdesk.errors import UsageError
from chatdesk.providers.remote.control_text import harmless

DEFAULT_TEMPLATE = "plain"

# Whoever may be taken for a speaker where speakers are marked by their names.
_SPEAKERS = ("System", "User", "Human", "Assistant", "Falcon")


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """text: up to where the reply begins or goes on. stops: where the model's turn is over."""

    text: str
    stops: tuple[str, ...]


class PromptTemplate(Protocol):
    """A way to write a conversation down. Pure; any thread."""

    @property
    def label(self) -> str:
        """The template's name for people."""

    def render(self, messages: Sequence[PromptMessage], continuation: str = "") -> RenderedPrompt:
        """The prompt for a system message (or none) and turns.

        Every message's text is in it, in order and without the white space around it. With a
        continuation the prompt ends with that text, as the beginning of the reply.
        """


@dataclass(frozen=True, slots=True)
class MarkedTurns:
    """Every message stands between a mark that names its speaker and a mark that ends it.

    after_system: what more ends a system message. space: what stands between the mark of a reply
    and its text; it is left off where the reply is yet to come, because tokenizers keep a space
    with the word that follows it. named: speakers are marked by their names at the beginning of a
    line, so other texts must not do so.
    """

    label: str
    system: str
    user: str
    assistant: str
    end: str
    stops: tuple[str, ...]
    after_system: str = ""
    space: str = ""
    named: bool = False

    def render(self, messages: Sequence[PromptMessage], continuation: str = "") -> RenderedPrompt:
        speakers = _SPEAKERS if self.named else ()
        before = {Role.USER: self.user, Role.ASSISTANT: self.assistant + self.space}
        parts: list[str] = []
        for message in messages:
            text = harmless(message.content.strip(), speakers)
            if message.role is not Role.SYSTEM:
                parts += (before[message.role], text, self.end)
            elif text:
                parts += (self.system, text, self.end, self.after_system)
        begun = harmless(continuation.lstrip(), speakers)
        parts += (self.assistant, self.space + begun if begun else "")
        return RenderedPrompt("".join(parts), self.stops)


@dataclass(frozen=True, slots=True)
class Instructions:
    """The person's messages are instructions in brackets, replies stand between them.

    Such models know no other order than instruction, reply, instruction: neighbours of one speaker
    are joined. before_system and after_system enclose a system message at the beginning of the
    first instruction. between: what separates a reply from the next instruction.
    """

    label: str
    before_system: str
    after_system: str
    between: str
    stops: tuple[str, ...]

    def render(self, messages: Sequence[PromptMessage], continuation: str = "") -> RenderedPrompt:
        system = "\n\n".join(_texts(messages, Role.SYSTEM))
        first = f"{self.before_system}{system}{self.after_system}" if system else ""
        parts: list[str] = []
        for instruction, reply in _exchanges(messages):
            parts.append(f"[INST] {first}{instruction} [/INST]")
            if reply is not None:
                parts.append(f" {reply}{self.between}")
            first = ""
        begun = harmless(continuation.lstrip())
        return RenderedPrompt("".join(parts) + (f" {begun}" if begun else ""), self.stops)


def _texts(messages: Sequence[PromptMessage], role: Role) -> list[str]:
    texts = (harmless(message.content.strip()) for message in messages if message.role is role)
    return [text for text in texts if text]


def _exchanges(messages: Sequence[PromptMessage]) -> list[tuple[str, str | None]]:
    """Instructions with their replies; only the last one has none."""
    exchanges: list[tuple[list[str], list[str]]] = []
    for message in messages:
        text = harmless(message.content.strip())
        if message.role is Role.USER:
            if not exchanges or exchanges[-1][1]:
                exchanges.append(([], []))
            exchanges[-1][0].append(text)
        elif message.role is Role.ASSISTANT and text:
            if not exchanges:
                exchanges.append(([], []))
            exchanges[-1][1].append(text)
    if not exchanges or exchanges[-1][1]:
        exchanges.append(([], []))
    return [
        ("\n\n".join(asked), "\n\n".join(answered) if answered else None)
        for asked, answered in exchanges
    ]


TEMPLATES: Mapping[str, PromptTemplate] = MappingProxyType(
    {
        "plain": MarkedTurns(
            "User: / Assistant:",
            system="",
            user="User: ",
            assistant="Assistant:",
            end="\n",
            after_system="\n",
            space=" ",
            stops=("\nUser:", "\nAssistant:"),
            named=True,
        ),
        "chatml": MarkedTurns(
            "ChatML",
            system="<|im_start|>system\n",
            user="<|im_start|>user\n",
            assistant="<|im_start|>assistant\n",
            end="<|im_end|>\n",
            stops=("<|im_end|>", "<|im_start|>"),
        ),
        "llama-2": Instructions(
            "Llama 2",
            before_system="<<SYS>>\n",
            after_system="\n<</SYS>>\n\n",
            between=" </s><s>",
            stops=("[INST]",),
        ),
        "llama-3": MarkedTurns(
            "Llama 3",
            system="<|start_header_id|>system<|end_header_id|>\n\n",
            user="<|start_header_id|>user<|end_header_id|>\n\n",
            assistant="<|start_header_id|>assistant<|end_header_id|>\n\n",
            end="<|eot_id|>",
            stops=("<|eot_id|>", "<|start_header_id|>"),
        ),
        "mistral": Instructions(
            "Mistral",
            before_system="",
            after_system="\n\n",
            between="</s> ",
            stops=("[INST]",),
        ),
        "falcon": MarkedTurns(
            "Falcon",
            system="System: ",
            user="User: ",
            assistant="Falcon:",
            end="\n",
            space=" ",
            stops=("\nUser:", "\nFalcon:"),
            named=True,
        ),
    }
)


def find_template(name: str) -> PromptTemplate:
    """The template of a name; "" is the default one. Raises UsageError for an unknown name."""
    try:
        return TEMPLATES[name.strip().lower() or DEFAULT_TEMPLATE]
    except KeyError:
        raise UsageError(
            f"There is no prompt template named {name}.",
            f"Choose one of {', '.join(TEMPLATES)}.",
        ) from None
