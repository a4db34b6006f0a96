"""The portable zip for Windows: unpack it anywhere and start it; the registry is left alone.

"Portable" is the program. Conversations are in the person's own folder as with the installer, since
a stick that is lost would take them along: README.txt says so, and how to keep them elsewhere.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Sequence
from pathlib import Path

from installers.project import BuildError, Project, architecture, source_date
from installers.windows import PROGRAMS, check_programs, sign

_README = """\
{title} {version} for Windows, without installation

Unpack the whole folder, then start {window} for the window, or {console} in a terminal.

Conversations, settings and models are kept in %LOCALAPPDATA%\\{title}, and keys for providers in
Windows' Credential Manager, not in this folder: removing it removes none of them. To keep
conversations, settings and models elsewhere, set CHATDESK_DATA_DIR to a folder or start it with
--data-dir FOLDER.

Licences: _internal\\resources\\licences
New versions: {releases}
"""


def make(frozen: Path, made: Path, dist: Path, project: Project) -> Sequence[Path]:
    """The zip. The same frozen application and date give the same bytes. Raises BuildError."""
    check_programs(frozen)
    sign(frozen / name for name in PROGRAMS)
    archive = dist / f"{project.title}-{project.version}-windows-{architecture()}.zip"
    pack(frozen, archive, project)
    return [archive]


def pack(frozen: Path, archive: Path, project: Project) -> None:
    """Pack a frozen application under one folder, with the file that tells what to do."""
    folder = f"{project.title}-{project.version}"
    moment = datetime.datetime.fromtimestamp(source_date(), datetime.UTC)
    if moment.year < 1980:
        raise BuildError("A zip cannot tell a date before 1980.")
    date = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    window, console = PROGRAMS
    readme = _README.format(
        title=project.title, version=project.version, releases=project.releases,
        window=window, console=console,
    )  # fmt: skip
    files = {
        path.relative_to(frozen).as_posix(): path for path in frozen.rglob("*") if path.is_file()
    }
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:

        def entry(name: str) -> zipfile.ZipInfo:
            info = zipfile.ZipInfo(f"{folder}/{name}", date)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0  # Windows, wherever it is packed
            return info

        zipped.writestr(entry("README.txt"), readme.replace("\n", "\r\n"))
        for name in sorted(files):
            with files[name].open("rb") as source, zipped.open(entry(name), "w") as packed:
                while block := source.read(1 << 20):
                    packed.write(block)
