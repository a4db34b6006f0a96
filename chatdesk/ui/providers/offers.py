"""What is said of each kind of provider where a person chooses one, and how a search finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatdesk.credentials import Origin
from chatdesk.errors import UsageError
from chatdesk.providers.profiles import PRESETS, Preset

_LINES = {
    "openai": "GPT models. Needs an account and a key.",
    "mistral": "Mistral's own models, among them Mixtral. Needs an account and a key.",
    "groq": "Open models, answered very fast. Needs an account and a key.",
    "openrouter": "One key for the models of many companies.",
    "together": "Many open models. Needs an account and a key.",
    "deepseek": "DeepSeek's chat and reasoning models. Needs an account and a key.",
    "ollama": "Models that Ollama runs. No key needed.",
    "lmstudio": "Models that LM Studio serves. No key needed.",
    "llama-server": "llama.cpp's own server. No key needed, unless it was started with one.",
    "vllm": "A vLLM server. No key needed, unless it was started with one.",
    "tgi": "Hugging Face's server and Inference Endpoints, by their own interface.",
    "tgi-openai": "Hugging Face's server, by its OpenAI-compatible interface.",
    "nats": "Computers that share the work: a family's, a lab's, a company's.",
    "custom": "Any other server that understands OpenAI's interface. You give its address.",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of provider in the list. place: its host, "" where the person gives it."""

    preset: Preset
    line: str
    place: str
    leaves: bool

    def matches(self, words: Sequence[str]) -> bool:
        """Whether all these (case-folded) words are in what is said of it."""
        text = f"{self.preset.name} {self.preset.kind} {self.line} {self.place} {self.where}"
        return all(word in text.casefold() for word in words)

    @property
    def where(self) -> str:
        """Where it usually is."""
        if not self.place:
            return ""
        return "Leaves this computer" if self.leaves else "This computer"


def offers() -> tuple[Offer, ...]:
    """All kinds, in the order of PRESETS."""
    return tuple(_offer(preset) for preset in PRESETS.values())


def _offer(preset: Preset) -> Offer:
    try:
        origin = Origin.of(preset.base_url)
    except UsageError:  # only the person knows its address
        return Offer(preset, _LINES.get(preset.kind, ""), "", True)
    place = str(origin).partition("//")[2]
    leaves = not origin.loopback or preset.api == "nats"  # nobody knows where workers are
    return Offer(preset, _LINES.get(preset.kind, place), place, leaves)
