"""What Chatdesk's programs for Windows are called and what they say about themselves.

There are two of the same modules. A Windows program either always has a console or never has one,
so one is for the window (no console behind it) and one for the command line. As with python.exe and
pythonw.exe the console has the plain name: every shell, and every program that starts others, finds
`chatdesk` on the PATH only as chatdesk.exe. (A chatdesk.cmd would not be found by Git's shell and
asks "Terminate batch job?" at Ctrl+C, which stops a reply in the chat.) Start menu, "Open with" and
Run lead to the window's.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from installers.project import PACKAGING, BuildError, Project

CONSOLE_PROGRAM = "chatdesk"
WINDOW_PROGRAM = "chatdeskw"
PROGRAMS = (f"{WINDOW_PROGRAM}.exe", f"{CONSOLE_PROGRAM}.exe")

# Windows 10, version 1809: the least that Qt 6.11 supports (https://doc.qt.io/qt-6/windows.html).
LEAST_BUILD = 17763

# A command that signs the file whose path is put behind it, such as
# signtool sign /fd sha256 /tr ADDRESS /td sha256 /sha1 THUMBPRINT
SIGN_COMMAND = "CHATDESK_SIGN_COMMAND"

_HOLDER = re.compile(r"^(Copyright \(c\) .+)$", re.MULTILINE)


def version4(version: str) -> tuple[int, int, int, int]:
    """A version as Windows wants it, four numbers: "0.2.0rc1" is 0.2.0.0. Raises BuildError."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    if not numbers or len(numbers) > 4 or max(numbers) > 0xFFFF:
        raise BuildError(f"The version {version} is none that Windows can show.")
    first, second, third, fourth = [*numbers, 0, 0, 0][:4]
    return first, second, third, fourth


def copyright_line() -> str:
    """The licence's line that says whose work this is. Raises BuildError where it has none."""
    text = (PACKAGING / "licences" / "MIT.txt").read_text(encoding="utf-8")
    found = _HOLDER.search(text)
    if found is None:
        raise BuildError("MIT.txt does not say whose the copyright is.")
    return found[1].replace("(c)", "\N{COPYRIGHT SIGN}")


def version_resource(project: Project) -> str:
    """The programs' version information in PyInstaller's format, a Python expression.

    Format: https://pyinstaller.org/en/stable/usage.html#capturing-windows-version-data
    The task manager and the choice of "Open with" show FileDescription: the name, nothing else.
    """
    numbers = version4(project.version)
    strings = {
        "CompanyName": project.author,
        "FileDescription": project.title,
        "FileVersion": project.version,
        "InternalName": project.name,
        "LegalCopyright": copyright_line(),
        "ProductName": project.title,
        "ProductVersion": project.version,
    }
    told = ", ".join(f"StringStruct({name!r}, {text!r})" for name, text in strings.items())
    # 0409 and 1200: English of the United States, in UTF-16. 0x40004: Windows NT, 32 bits and more.
    return (
        "VSVersionInfo(\n"
        f"  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0x0,\n"
        "    OS=0x40004, fileType=0x1, subtype=0x0, date=(0, 0)),\n"
        f"  kids=[StringFileInfo([StringTable('040904B0', [{told}])]),\n"
        "    VarFileInfo([VarStruct('Translation', [0x0409, 1200])])])\n"
    )


def write_version_resource(made: Path, project: Project) -> Path:
    """Write what chatdesk.spec gives the programs; returns the file."""
    file = made / "version.txt"
    file.write_text(version_resource(project), encoding="utf-8")
    return file


def check_programs(frozen: Path) -> None:
    """Raise BuildError unless both programs are in the frozen application."""
    for name in PROGRAMS:
        if not (frozen / name).is_file():
            raise BuildError(f"{frozen} has no {name}: was it frozen on Windows?")


def sign(files: Iterable[Path]) -> None:
    """Sign files by the environment's command; without one, say so. Raises BuildError."""
    command = os.environ.get(SIGN_COMMAND)
    if not command:
        print(f"Not signed: {SIGN_COMMAND} is not set. Windows warns of what is not signed.")
        return
    for file in files:
        done = subprocess.run(f'{command} "{file}"', shell=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{file.name} could not be signed by {SIGN_COMMAND}.")
