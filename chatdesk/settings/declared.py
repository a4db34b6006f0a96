"""The one place where a setting is declared: type, default, bounds, label and help.

Each setting is a field of one of the groups below, made with declare(). Nothing else in Chatdesk
repeats any of it: table.py turns the fields into the option table that the dialog and the command
line are built from, and checks values by it. To add a setting, add a field. Values are immutable
and may be read by any thread.

Plain dataclasses, because a window that starts waits for this module. Their annotations are the
types themselves (no __future__ import): table.py reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chatdesk.chat.messages import SamplingParameters

# The defaults of a bare SamplingParameters() and of the settings are the same thing.
_SAMPLING = SamplingParameters()

# A system prompt beyond this is a pasted file: no context window of a local model holds it.
LONGEST_TEXT = 100_000
LONGEST_STOP = 200

DECLARED = "declared"  # under which a field has what is declared of it


@dataclass(frozen=True, slots=True)
class Declared:
    """What is said of a setting beside its type and default; see declare()."""

    label: str
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    longest: int = 0
    kind: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    special: str = ""


def declare(default: object, label: str, help: str, **more: Any) -> Any:
    """A setting. minimum, maximum, step: of a number. longest: of a text or a list.

    choices: words for each value of a Literal. special: words for the lowest value of a number, or
    for None, where that means something of its own ("Automatic"). kind: how it is edited, where the
    type does not say.
    """
    return field(default=default, metadata={DECLARED: Declared(label, help, **more)})


def group(kind: type, label: str) -> Any:
    """A page of settings, each at its default."""
    return field(default_factory=kind, metadata={DECLARED: Declared(label)})


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """How the window looks."""

    theme: Literal["system", "light", "dark"] = declare(
        "system",
        "Theme",
        "Light or dark colours. As the system follows the computer's own setting.",
        choices={"system": "As the system", "light": "Light", "dark": "Dark"},
    )
    text_size: int = declare(
        0,
        "Text size",
        "Makes all text larger or smaller, in points added to the system's size. Raise it when "
        "the text is hard to read.",
        minimum=-4,
        maximum=8,
        step=1,
    )
    column_width: int = declare(
        720,
        "Message width",
        "How wide messages may get, in pixels. Long lines are harder to read; wide tables and "
        "code need more room.",
        minimum=480,
        maximum=1200,
        step=40,
    )
    reduced_motion: bool = declare(
        False,
        "Reduce motion",
        "Shows changes at once, without moving or fading.",
    )


@dataclass(frozen=True, kw_only=True)
class Composer:
    """Writing a message."""

    enter_sends: bool = declare(
        True,
        "Send with Enter",
        "On: Enter sends and Shift+Enter starts a new line. Off: Enter starts a new line and "
        "Ctrl+Enter sends.",
    )


@dataclass(frozen=True, kw_only=True)
class Chat:
    """What every conversation starts from. A conversation can have its own instead."""

    system_prompt: str = declare(
        "",
        "System prompt",
        "What the model is told before each conversation: who it is and how it should answer. "
        "Empty: nothing.",
        longest=LONGEST_TEXT,
        kind="multiline",
    )
    history: int = declare(
        0,
        "Past messages sent",
        "How many earlier messages the model sees with a new one. Fewer make answers come sooner "
        "in long conversations, but the model forgets more. 0: all that fit.",
        minimum=0,
        maximum=1000,
        step=1,
        special="All that fit",
    )


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the model chooses its words. The defaults suit most chats."""

    temperature: float = declare(
        _SAMPLING.temperature,
        "Temperature",
        "How freely words are chosen. Low is sober and repeatable, high is varied and less "
        "reliable. 0: always the likeliest word.",
        minimum=0,
        maximum=2,
        step=0.05,
    )
    top_p: float = declare(
        _SAMPLING.top_p,
        "Top-p",
        "Chooses only among the likeliest words that together reach this share of the "
        "probability. Lower it when answers wander. 1: off.",
        minimum=0,
        maximum=1,
        step=0.01,
    )
    top_k: int = declare(
        _SAMPLING.top_k,
        "Top-k",
        "Chooses only among this many of the likeliest words. Lower it when answers wander. "
        "0: off.",
        minimum=0,
        maximum=1000,
        step=1,
        special="Off",
    )
    min_p: float = declare(
        _SAMPLING.min_p,
        "Min-p",
        "Leaves out words that are less likely than this share of the likeliest one. Raise it "
        "when odd words turn up at a high temperature. 0: off.",
        minimum=0,
        maximum=1,
        step=0.01,
    )
    repeat_penalty: float = declare(
        _SAMPLING.repeat_penalty,
        "Repeat penalty",
        "Makes words that were just used less likely. Raise it a little when the model repeats "
        "itself; too high spoils code and lists. 1: off.",
        minimum=1,
        maximum=2,
        step=0.05,
    )
    max_tokens: int = declare(
        _SAMPLING.max_tokens,
        "Longest reply",
        "Ends a reply after this many tokens (a token is about three quarters of a word); it can "
        "be continued. 0: no limit.",
        minimum=0,
        maximum=131_072,
        step=64,
        special="No limit",
    )
    # The upper bound is what a spin box can hold; llama.cpp's own "random" value lies above it.
    seed: int | None = declare(
        _SAMPLING.seed,
        "Seed",
        "The same seed, message and settings give the same answer again. None: a new one for "
        "each reply.",
        minimum=0,
        maximum=2_147_483_647,
        step=1,
        special="New each time",
    )
    # Each of 1 to LONGEST_STOP characters.
    stop: tuple[str, ...] = declare(
        _SAMPLING.stop,
        "Stop sequences",
        "A reply ends where one of these texts would begin. On the command line: separated by "
        "commas, \\n for a line break, or a JSON list.",
        longest=16,
    )


@dataclass(frozen=True, kw_only=True)
class Model:
    """Which model answers, and how it is run. After a change the model is loaded anew."""

    default: str = declare(
        "",
        "Model",
        "The model for new conversations: a name from the library, the path of a GGUF file, or "
        "PROVIDER:MODEL for a remote one. Empty: the one that comes with Chatdesk.",
        longest=4096,
        kind="model",
    )
    context_size: int = declare(
        0,
        "Context size",
        "How many tokens of conversation the model can see at once. More remembers more and "
        "needs more memory. 0: the model's own, at most 8,192.",
        minimum=0,
        maximum=1_048_576,
        step=1024,
        special="The model's own",
    )
    threads: int = declare(
        0,
        "Threads",
        "How many processor cores the model uses. Lower it to leave more for other programs. "
        "0: chosen for this computer.",
        minimum=0,
        maximum=256,
        step=1,
        special="Automatic",
    )
    batch_size: int = declare(
        512,
        "Batch size",
        "How many tokens of the prompt are evaluated in one step. More can be faster on a "
        "graphics card; fewer need less memory and stop sooner.",
        minimum=1,
        maximum=8192,
        step=64,
    )
    gpu_layers: int = declare(
        0,
        "Layers on the graphics card",
        "How many layers of the model run on the graphics card, where Chatdesk was built for "
        "one. Lower it when its memory runs out. 0: none; -1: all.",
        minimum=-1,
        maximum=999,
        step=1,
        special="All",
    )
    mmap: bool = declare(
        True,
        "Map the file into memory",
        "Loads faster and shares memory with other programs that use the same file. Switch it "
        "off when the model lies on a slow network drive.",
    )
    mlock: bool = declare(
        False,
        "Keep the model in memory",
        "Stops the system from moving the model out to disk. Switch it on when the first answer "
        "after a pause is slow and memory is plentiful.",
    )
    flash_attention: Literal["auto", "on", "off"] = declare(
        "auto",
        "Flash attention",
        "A faster way to read long contexts with less memory. Switch it off when a model gives "
        "nonsense with it.",
        choices={"auto": "Automatic", "on": "On", "off": "Off"},
    )
    chat_format: str = declare(
        "",
        "Chat format",
        "The name of a prompt format, such as chatml or llama-2, to use in place of the model's "
        "own template. Set it only for a file that has none or a wrong one. Empty: the model's "
        "own.",
        longest=100,
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. Settings() are the defaults."""

    appearance: Appearance = group(Appearance, "Appearance")
    composer: Composer = group(Composer, "Writing")
    chat: Chat = group(Chat, "Conversations")
    sampling: Sampling = group(Sampling, "Replies")
    model: Model = group(Model, "Model")
