"""What a model file says about itself, and whether it is one to chat with.

inspect() tells apart everything that ends in .gguf and is no chat model, each with a message of its
own: the person who picked the file should not have to learn what a projector is to pick the right
one. Any thread; each call reads the header from disk (library.py keeps what it found).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatdesk.errors import ModelError
from chatdesk.library.header import Header, read_header
from chatdesk.library.words import clean, shown

Source = Literal["", "bundled", "data", "development", "added"]

# Architectures of files that are valid and cannot chat, and what they are.
_EMBEDDING = "an embedding model: it turns text into numbers"
_PICTURES = "a model that makes pictures or films"
_NO_CHAT: dict[str, str] = {
    **dict.fromkeys(
        (
            *("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2"),
            *("jina-bert-v3", "neo-bert", "eurobert", "gemma-embedding", "llama-embed"),
        ),
        _EMBEDDING,
    ),
    **dict.fromkeys(
        (
            *("flux", "sd1", "sd3", "sdxl", "aura", "cosmos", "hidream", "hyvid", "ltxv"),
            *("lumina2", "qwen_image", "wan", "pig"),
        ),
        _PICTURES,
    ),
    **dict.fromkeys(("t5", "t5encoder"), "an encoder model: it does not hold conversations"),
    **dict.fromkeys(("dream", "llada", "llada-moe", "rnd1"), "a diffusion model"),
    "wavtokenizer-dec": "a part of a speech model",
    "whisper": "a speech recognition model",
}
_POOLING_NONE = 0

_PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})$")
_QUANTISATION = re.compile(
    r"(?i)[-_. ]((?:UD-)?I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|B?F16|FP16|FP?32|(?:MX|NV)FP4(?:_MOE)?)$"
)
_SIZE_LABEL = re.compile(r"(?i)^(?:(\d+)x)?(\d+(?:\.\d+)?)([KMBT])$")
_GUESSED = 1024  # a flag in general.file_type


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A readable model file.

    path: absolute; of the first part where there are several. size_bytes: of all parts.
    parameters: how many weights. quantisation: "Q4_1"; "" where unknown. licence: as the file gives
    it, "" where it does not. kv_bytes_per_token: memory of the context at 16 bits a value; None
    where the header does not say. problem: why it cannot chat as it is; None where it can.
    source: how the library knows it; "" from inspect().
    """

    path: Path
    name: str
    architecture: str
    size_bytes: int
    parameters: int | None
    quantisation: str
    context_length: int | None
    has_chat_template: bool
    licence: str
    kv_bytes_per_token: int | None
    problem: str | None
    source: Source = ""


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """A file (or a folder of models) in the library that cannot be used, and why, in words."""

    path: Path
    name: str
    what: str
    advice: str
    source: Source = ""


def inspect(path: Path | str) -> ModelInfo:
    """Read what a model file says about itself.

    Raises ModelError: all that read_header() raises, a part of a split model that is not the first
    or lacks others, a projector, an adapter, an embedding model, or another kind that cannot chat.
    A missing chat template is no error here but a `problem`; see check_chat().
    """
    path = Path(path).absolute()
    headers = _all_parts(path, read_header(path))
    header = headers[0]
    _refuse_other_kinds(shown(path), header, any(part.tensors for part in headers))
    architecture = clean(header.text("general.architecture"))
    has_template = bool(header.text("tokenizer.chat_template").strip())
    name = _display_name(path, header)
    return ModelInfo(
        path=path,
        name=name,
        architecture=architecture,
        size_bytes=sum(part.file_size for part in headers),
        parameters=_parameters(headers),
        quantisation=_quantisation(path, headers),
        context_length=header.number(f"{architecture}.context_length"),
        has_chat_template=has_template,
        licence=clean(header.text("general.license")),
        kv_bytes_per_token=_kv_bytes_per_token(header, architecture),
        problem=None
        if has_template
        else f"{shown(path)} has no chat template, so it cannot hold a conversation as it is.",
    )


def check_chat(info: ModelInfo, chat_format: str = "") -> None:
    """Raise ModelError where a model cannot chat: no template in it and no chat_format given."""
    if info.problem and not chat_format:
        raise ModelError(
            info.problem,
            'Choose its "instruct" or "chat" version, or set a chat format in the settings.',
        )


def parts(path: Path) -> list[Path]:
    """The files of a model: path itself, or all parts where its name says it is split."""
    match = _PART.match(path.stem)
    if match is None or not 0 < int(match["count"]) <= 9999:
        return [path]
    count = int(match["count"])
    return [
        path.with_name(f"{match['stem']}-{number:05}-of-{count:05}{path.suffix}")
        for number in range(1, count + 1)
    ]


def is_later_part(path: Path) -> bool:
    """Whether a name says that it is part 2 or later of a split model."""
    match = _PART.match(path.stem)
    return match is not None and int(match["number"]) > 1


def is_there(path: Path) -> bool:
    """Whether there is something at path; False also where nobody may look."""
    try:
        return path.exists()
    except OSError:
        return False


# -- what it is ----------------------------------------------------------------------------------


def _all_parts(path: Path, header: Header) -> list[Header]:
    count = header.number("split.count") or 1
    if count == 1:
        return [header]
    files = parts(path)
    name = shown(path)
    if len(files) != count:
        raise ModelError(
            f"{name} is one of {count:,} parts of a model, and its name does not say which.",
            f'Give the parts their first names back, ending in "-00001-of-{count:05}.gguf".',
        )
    if header.fields.get("split.no") != 0 or files[0] != path:
        raise ModelError(
            f"{name} is a later part of a model in {count:,} parts.",
            f"Choose the first part, {shown(files[0])}.",
        )
    missing = [file for file in files if not is_there(file)]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise ModelError(
            f"{name} is a model in {count:,} parts, and {shown(missing[0])}{more} is not there.",
            "Put all parts into the same folder.",
        )
    return [header, *(read_header(file) for file in files[1:])]


def _refuse_other_kinds(name: str, header: Header, has_tensors: bool) -> None:
    architecture = header.text("general.architecture")
    kind = header.text("general.type")
    if kind == "mmproj" or architecture == "clip":
        raise ModelError(
            f"{name} is the picture or sound part (projector) of another model and cannot chat.",
            "Choose the model it belongs to.",
        )
    if kind == "adapter" or header.text("adapter.type"):
        raise ModelError(
            f"{name} is an adapter (LoRA): it changes another model and is none of its own.",
            "Choose a whole model, or one into which the adapter was merged.",
        )
    if kind == "imatrix" or architecture == "imatrix":
        raise ModelError(
            f"{name} holds measurements for making models (an importance matrix), and no model.",
            "Choose a model file.",
        )
    chat = "Choose a chat or instruct model."
    if architecture in _NO_CHAT:
        raise ModelError(f"{name} is {_NO_CHAT[architecture]} and cannot chat.", chat)
    pooling = header.fields.get(f"{architecture}.pooling_type", _POOLING_NONE)
    if pooling != _POOLING_NONE:
        raise ModelError(f"{name} is {_EMBEDDING} and cannot chat.", chat)
    if not architecture:
        raise ModelError(f"{name} does not say what kind of model it is.", chat)
    if not has_tensors:
        raise ModelError(f"{name} holds a vocabulary only, and no model.", chat)


# -- what it says --------------------------------------------------------------------------------


def _display_name(path: Path, header: Header) -> str:
    """The name people know the model by.

    File names are chosen with care where models are published; general.name often is what was left
    from training ("Smollm2 135M 8k Lc100K Mix1 Ep2"). So the file name is taken when it begins as
    the header's base name does, written with spaces as in general.name; else general.name, else
    the file name as it is.
    """
    stem = path.stem
    if match := _PART.match(stem):
        stem = match["stem"]
    stem = clean(_QUANTISATION.sub("", stem).encode("utf-8", "replace"))
    base = _letters(header.text("general.basename"))
    if base and _letters(stem).startswith(base):
        return " ".join(re.split("[-_ ]+", stem)).strip()
    return clean(header.text("general.name")) or stem or shown(path)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _parameters(headers: Iterable[Header]) -> int | None:
    total = sum(tensor.elements for header in headers for tensor in header.tensors)
    if total:
        return total
    for header in headers:
        if match := _SIZE_LABEL.match(header.text("general.size_label")):
            unit = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}[match[3].upper()]
            return int(int(match[1] or 1) * float(match[2]) * unit)
    return None


def _quantisation(path: Path, headers: Sequence[Header]) -> str:
    from gguf.constants import LlamaFileType

    file_type = headers[0].fields.get("general.file_type")
    if isinstance(file_type, int):
        for known in LlamaFileType:
            if known.value == file_type & ~_GUESSED and known.value != _GUESSED:
                return str(known.name).removeprefix("MOSTLY_").removeprefix("ALL_")
    stem = path.stem
    if part := _PART.match(stem):
        stem = part["stem"]
    if match := _QUANTISATION.search(stem):
        return match[1].upper()
    sizes: Counter[str] = Counter()
    for header in headers:
        for tensor in header.tensors:
            sizes[tensor.type] += tensor.size or 0
    return sizes.most_common(1)[0][0] if sizes else ""


def _kv_bytes_per_token(header: Header, architecture: str) -> int | None:
    """Of the keys and values of one token in all layers, at two bytes a number.

    An upper bound: layers that look at a sliding window only need less.
    """
    layers = header.number(f"{architecture}.block_count")
    if layers is None or layers > 100_000:
        return None
    heads = _per_layer(header, f"{architecture}.attention.head_count", layers)
    kv_heads = _per_layer(header, f"{architecture}.attention.head_count_kv", layers) or heads
    if heads is None or kv_heads is None:
        return None
    width = header.number(f"{architecture}.embedding_length")
    usual = width // max(heads) if width and max(heads) else None
    key = header.number(f"{architecture}.attention.key_length") or usual
    value = header.number(f"{architecture}.attention.value_length") or usual
    if key is None or value is None:
        return None
    return sum(kv_heads) * (key + value) * 2


def _per_layer(header: Header, key: str, layers: int) -> tuple[int, ...] | None:
    value = header.fields.get(key)
    values = value if isinstance(value, tuple) else (value,) * layers
    if len(values) < layers:
        return None
    counts: list[int] = []
    for one in values[:layers]:
        if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one < 1 << 20:
            return None
        counts.append(one)
    return tuple(counts)
