"""What the transcript shows: one immutable entry per message of the active path.

The controller makes entries from messages; the transcript knows nothing of stores, sessions or
providers. Nothing here needs Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatdesk.chat.messages import Role, Status

Part = Literal["reasoning", "content"]
# What mends the error of a reply: another key, or other settings of the provider.
Mend = Literal["", "key", "provider"]
PARTS: tuple[Part, ...] = ("reasoning", "content")

# Every action an entry may ask for; action_requested carries one of these words.
Action = Literal[
    "copy",
    "edit",
    "regenerate",
    "continue",
    "delete",
    "previous",
    "next",
    "retry",
    "key",
    "provider",
    "info",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as the person sees it.

    content of a reply is Markdown, that of a person plain text; both are untrusted. name: the
    model's display name. error, error_advice: worded for the person; error_detail: technical, shown
    folded; error_mend: what mends it, "" where nothing does. variant: (index from 1, count). meter:
    "41 tok/s · 0.2 s"; meter_detail: its tooltip. left_out: the model no longer sees this message.
    provider: whose reply it is where it came from outside Chatdesk; here: from another program on
    this computer. can_continue: the reply ended
    early and may go on. time: when it was written, as shown.
    """

    id: str
    role: Role
    content: str
    reasoning: str = ""
    status: Status = Status.COMPLETE
    name: str = ""
    error: str = ""
    error_retryable: bool = False
    error_advice: str = ""
    error_detail: str = ""
    error_mend: Mend = ""
    variant: tuple[int, int] = (1, 1)
    meter: str = ""
    meter_detail: str = ""
    left_out: bool = False
    provider: str = ""
    here: bool = False
    can_continue: bool = False
    time: str = ""

    @property
    def mine(self) -> bool:
        """Whether the person wrote it."""
        return self.role is Role.USER

    @property
    def broken(self) -> bool:
        """Whether an error ended the reply: before its first words, or in the middle of them."""
        cut = self.status is Status.INTERRUPTED and bool(self.error)
        return self.status is Status.FAILED or cut

    @property
    def only_thought(self) -> bool:
        """Whether a reply came to its end within its reasoning: all its length went into that."""
        return self.status is Status.COMPLETE and bool(self.reasoning) and not self.content

    @property
    def streaming(self) -> bool:
        return self.status is Status.STREAMING

    def part(self, part: Part) -> str:
        """The source text of one part."""
        return self.content if part == "content" else self.reasoning


def actions(entry: Entry) -> tuple[Action, ...]:
    """What can be done with an entry now, in the order of the buttons.

    A reply that is being written offers nothing but copying: stopping it is the composer's work.
    """
    index, count = entry.variant
    found: list[Action] = ["copy"]
    if entry.streaming:
        return tuple(found)
    if entry.mine:
        found += ["edit", "regenerate"]
    else:
        if entry.can_continue:
            found.append("continue")
        found.append("regenerate")
    if count > 1:
        if index > 1:
            found.append("previous")
        if index < count:
            found.append("next")
    if entry.broken and entry.error_retryable:
        found.append("retry")
    if entry.broken and entry.error_mend:
        found.append(entry.error_mend)
    found.append("delete")
    if entry.meter_detail or entry.time:
        found.append("info")
    return tuple(found)


def label(entry: Entry) -> str:
    """Who speaks and in what state, as a screen reader says it before the text."""
    if entry.mine:
        return "Your message"
    who = f"Reply from {title(entry)}" if title(entry) else "Reply"
    state = {
        Status.COMPLETE: "complete",
        Status.STREAMING: "being written",
        Status.STOPPED: "stopped",
        Status.INTERRUPTED: "interrupted",
        Status.FAILED: "failed",
    }[entry.status]
    return f"{who}, {state}"


def title(entry: Entry) -> str:
    """Who wrote a reply: "SmolLM2", "open-mixtral-8x7b · Mistral"; "" where that is not known."""
    # As long as the model is not known the name is the provider's.
    return " · ".join(dict.fromkeys(part for part in (entry.name, entry.provider) if part))


def origin(entry: Entry) -> str:
    """The sentence behind the mark of a reply from a provider; "" for any other message."""
    if not entry.provider:
        return ""
    where = "another program on this computer" if entry.here else "outside Chatdesk"
    return f"This reply came from {entry.provider}, {where}"
