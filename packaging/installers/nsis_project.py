"""What the installer's script for Windows includes: the project's words, and each file by name.

No wildcard and no folder removed with what is in it: what is installed and what is deleted later is
one list, so that an uninstall in a folder that somebody chose badly takes nothing else with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from installers.project import PACKAGING, BuildError, Project, source_date
from installers.windows import LEAST_BUILD, PROGRAMS, copyright_line, version4
from installers.wizard_picture import write_picture

# The longest path that programs without long paths can open, with its end (MAX_PATH).
_LONGEST_PATH = 260

_INTRODUCTION = """\
{title} {version}

{title} itself is under the licence that comes first. It contains the work of others, listed after \
it; their licences' texts are installed with it, in _internal\\resources\\licences.

"""


def write_project(
    folder: Path, frozen: Path, output: Path, icon: Path, target: str, sign: str, project: Project
) -> None:
    """Write the three .nsh files, the licence page's text and a picture into folder.

    sign: the command that signs the uninstaller, "" for none. Raises BuildError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = payload(frozen)
    licence, picture = folder / "licence.txt", folder / "side.bmp"
    window, console = PROGRAMS
    defined = {
        "NAME": project.name,
        "TITLE": project.title,
        "VERSION": project.version,
        "VERSION4": ".".join(map(str, version4(project.version))),
        "PUBLISHER": project.author,
        "COPYRIGHT": copyright_line(),
        "SUMMARY": project.summary,
        "HOMEPAGE": project.homepage,
        "RELEASES": project.releases,
        "ISSUES": project.issues,
        "APP_ID": project.application_id,
        "PROGID": f"{project.title}.Model",
        "WINDOW_EXE": window,
        "CONSOLE_EXE": console,
        "LEAST_BUILD": str(LEAST_BUILD),
        "LONGEST_FOLDER": str(_LONGEST_PATH - 2 - max(map(len, files))),
        "SIZE_KB": str(sum(_source(frozen, name).stat().st_size for name in files) // 1024),
        "TARGET": target,
        "ICON": str(icon),
        "PICTURE": str(picture),
        "LICENCE": str(licence),
        "OUTPUT": str(output),
    }
    if sign:
        defined["SIGN"] = sign
    _write(folder / "project.nsh", definitions(defined))
    _write(folder / "install.nsh", install_lines(frozen, files))
    _write(folder / "remove.nsh", remove_lines(files))
    write_picture(icon, picture)
    os.utime(picture, (source_date(), source_date()))  # it is packed with its date
    licence.write_text(_licence_text(frozen, project), encoding="utf-8-sig", newline="\r\n")


def payload(frozen: Path) -> list[str]:
    """The files of the frozen application below its folder, with backslashes, by name."""
    files = sorted(
        str(path.relative_to(frozen)).replace("/", "\\")
        for path in frozen.rglob("*")
        if path.is_file()
    )
    for name in files:
        # Characters that Windows allows in no name; NSIS would take some for a pattern.
        if any(character in '*?"<>|' for character in name) or "\n" in name:
            raise BuildError(f"Windows cannot have a file of this name: {name}")
    return files


def definitions(defined: Mapping[str, str]) -> str:
    """Lines that define names for the script."""
    return "".join(f'!define {name} "{quoted(text)}"\n' for name, text in defined.items())


def install_lines(frozen: Path, files: list[str]) -> str:
    """The instructions that unpack these files."""
    lines, folder = [], None
    for name in files:
        parent, _, last = name.rpartition("\\")
        if parent != folder:
            folder = parent
            place = f"$INSTDIR\\{quoted(parent)}" if parent else "$INSTDIR"
            lines.append(f'SetOutPath "{place}"\n')
        # The source is a path of the building computer: "$" begins nothing in it.
        lines.append(f'File "/oname={quoted(last)}" "{_source(frozen, name)}"\n')
    return "".join(lines)


def remove_lines(files: list[str]) -> str:
    """The instructions that delete these files, and each folder where nothing is left in it."""
    lines = [f'Delete "$INSTDIR\\{quoted(name)}"\n' for name in files]
    folders = set()
    for name in files:
        parts = name.split("\\")[:-1]
        folders |= {"\\".join(parts[: count + 1]) for count in range(len(parts))}
    # The deepest first: a folder's name is a beginning of the names in it.
    lines += [f'RMDir "$INSTDIR\\{quoted(name)}"\n' for name in sorted(folders, reverse=True)]
    return "".join(lines)


def quoted(text: str) -> str:
    """Text as it stands between double quotes in a script."""
    return text.replace("$", "$$").replace('"', '$\\"').replace("\n", "$\\n").replace("\r", "$\\r")


def _source(frozen: Path, name: str) -> Path:
    return frozen.joinpath(*name.split("\\"))


def _licence_text(frozen: Path, project: Project) -> str:
    own = (PACKAGING / "licences" / "MIT.txt").read_text(encoding="utf-8")
    notice = frozen / "_internal" / "resources" / "licences" / "THIRD-PARTY.txt"
    if not notice.is_file():
        raise BuildError("The frozen application lacks the list of licences: freeze it again.")
    head = _INTRODUCTION.format(title=project.title, version=project.version)
    rule = "\n" + "-" * 60 + "\n\n"
    return head + own.strip() + "\n" + rule + notice.read_text(encoding="utf-8")


def _write(file: Path, text: str) -> None:
    # makensis takes a file for UTF-8 by its mark.
    file.write_text(text, encoding="utf-8-sig", newline="\n")
