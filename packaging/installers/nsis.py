"""The installer for Windows, made by NSIS (makensis), which runs on Linux as well.

The script and what it does: packaging/windows/chatdesk.nsi.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from installers.nsis_project import write_project
from installers.project import PACKAGING, BuildError, Project, architecture, source_date
from installers.windows import PROGRAMS, SIGN_COMMAND, check_programs, sign

SCRIPT = PACKAGING / "windows" / "chatdesk.nsi"

# The installer itself as a 64-bit program where this makensis can make one (Debian's can): it runs
# where a Windows has no 32-bit part. NSIS's own release has only the 32-bit one, which does the
# same things: all it touches is the person's own and not doubled for 32 bits.
TARGETS = ("amd64-unicode", "x86-unicode")

_USUAL_PLACES = ("ProgramFiles(x86)", "ProgramFiles")


def make(frozen: Path, made: Path, dist: Path, project: Project) -> Sequence[Path]:
    """The installer. Raises BuildError."""
    check_programs(frozen)
    sign(frozen / name for name in PROGRAMS)
    output = dist / f"{project.title}-{project.version}-setup-{architecture()}.exe"
    makensis = find_makensis()
    compile_installer(
        makensis,
        find_target(makensis),
        frozen,
        made / "nsis",
        output,
        made / "chatdesk.ico",
        project,
    )
    sign([output])
    return [output]


def compile_installer(
    makensis: Path,
    target: str,
    frozen: Path,
    folder: Path,
    output: Path,
    icon: Path,
    project: Project,
) -> None:
    """Compile the script for a frozen application; folder is for what it includes. BuildError."""
    if not icon.is_file():
        raise BuildError(f"The icon {icon.name} is missing: freeze the application again.")
    write_project(
        folder.resolve(), frozen.resolve(), output.resolve(), icon.resolve(), target,
        os.environ.get(SIGN_COMMAND, ""), project,
    )  # fmt: skip
    output.unlink(missing_ok=True)
    # -WX: a warning of makensis is a mistake in the script.
    done = subprocess.run(
        [str(makensis), "-V2", "-WX", "-NOCD", "-INPUTCHARSET", "UTF8",
         f"-DPROJECT={folder.resolve()}", f"-DSCRIPTS={SCRIPT.parent}", str(SCRIPT)],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(source_date())},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode != 0 or not output.is_file():
        tail = "\n".join(done.stdout.strip().splitlines()[-30:])
        raise BuildError(f"{tail}\n\nmakensis could not make the installer.")


def find_makensis() -> Path:
    """NSIS's compiler. Raises BuildError where there is none."""
    found = shutil.which("makensis")
    if found:
        return Path(found)
    for place in _USUAL_PLACES:
        program = Path(os.environ.get(place, "")) / "NSIS" / "makensis.exe"
        if os.environ.get(place) and program.is_file():
            return program
    raise BuildError("makensis is missing: install NSIS 3 (on Debian the package nsis).")


def find_target(makensis: Path) -> str:
    """The first of TARGETS that this makensis has the parts for. Raises BuildError."""
    shared = Path("/usr/share/nsis")
    home = shared if (shared / "Stubs").is_dir() else makensis.parent
    if home != shared and not (home / "Stubs").is_dir():
        home = makensis.parent.parent  # NSIS's own release has a second one in Bin
    for target in TARGETS:
        if (home / "Stubs" / f"lzma_solid-{target}").is_file():
            return target
    raise BuildError(f"{makensis} can make none of the installers {', '.join(TARGETS)}.")
