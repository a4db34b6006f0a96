"""Search paths of libraries: the build machine's folders go, the application's own stay."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from installers import runpath

RPATH, RUNPATH, NEEDED = 15, 29, 1


def library(*entries: tuple[int, str]) -> bytes:
    """A library of nothing but a header, a dynamic section with these entries, and their text."""
    start, address = 0x200, 0x10000
    strings = b"\0"
    table = b""
    for kind, text in entries:
        table += struct.pack("<QQ", kind, len(strings))
        strings += text.encode() + b"\0"
    place = start + len(table) + 32
    table += struct.pack("<QQ", 5, address + place) + bytes(16)
    size = place + len(strings)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQ", 3, 62, 1, 0, 64, 0)
    head += struct.pack("<IHHHHHH", 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 4, 0, address, address, size, size, 4096)
    head += struct.pack("<IIQQQQQQ", 2, 4, start, address + start, 0, len(table), len(table), 8)
    return head.ljust(start, b"\0") + table + strings


def needed(data: bytes) -> list[int]:
    """The kinds of the dynamic section's entries."""
    return [tag for _, tag, _ in runpath._entries(data)]


@pytest.mark.parametrize("kind", [RPATH, RUNPATH])
def test_a_folder_of_the_build_machine_is_taken_out(kind: int) -> None:
    before = library((kind, "/home/somebody/python/lib"), (NEEDED, "libc.so.6"))
    after = runpath.cleaned(before)
    assert runpath.search_paths(before) == ["/home/somebody/python/lib"]
    assert runpath.search_paths(after) == []
    assert b"somebody" not in after
    assert needed(after) == [NEEDED, 5, 0]
    assert len(after) == len(before)
    assert b"libc.so.6" in after


def test_the_applications_own_folder_stays() -> None:
    before = library((RUNPATH, "$ORIGIN/../lib:/opt/build/lib:$ORIGIN"), (NEEDED, "libc.so.6"))
    after = runpath.cleaned(before)
    assert runpath.search_paths(after) == ["$ORIGIN/../lib", "$ORIGIN"]
    assert b"/opt" not in after
    assert needed(after) == needed(before)


@pytest.mark.parametrize("path", ["lib", "", "relative/lib"])
def test_a_relative_folder_is_taken_out_too(path: str) -> None:
    # It would be looked for in the folder that somebody happens to be in.
    assert runpath.search_paths(runpath.cleaned(library((RUNPATH, path)))) == []


@pytest.mark.parametrize(
    "data",
    [
        library((NEEDED, "libc.so.6")),
        library((RUNPATH, "$ORIGIN:${ORIGIN}/lib")),
        b"\x7fELF\x01\x01 of 32 bits",
        b"no library",
        b"",
    ],
)
def test_everything_else_stays_as_it_is(data: bytes) -> None:
    assert runpath.cleaned(data) == data


def test_changed_files_keep_their_mode_and_date(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.so", tmp_path / "good.so"
    bad.write_bytes(library((RUNPATH, "/build/lib")))
    good.write_bytes(library((NEEDED, "libc.so.6")))
    bad.chmod(0o640)
    os.utime(bad, (1_000_000_000, 1_000_000_000))
    assert runpath.clean([bad, good]) == [bad]
    assert runpath.search_paths(bad.read_bytes()) == []
    assert bad.stat().st_mode & 0o777 == 0o640
    assert bad.stat().st_mtime == 1_000_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.so", "good.so"]
