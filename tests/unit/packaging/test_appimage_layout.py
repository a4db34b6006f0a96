"""The AppImage's file: the record in its runtime, where things are, which runtimes are taken."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path

import pytest
from installers import appimage, appimage_runtime, linux_tree
from installers.project import BuildError, Project

SECTIONS = ("", ".payload", ".upd_info", ".shstrtab")


def elf(tail: bytes = b"") -> bytes:
    """The least ELF file with a runtime's sections: a head, their contents, their table."""
    names = b"\0".join(name.encode() for name in SECTIONS) + b"\0"
    empty = appimage_runtime.RECORD.pack(
        appimage_runtime.RECORD_MAGIC, 0, 0, 0, bytes(32), b"", b"", b""
    )
    data, places = bytearray(64), [(0, 0)]
    for content in (empty, bytes(1024), names):
        places.append((len(data), len(content)))
        data += content
    table = len(data)
    at = 0
    for name, (offset, size) in zip(SECTIONS, places, strict=True):
        data += struct.pack("<IIQQQQIIQQ", at, 1, 0, 0, offset, size, 0, 0, 8, 0)
        at += len(name) + 1
    data[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", data, 0x28, table)
    struct.pack_into("<HHH", data, 0x3A, 64, len(SECTIONS), len(SECTIONS) - 1)
    return bytes(data) + tail


def project(**words: str) -> Project:
    known = dict.fromkeys(Project.__dataclass_fields__, "")
    return Project(**known | {"name": "chatdesk", "version": "0.1.0"} | words)


class TestAssembling:
    def test_the_payload_begins_where_the_program_ends(self) -> None:
        data = appimage_runtime.assemble(elf(), b"payload", 100, project())
        assert appimage_runtime.elf_end(data) == len(elf())
        assert data[len(elf()) :] == b"payload"

    def test_the_record_tells_the_place_the_hash_and_the_names(self) -> None:
        data = appimage_runtime.assemble(elf(), b"payload", 100, project())
        place = appimage_runtime.section(data, ".payload")
        told = appimage_runtime.RECORD.unpack_from(data, place.offset)
        assert told[1:4] == (len(elf()), 7, 100)
        assert told[4] == hashlib.sha256(b"payload").digest()
        words = [word.rstrip(b"\0") for word in told[5:]]
        assert words == [b"chatdesk", b"Chatdesk", b"0.1.0"]

    def test_it_is_marked_as_an_appimage_of_type_2(self) -> None:
        data = appimage_runtime.assemble(elf(), b"payload", 100, project())
        assert data[8:11] == b"AI\x02"

    def test_nothing_else_of_the_program_is_changed(self) -> None:
        data = appimage_runtime.assemble(elf(), b"payload", 100, project())
        place = appimage_runtime.section(data, ".payload")
        changed = {at for at in range(len(elf())) if data[at] != elf()[at]}
        record = range(place.offset, place.offset + place.size)
        assert changed <= {8, 9, 10} | set(record)

    def test_words_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(BuildError, match="Too long"):
            appimage_runtime.assemble(elf(), b"payload", 1, project(version="1." * 20))

    def test_a_program_with_something_behind_it_is_refused(self) -> None:
        with pytest.raises(BuildError, match="does not end"):
            appimage_runtime.assemble(elf(b"more"), b"payload", 1, project())

    @pytest.mark.parametrize("data", (b"", b"#!/bin/sh\n" * 20, elf()[:200]))
    def test_what_is_no_program_is_refused(self, data: bytes) -> None:
        with pytest.raises(BuildError):
            appimage_runtime.assemble(data, b"payload", 1, project())

    def test_the_runtimes_source_lays_the_record_out_the_same(self) -> None:
        header = (appimage_runtime.SOURCES / "record.h").read_text(encoding="utf-8")
        body = header.partition("struct record {")[2].partition("};")[0]
        sizes = {"char": 1, "uint8_t": 1, "uint64_t": 8}
        fields = re.findall(r"(\w+) (\w+)(?:\[(\d+)\])?;", body)
        assert [name for _, name, _ in fields] == [
            *("magic", "offset", "length", "unpacked", "sha256", "name", "title", "version")
        ]
        total = sum(sizes[kind] * int(count or 1) for kind, _, count in fields)
        assert total == appimage_runtime.RECORD.size


class TestGivenRuntime:
    """The official runtime, or another one, by APPIMAGE_RUNTIME."""

    @pytest.fixture
    def other(self, tmp_path: Path) -> Path:
        data = bytearray(elf())
        data[8:11] = appimage_runtime.MAGIC
        file = tmp_path / "runtime-x86_64"
        file.write_bytes(data)
        return file

    def test_none_is_given_as_a_rule(self) -> None:
        assert appimage_runtime.given_runtime({}) is None

    def test_the_one_with_the_named_hash_is_taken(self, other: Path) -> None:
        told = {
            "APPIMAGE_RUNTIME": str(other),
            "APPIMAGE_RUNTIME_SHA256": hashlib.sha256(other.read_bytes()).hexdigest().upper(),
        }
        assert appimage_runtime.given_runtime(told) == other.read_bytes()

    def test_another_one_is_refused(self, other: Path) -> None:
        told = {"APPIMAGE_RUNTIME": str(other), "APPIMAGE_RUNTIME_SHA256": "0" * 64}
        with pytest.raises(BuildError, match="is not the runtime"):
            appimage_runtime.given_runtime(told)

    def test_one_without_a_hash_is_refused(self, other: Path) -> None:
        with pytest.raises(BuildError, match="without APPIMAGE_RUNTIME_SHA256"):
            appimage_runtime.given_runtime({"APPIMAGE_RUNTIME": str(other)})

    def test_one_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        told = {"APPIMAGE_RUNTIME": str(tmp_path / "no"), "APPIMAGE_RUNTIME_SHA256": "0" * 64}
        with pytest.raises(BuildError, match="cannot be read"):
            appimage_runtime.given_runtime(told)

    def test_what_is_no_runtime_of_type_2_is_refused(self, other: Path) -> None:
        other.write_bytes(elf())
        told = {
            "APPIMAGE_RUNTIME": str(other),
            "APPIMAGE_RUNTIME_SHA256": hashlib.sha256(elf()).hexdigest(),
        }
        with pytest.raises(BuildError, match="no runtime of type 2"):
            appimage_runtime.given_runtime(told)


class TestFolder:
    def test_gets_what_the_convention_asks_for_as_links_into_it(self, tmp_path: Path) -> None:
        program = tmp_path / linux_tree.LIBRARY / "chatdesk"
        icon = tmp_path / "usr/share/icons/hicolor/256x256/apps/chatdesk.png"
        entry = tmp_path / "usr/share/applications/chatdesk.desktop"
        for file in (program, icon, entry):
            file.parent.mkdir(parents=True)
            file.write_text(file.name)
        appimage.finish(tmp_path, project())
        for name, file in (
            ("AppRun", program), (".DirIcon", icon), ("chatdesk.png", icon),
            ("chatdesk.desktop", entry),
        ):  # fmt: skip
            assert (tmp_path / name).resolve() == file
            assert not (tmp_path / name).readlink().is_absolute()

    def test_its_size_counts_each_file_once_and_no_links(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "file").write_bytes(bytes(1000))
        (tmp_path / "link").symlink_to("folder/file")
        (tmp_path / "folders").symlink_to("folder")
        assert appimage.unpacked_size(tmp_path) == 1000
