"""What is known about each kind of provider, so that a person has to type little more than a key.

The addresses are those that the providers' own documentation gives; a profile may have another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ApiKind = Literal["openai", "tgi", "nats"]

# How a reply that was begun is gone on with. assistant: the last message is the assistant's and is
# taken for the beginning of the answer. prefix: the same, marked "prefix": true. vllm: the same,
# with continue_final_message. ask: the model is asked in words to go on.
Continuing = Literal["assistant", "prefix", "vllm", "ask"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of provider.

    kind: its word in files and on the command line. api: which protocol it speaks. base_url: ""
    where only the person knows it. needs_key: whether it answers nobody without one. variable: the
    environment variable that holds its key by convention, "" where there is none. key_page: one
    line that says where a key is to be had, "" where none is needed.
    """

    kind: str
    name: str
    api: ApiKind
    base_url: str
    needs_key: bool
    variable: str
    continuing: Continuing
    key_page: str = ""


_ALL = (
    Preset(
        "openai",
        "OpenAI",
        "openai",
        "https://api.openai.com/v1",
        True,
        "OPENAI_API_KEY",
        "ask",
        "Keys are made at platform.openai.com/api-keys.",
    ),
    Preset(
        "mistral",
        "Mistral",
        "openai",
        "https://api.mistral.ai/v1",
        True,
        "MISTRAL_API_KEY",
        "prefix",
        "Keys are made at console.mistral.ai, under API keys.",
    ),
    Preset(
        "groq",
        "Groq",
        "openai",
        "https://api.groq.com/openai/v1",
        True,
        "GROQ_API_KEY",
        "assistant",
        "Keys are made at console.groq.com/keys.",
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        "openai",
        "https://openrouter.ai/api/v1",
        True,
        "OPENROUTER_API_KEY",
        "assistant",
        "Keys are made at openrouter.ai/keys.",
    ),
    Preset(
        "together",
        "Together",
        "openai",
        "https://api.together.ai/v1",
        True,
        "TOGETHER_API_KEY",
        "ask",
        "Keys are made at api.together.ai/settings/api-keys.",
    ),
    Preset(
        "deepseek",
        "DeepSeek",
        "openai",
        "https://api.deepseek.com",
        True,
        "DEEPSEEK_API_KEY",
        "ask",
        "Keys are made at platform.deepseek.com/api_keys.",
    ),
    Preset("ollama", "Ollama", "openai", "http://localhost:11434/v1", False, "", "assistant"),
    Preset("lmstudio", "LM Studio", "openai", "http://localhost:1234/v1", False, "", "ask"),
    Preset(
        "llama-server",
        "llama-server",
        "openai",
        "http://localhost:8080/v1",
        False,
        "",
        "assistant",
        "The key, if any, is what llama-server was started with (--api-key).",
    ),
    Preset(
        "vllm",
        "vLLM",
        "openai",
        "http://localhost:8000/v1",
        False,
        "",
        "vllm",
        "The key, if any, is what vLLM was started with (--api-key).",
    ),
    Preset(
        "tgi",
        "Text Generation Inference",
        "tgi",
        "http://localhost:8080",
        False,
        "HF_TOKEN",
        "assistant",
        "A protected Inference Endpoint takes a token from huggingface.co/settings/tokens.",
    ),
    Preset(
        "tgi-openai",
        "Text Generation Inference (Messages API)",
        "openai",
        "http://localhost:8080/v1",
        False,
        "HF_TOKEN",
        "assistant",
        "A protected Inference Endpoint takes a token from huggingface.co/settings/tokens.",
    ),
    Preset(
        "nats",
        "NATS workers",
        "nats",
        "nats://localhost:4222",
        False,
        "",
        "assistant",
        "What the NATS server's owner gave you: name:password, a token, an NKey seed, or a whole "
        ".creds file.",
    ),
    Preset(
        "custom",
        "Other (OpenAI-compatible)",
        "openai",
        "",
        True,
        "",
        "ask",
        "Whoever runs the server gives out its keys.",
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.kind: preset for preset in _ALL})
