"""Reads the header of a GGUF file: its fields and what its tensors are, never their data.

The gguf package's own reader is made for trusted files: it maps the whole file, needs two seconds
for SmolLM2's 49,152 tokens, and counts to whatever number a damaged header names. This one takes
10 ms for the same file, reads no more than the header, and ends on any input with a Header or
a worded ModelError. Type numbers and block sizes are gguf's.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdesk.errors import ModelError
from chatdesk.files import NotAFile, open_to_read
from chatdesk.library.words import shown, size_text

# Bounds no real file comes near: the largest vocabularies make headers of some 20 MB.
LARGEST_HEADER = 256 * 1024 * 1024
LARGEST_FILE = 1 << 44
MOST_FIELDS = 65_536
MOST_TENSORS = 1_000_000
MOST_STRINGS = 8_000_000
LONGEST_KEY = 65_535
MOST_DIMENSIONS = 4
# What is kept of the fields: nobody needs the token list here.
LONGEST_STRING = 1_000_000
LONGEST_ARRAY = 4_096

_FIRST_READ = 4 * 1024 * 1024
_SCALARS: dict[int, struct.Struct] = {
    number: struct.Struct(f"<{code}")
    for number, code in {
        0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
    }.items()
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")

# The first bytes of what people take for a model, and what it is.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"lmgg", "a model in an older llama.cpp format (GGML)"),
    (b"fmgg", "a model in an older llama.cpp format (GGMF)"),
    (b"tjgg", "a model in an older llama.cpp format (GGJT)"),
    (b"PK\x03\x04", "a ZIP archive or a PyTorch model"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS placeholder: the model itself was not downloaded"),
    (b"<!DOCTYPE", "a web page: the download did not reach the model"),
    (b"<!doctype", "a web page: the download did not reach the model"),
    (b"<html", "a web page: the download did not reach the model"),
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. offset and size in bytes; size is None for a type this gguf does not know."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size: int | None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself.

    fields: scalars, strings, and tuples of numbers; long arrays and arrays of strings are left out.
    data_start: where the tensor data begins, in bytes. file_size: of the whole file, in bytes.
    """

    version: int
    file_size: int
    data_start: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    tensors: tuple[Tensor, ...] = ()

    @property
    def expected_size(self) -> int:
        """How large the file must be at least to hold all its tensors."""
        ends = (tensor.offset + tensor.size for tensor in self.tensors if tensor.size)
        return self.data_start + max(ends, default=0) if self.tensors else 0

    def text(self, key: str) -> str:
        """A string field; "" where it is missing or no string."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """A whole number above zero; None where it is missing, absurd or none."""
        value = self.fields.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 40:
            return None
        return value


def read_header(path: Path) -> Header:
    """Read the header of the file at path. Any thread; reads from disk.

    Raises ModelError: missing, unreadable, not a file, empty, not GGUF, of a version or byte order
    that cannot be used, damaged, or truncated (also when only tensor data is missing).
    """
    name = shown(path)
    try:
        with open_to_read(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = b""
            wanted = _FIRST_READ
            while True:
                content += file.read(wanted - len(content))
                try:
                    header = _parse(content, size)
                    break
                except _Short as short:
                    if short.end > min(size, LARGEST_HEADER) or len(content) < wanted:
                        raise _refusal(name, short.end, size) from short
                    wanted = min(max(short.end, 4 * wanted), size, LARGEST_HEADER)
    except _NotUsable as error:
        raise ModelError(f"{name} {error.what}", error.advice, detail=error.detail) from error
    except FileNotFoundError as error:
        raise ModelError(
            f"There is no file {name}.", "Check the name, or choose the file again."
        ) from error
    except IsADirectoryError as error:
        raise ModelError(
            f"{name} is a folder.", "Choose a GGUF model file in it.", detail=str(error)
        ) from error
    except NotAFile as error:
        raise ModelError(f"{name} is not a file.", "Choose a GGUF model file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        raise ModelError(
            f"{name} cannot be read: {reason}.", "Check its permissions.", detail=str(error)
        ) from error
    if header.expected_size > LARGEST_FILE:
        raise _refusal(name, header.expected_size, header.file_size)
    if header.expected_size > header.file_size:
        raise _truncated(name, header.file_size, header.expected_size)
    return header


class _Short(Exception):
    """More of the file is needed: at least up to byte `end`."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


class _NotUsable(Exception):
    """what and advice of a ModelError, without the file's name."""

    def __init__(self, what: str, advice: str, detail: str = "") -> None:
        super().__init__(what)
        self.what, self.advice, self.detail = what, advice, detail


def _damaged(detail: str) -> _NotUsable:
    return _NotUsable("is damaged: its header makes no sense.", "Download it again.", detail)


def _refusal(name: str, end: int, size: int) -> ModelError:
    if size < end <= LARGEST_HEADER:
        return _truncated(name, size, end)
    return ModelError(
        f"{name} is damaged or incomplete: its header makes no sense.",
        "Download or copy it again.",
        detail=f"{end} bytes of {size} are needed",
    )


def _truncated(name: str, size: int, expected: int) -> ModelError:
    return ModelError(
        f"{name} is incomplete: it has {size_text(size)} of at least {size_text(expected)}.",
        "Download or copy it again.",
        detail=f"{size} of {expected} bytes",
    )


class _Cursor:
    """Walks through the beginning of a file; raises _Short where it is not there."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data = data
        self.at = 4
        self.size = size

    def take(self, count: int) -> int:
        """Go past count bytes; returns where they begin."""
        start, end = self.at, self.at + count
        if end > len(self.data):
            raise _Short(end)
        self.at = end
        return start

    def u32(self) -> int:
        return int(_U32.unpack_from(self.data, self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack_from(self.data, self.take(8))[0])

    def string(self, longest: int) -> str | None:
        """A string; None (but gone past) when it is longer than wanted."""
        length = self.u64()
        start = self.take(length)
        if length > longest:
            return None
        return self.data[start : self.at].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        if count > MOST_STRINGS:
            raise _damaged(f"{count} strings in one array")
        if self.at + 8 * count > len(self.data):
            raise _Short(self.at + 8 * count)
        # The one hot loop of the module: half a million strings in a large vocabulary.
        data, at, length_at = self.data, self.at, _U64.unpack_from
        try:
            for _ in range(count):
                at += 8 + length_at(data, at)[0]
        except (struct.error, OverflowError):
            raise _Short(at + 8) from None
        if at > len(data):
            raise _Short(at)
        self.at = at


def _parse(data: bytes, size: int) -> Header:
    """The header in the first bytes of a file of `size` bytes. Raises _Short, _NotUsable."""
    if size == 0:
        raise _NotUsable("is empty.", "Download or copy it again.")
    if data[:4] != b"GGUF":
        kind = next((kind for start, kind in _OTHERS if data.startswith(start)), "")
        what = f"is not a GGUF model file: it is {kind}." if kind else "is not a GGUF model file."
        raise _NotUsable(what, 'Choose a model in GGUF format; its name usually ends in ".gguf".')
    cursor = _Cursor(data, size)
    version = cursor.u32()
    if version & 0xFFFF == 0 and version:
        raise _NotUsable(
            "was made for computers with another byte order.",
            "Choose the little-endian version of the model.",
        )
    if version not in (2, 3):
        raise _NotUsable(
            f"is in version {version} of the GGUF format, which cannot be used.",
            "Choose a newer file of the model." if version < 2 else "Look for a newer Chatdesk.",
        )
    tensor_count, field_count = cursor.u64(), cursor.u64()
    if tensor_count > MOST_TENSORS or field_count > MOST_FIELDS:
        raise _damaged(f"{tensor_count} tensors and {field_count} fields")
    fields = _fields(cursor, field_count)
    alignment = fields.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise _damaged(f"an alignment of {alignment}")
    tensors = _tensors(cursor, tensor_count)
    start = -(-cursor.at // alignment) * alignment
    return Header(version, size, start, fields, tensors)


def _fields(cursor: _Cursor, count: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    seen: set[str] = set()
    for _ in range(count):
        key = cursor.string(LONGEST_KEY)
        if key is None or key in seen:
            raise _damaged("a field name that is too long or there twice")
        seen.add(key)
        value = _value(cursor, cursor.u32())
        if value is not None:
            fields[key] = value
    return fields


def _value(cursor: _Cursor, kind: int) -> Any:
    if kind == _STRING:
        return cursor.string(LONGEST_STRING)
    if kind in _SCALARS:
        scalar = _SCALARS[kind]
        return scalar.unpack_from(cursor.data, cursor.take(scalar.size))[0]
    if kind != _ARRAY:
        raise _damaged(f"a field of type {kind}")
    kind, count = cursor.u32(), cursor.u64()
    if kind == _STRING:
        cursor.skip_strings(count)
        return None
    if kind not in _SCALARS:
        raise _damaged(f"an array of type {kind}")
    scalar = _SCALARS[kind]
    start = cursor.take(count * scalar.size)
    if count > LONGEST_ARRAY:
        return None
    return tuple(
        scalar.unpack_from(cursor.data, start + index * scalar.size)[0] for index in range(count)
    )


def _tensors(cursor: _Cursor, count: int) -> tuple[Tensor, ...]:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    kinds = {kind.value: (kind.name, *GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType}
    tensors: list[Tensor] = []
    for _ in range(count):
        name = cursor.string(LONGEST_KEY)
        dimensions = cursor.u32()
        if name is None or dimensions > MOST_DIMENSIONS:
            raise _damaged(f"a tensor with {dimensions} dimensions")
        shape = tuple(cursor.u64() for _ in range(dimensions))
        number, offset = cursor.u32(), cursor.u64()
        size: int | None = None
        kind = f"type {number}"
        if number in kinds:
            kind, block, block_bytes = kinds[number]
            size = math.prod(shape) * block_bytes // block
        tensors.append(Tensor(name, shape, kind, offset, size))
    return tuple(tensors)
