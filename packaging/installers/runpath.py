"""Takes the build machine's folders out of the libraries' search paths.

A Python that was built in somebody's home looks for its libraries there (DT_RUNPATH), on every
computer: whoever has that folder there could put other libraries into the application. What remains
is $ORIGIN, the application's own folder.
Format: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html (chapter 5, Dynamic Section)
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_LOAD, _DYNAMIC = 1, 2  # kinds of segments
_END, _STRINGS, _RPATH, _RUNPATH = 0, 5, 15, 29  # kinds of entries of the dynamic section


def clean(files: Iterable[Path]) -> list[Path]:
    """Remove all that is not $ORIGIN from these files' search paths; returns those it changed."""
    changed = []
    for path in files:
        before = path.read_bytes()
        after = cleaned(before)
        if after != before:
            state = path.stat()
            part = path.with_name(f"{path.name}.part")
            part.write_bytes(after)
            part.chmod(state.st_mode & 0o7777)
            os.utime(part, ns=(state.st_atime_ns, state.st_mtime_ns))
            part.replace(path)
            changed.append(path)
    return changed


def cleaned(library: bytes) -> bytes:
    """The bytes of a 64-bit little-endian ELF file without such folders; others as they are."""
    if library[:6] != b"\x7fELF\x02\x01":
        return library
    data = bytearray(library)
    entries = list(_entries(data))
    strings = next((_offset(data, value) for _, tag, value in entries if tag == _STRINGS), None)
    if strings is None:
        return library
    # From the last one on: taking an entry out moves those behind it.
    for place, tag, value in reversed(entries):
        if tag not in (_RPATH, _RUNPATH):
            continue
        start = strings + value
        end = data.index(0, start)
        parts = bytes(data[start:end]).split(b":")
        kept = [part for part in parts if part.startswith((b"$ORIGIN", b"${ORIGIN}"))]
        if kept == parts:
            continue
        if kept:
            data[start:end] = b":".join(kept).ljust(end - start, b"\0")
        else:
            # Linkers let the name of a symbol be the end of another string: the last part stays.
            stop = data.rindex(b"/", start, end) + 1 if b"/" in data[start:end] else start
            data[start:stop] = bytes(stop - start)
            last = entries[-1][0]
            data[place:last] = data[place + 16 : last + 16]
    return bytes(data)


def search_paths(library: bytes) -> list[str]:
    """The folders that an ELF file searches for its libraries."""
    entries = list(_entries(library)) if library[:6] == b"\x7fELF\x02\x01" else []
    strings = next((_offset(library, value) for _, tag, value in entries if tag == _STRINGS), 0)
    found: list[str] = []
    for _, tag, value in entries:
        if tag in (_RPATH, _RUNPATH):
            end = library.index(0, strings + value)
            found += bytes(library[strings + value : end]).decode().split(":")
    return found


def _segments(data: bytes | bytearray) -> Iterator[tuple[int, int, int, int]]:
    """Kind, place in the file, address and length in the file of each segment."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for at in range(table, table + size * count, size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, at)
        yield kind, offset, address, length


def _entries(data: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """Place, kind and value of the dynamic section's entries, the one that ends it included."""
    for kind, offset, _, length in _segments(data):
        if kind == _DYNAMIC:
            for at in range(offset, offset + length, 16):
                tag, value = struct.unpack_from("<QQ", data, at)
                yield at, tag, value
                if tag == _END:
                    return


def _offset(data: bytes | bytearray, address: int) -> int:
    for kind, offset, start, length in _segments(data):
        if kind == _LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError("an address of this library is in none of its segments")
