"""The program at the front of the AppImage: compiled from packaging/appimage, or given by you.

AppImage's own runtime is a binary from its project's releases; ours is small, is built here from
source and unpacks once instead of mounting. Who wants the official one names the file in
APPIMAGE_RUNTIME and, so that it is the one that was looked at, its SHA-256 in
APPIMAGE_RUNTIME_SHA256.

Either way the packed application begins where the ELF file of the runtime ends; desktops and
tools compute that place from the ELF headers to read icons and the menu's entry.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from installers.environment import run
from installers.project import PACKAGING, BuildError, Project

SOURCES = PACKAGING / "appimage"
MAGIC = b"AI\x02"  # at offset 8 of the ELF file: an AppImage of type 2
_MAGIC_AT = 8

# One static program that the kernel places at random (static PIE). Told nothing of where or when
# it was built, so that the same sources and compiler give the same bytes.
FLAGS = (
    *("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion"),
    *("-Werror", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-fPIE"),
    *("-static-pie", "-s", "-Wl,-z,relro,-z,now,-z,noexecstack", "-Wl,--build-id=none"),
)

# appimage/record.h's struct: magic, offset, length, unpacked, SHA-256, name, title, version.
RECORD = struct.Struct("<16sQQQ32s32s32s32s")
RECORD_MAGIC = b"APPIMAGE-PAYLOAD"
RECORD_SECTION = ".payload"


@dataclass(frozen=True)
class Section:
    """Where a section of an ELF file is in the file."""

    offset: int
    size: int


def compile_runtime(program: Path, flags: tuple[str, ...] = FLAGS) -> Path:
    """Compile the sources into program. Raises BuildError, naming the packages that are missing."""
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    if shutil.which(compiler[0]) is None:
        raise BuildError(f"The C compiler {compiler[0]} is missing: install gcc and libc6-dev.")
    sources = sorted(path.name for path in SOURCES.glob("*.c"))
    try:
        # Run in the folder: the names of the sources are the same on every computer then.
        run(
            [*compiler, *flags, *sources, "-lzstd", "-o", str(program.absolute())],
            "compile the AppImage's runtime", cwd=str(SOURCES),
        )  # fmt: skip
    except BuildError as error:
        raise BuildError(
            f"{error}\nIt needs the static libraries of C and zstd: libc6-dev and libzstd-dev on "
            "Debian, glibc-static and libzstd-static on Fedora."
        ) from None
    return program


def given_runtime(environment: Mapping[str, str]) -> bytes | None:
    """The runtime that the environment names, or None. Raises BuildError where it is another."""
    name = environment.get("APPIMAGE_RUNTIME", "")
    if not name:
        return None
    wanted = environment.get("APPIMAGE_RUNTIME_SHA256", "").strip().lower()
    if not wanted:
        raise BuildError(
            "APPIMAGE_RUNTIME is set without APPIMAGE_RUNTIME_SHA256: say which file it has to be."
        )
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise BuildError(f"APPIMAGE_RUNTIME cannot be read: {error}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise BuildError(
            f"{name} is not the runtime that APPIMAGE_RUNTIME_SHA256 names: its SHA-256 is {found}."
        )
    if data[_MAGIC_AT : _MAGIC_AT + len(MAGIC)] != MAGIC or elf_end(data) != len(data):
        raise BuildError(f"{name} is no runtime of type 2, or something is appended to it.")
    return data


def assemble(runtime: bytes, payload: bytes, unpacked: int, project: Project) -> bytes:
    """Our runtime with an application behind it, and the record of it inside."""
    if elf_end(runtime) != len(runtime):
        raise BuildError("The runtime does not end where its ELF headers say.")
    place = section(runtime, RECORD_SECTION)
    if place.size != RECORD.size or runtime[place.offset :][: len(RECORD_MAGIC)] != RECORD_MAGIC:
        raise BuildError("The runtime's record is not laid out as it is here.")
    data = bytearray(runtime)
    data[_MAGIC_AT : _MAGIC_AT + len(MAGIC)] = MAGIC
    data[place.offset : place.offset + place.size] = record(
        len(runtime), payload, unpacked, project
    )
    return bytes(data) + payload


def record(offset: int, payload: bytes, unpacked: int, project: Project) -> bytes:
    """What the runtime is told of its payload. Raises BuildError for words that do not fit."""
    words = []
    for word in (project.name, project.title, project.version):
        text = word.encode("ascii", "strict")
        if len(text) > 31:
            raise BuildError(f"Too long for the AppImage's runtime: {word}")
        words.append(text)
    digest = hashlib.sha256(payload).digest()
    return RECORD.pack(RECORD_MAGIC, offset, len(payload), unpacked, digest, *words)


def elf_end(data: bytes) -> int:
    """Where an ELF file ends by its own headers: behind the table of its sections."""
    table, each, count, _ = _sections(data)
    return table + each * count


def section(data: bytes, name: str) -> Section:
    """A section of an ELF file by its name. Raises BuildError where there is none."""
    table, each, count, names_index = _sections(data)
    names = _header(data, table + each * names_index)
    for index in range(count):
        at, found = _header(data, table + each * index)
        text = data[names[1].offset + at :].partition(b"\0")[0] if at else b""
        if text.decode("ascii", "replace") == name:
            return found
    raise BuildError(f"The AppImage's runtime has no section {name}.")


def _sections(data: bytes) -> tuple[int, int, int, int]:
    """Of the section headers: where they begin, the size of one, their number, the names' one."""
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
        raise BuildError("The AppImage's runtime is no ELF file of 64 bits.")
    (table,) = struct.unpack_from("<Q", data, 0x28)
    each, count, names = struct.unpack_from("<HHH", data, 0x3A)
    if each < 64 or names >= count or table + each * count > len(data):
        raise BuildError("The AppImage's runtime has no table of sections.")
    return table, each, count, names


def _header(data: bytes, at: int) -> tuple[int, Section]:
    (name,) = struct.unpack_from("<I", data, at)
    offset, size = struct.unpack_from("<QQ", data, at + 24)
    return name, Section(offset, size)
