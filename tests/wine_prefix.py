"""A Windows for tests: wine with a prefix and a screen of its own, its registry, its shortcuts.

The person in it has a name with a space and letters beyond Latin, so that every path under the
profile has them too. Nothing outside the prefix is read or written.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PERSON = "Zoë Müller 中文"
PROFILE = f"C:\\users\\{PERSON}"

# Explorer's record of where a person's folders are: what installers and programs ask for.
_FOLDERS = {
    "Local AppData": f"{PROFILE}\\AppData\\Local",
    "AppData": f"{PROFILE}\\AppData\\Roaming",
    "Desktop": f"{PROFILE}\\Desktop",
    "Programs": f"{PROFILE}\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs",
}
_EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"

Value = str | int


@dataclass
class WinePrefix:
    """A prefix in folder, on the X display. start() makes it, end() ends all that runs in it."""

    folder: Path
    display: str
    _count: int = field(default=0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(self.folder.parent),
            "DISPLAY": self.display,
            "LC_ALL": "C.UTF-8",
            "WINEPREFIX": str(self.folder),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            # No questions for Mono and Gecko, no menu entries in this computer's desktop.
            "WINEDLLOVERRIDES": "mscoree,mshtml=;winemenubuilder.exe=",
        }

    def start(self) -> None:
        """Make the prefix: a Windows 10 whose person is PERSON."""
        self.run("wineboot", "--init", timeout=180)
        self.run("winecfg", "-v", "win10")
        values = {name: place for name, place in _FOLDERS.items()}
        self.write(f"{_EXPLORER}\\User Shell Folders", values)
        self.write(f"{_EXPLORER}\\Shell Folders", values)
        for place in _FOLDERS.values():
            self.path(place).mkdir(parents=True, exist_ok=True)

    def copy(self, folder: Path) -> WinePrefix:
        """A prefix in the same state. Nothing may run in this one.

        Its files are the same files (a prefix has 700 MB, which nobody writes to) but for the
        registry.
        """
        subprocess.run(["cp", "-al", self.folder, folder], check=True)
        for original in self.folder.glob("*.reg"):
            copy = folder / original.name
            copy.unlink()
            shutil.copyfile(original, copy)
        return WinePrefix(folder, self.display)

    def end(self) -> None:
        """End everything in the prefix."""
        with suppress(subprocess.SubprocessError):
            subprocess.run(
                ["wineserver", "-k"], env=self.environment, check=False, timeout=30,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until nothing runs in the prefix any more."""
        subprocess.run(["wineserver", "-w"], env=self.environment, check=True, timeout=120)

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line of this system that runs a Windows program."""
        return ["wine", program, *arguments]

    def run(
        self,
        program: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        trace: Path | None = None,
        timeout: int = 120,
    ) -> int:
        """Run a program to its end; its exit code (the lowest 8 bits of it).

        trace: gets what wine says about what it cannot do in the shell's part of Windows.
        """
        told = {"WINEDEBUG": "-all,fixme+shell"} if trace else {}
        with (trace or Path(os.devnull)).open("wb") as errors:
            done = subprocess.run(
                self.command(program, *arguments),
                env={**self.environment, **told, **(environment or {})},
                check=False, timeout=timeout,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        return done.returncode

    def open(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program and leave it running."""
        return subprocess.Popen(
            self.command(program, *arguments), env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def path(self, windows: str) -> Path:
        """Where a path of drive C: is on this system."""
        assert windows.startswith("C:\\")
        return self.folder / "drive_c" / windows[3:].replace("\\", "/")

    def files(self, windows: str) -> set[str]:
        """All files and folders below a folder, with backslashes; folders end with one."""
        root = self.path(windows)
        return {
            str(path.relative_to(root)).replace("/", "\\") + ("\\" if path.is_dir() else "")
            for path in root.rglob("*")
        }

    # -- the registry of the person (HKEY_CURRENT_USER) ----------------------------------------

    def write(self, key: str, values: Mapping[str, Value], *, expand: bool = False) -> None:
        """Write values into a key. expand: texts whose variables are to be filled in."""
        lines = ["Windows Registry Editor Version 5.00", "", f"[HKEY_CURRENT_USER\\{key}]"]
        for name, value in values.items():
            told = f'"{_escaped(name)}"' if name else "@"
            if isinstance(value, int):
                lines.append(f"{told}=dword:{value:08x}")
            elif expand:
                data = (value + "\0").encode("utf-16-le").hex(",")
                lines.append(f"{told}=hex(2):{data}")
            else:
                lines.append(f'{told}="{_escaped(value)}"')
        file = self._file()
        file.write_text("\r\n".join([*lines, ""]), encoding="utf-16", newline="")
        assert self.run("regedit", "/S", f"C:\\{file.name}") == 0

    def registry(self, key: str) -> dict[str, dict[str, Value]]:
        """A key and all below it: its name below the one asked for, to its values. {} for none.

        Texts with variables come with "expand:" before them.
        """
        file = self._file()
        self.run("regedit", "/E", f"C:\\{file.name}", f"HKEY_CURRENT_USER\\{key}")
        return _parsed(file.read_bytes().decode("utf-16"), key) if file.is_file() else {}

    def _file(self) -> Path:
        self._count += 1
        file = self.folder / "drive_c" / f"registry-{self._count}.reg"
        file.unlink(missing_ok=True)  # of the prefix that this one is a copy of
        return file


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _parsed(text: str, key: str) -> dict[str, dict[str, Value]]:
    found: dict[str, dict[str, Value]] = {}
    values: dict[str, Value] = {}
    joined = re.sub(r"\\\r?\n\s*", "", text)
    root = f"HKEY_CURRENT_USER\\{key}"
    for line in joined.splitlines():
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
            values = {}
            found[name[len(root) :].lstrip("\\")] = values
            continue
        match = re.fullmatch(r'(@|"(?:[^"\\]|\\.)*")=(.*)', line)
        if match is None:
            continue
        name = "" if match[1] == "@" else _unescaped(match[1][1:-1])
        data = match[2]
        if data.startswith("dword:"):
            values[name] = int(data[6:], 16)
        elif data.startswith('"'):
            values[name] = _unescaped(data[1:-1])
        elif data.startswith("hex(2):"):
            raw = bytes(int(part, 16) for part in data[7:].split(",") if part)
            values[name] = "expand:" + raw.decode("utf-16-le").rstrip("\0")
    return found


# -- shortcuts -----------------------------------------------------------------------------------

# The property that is the application's id: a set and a number in it (propkey.h).
_APPLICATION_ID = (uuid.UUID("9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3"), 5)
_PROPERTY_STORE = 0xA0000009


def application_id(link: Path) -> str | None:
    """The AppUserModelID that a shell link carries; None where it carries none.

    Formats: https://learn.microsoft.com/openspecs/windows_protocols/ms-shllink and ms-propstore.
    """
    data = link.read_bytes()
    assert data[:4] == b"\x4c\0\0\0", "this is no shell link"
    place = data.find(struct.pack("<I", _PROPERTY_STORE))
    if place < 0:
        return None
    wanted, number = _APPLICATION_ID
    at = place + 4
    while size := struct.unpack_from("<I", data, at)[0]:
        # A storage: its size, "1SPS", the set's id, then values: size, number, 0, type, data.
        assert data[at + 4 : at + 8] == b"1SPS"
        if uuid.UUID(bytes_le=data[at + 8 : at + 24]) == wanted:
            value = at + 24
            while length := struct.unpack_from("<I", data, value)[0]:
                told, _, kind, count = struct.unpack_from("<IBII", data, value + 4)
                if told == number and kind == 31:
                    text = data[value + 17 : value + 17 + count * 2]
                    return text.decode("utf-16-le").rstrip("\0")
                value += length
        at += size
    return None
