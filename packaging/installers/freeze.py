"""The frozen application: a folder that runs where there is no Python.

make_frozen() is all of it: environment, licences, PyInstaller, stripping, dates. Its result is what
every kind of installer packs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from installers import bom, icons, licences, runpath, windows
from installers.environment import make_environment, run
from installers.project import PACKAGING, ROOT, BuildError, read_project, source_date, system

MADE = ROOT / "build" / "installer"
FROZEN = MADE / "frozen" / "chatdesk"

# Stripping breaks these: OpenBLAS and Fortran's libraries keep data where strip does not expect it.
_NEVER_STRIPPED = ("openblas", "libgfortran", "libquadmath")


def make_frozen(wheels: Sequence[Path], say: Callable[[str], None], made: Path = MADE) -> Path:
    """Freeze what the repository holds, with these wheels; returns the folder. BuildError.

    made: where everything on the way is, and the result in frozen/chatdesk.
    """
    frozen = made / FROZEN.relative_to(MADE)
    made.mkdir(parents=True, exist_ok=True)
    say("Making the environment to freeze")
    python = make_environment(made / "venv", wheels)
    say("Collecting licences and the bill of materials")
    licences.collect(python, made / "licences")
    bom.write(python, made / "licences" / "chatdesk.cdx.json", read_project())
    if system() != "linux":
        icons.make_system_icon(python, made)
    if system() == "windows":
        windows.write_version_resource(made, read_project())
    say("Freezing (about a minute)")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # PyInstaller writes this time into its archives, and sets are met in the same order each time.
    environment |= {"SOURCE_DATE_EPOCH": str(source_date()), "PYTHONHASHSEED": "1"}
    environment["CHATDESK_BUILD"] = str(made)  # for chatdesk.spec
    run(
        [str(python), "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN",
         "--distpath", str(frozen.parent), "--workpath", str(made / "work"),
         str(PACKAGING / "chatdesk.spec")],
        "freeze the application", environment, cwd=str(made),
    )  # fmt: skip
    if system() == "linux":
        runpath.clean(binaries(frozen))
        strip(frozen)
    settle(frozen)
    return frozen


def strip(folder: Path) -> None:
    """Take the symbols that only a debugger reads out of a folder's libraries and programs."""
    tool = shutil.which("strip")
    if tool is None:
        raise BuildError("The program strip is missing: install binutils.")
    for path in binaries(folder):
        if not any(word in path.name for word in _NEVER_STRIPPED):
            mode = path.stat().st_mode
            path.chmod(mode | 0o200)
            # PyInstaller appends its archive to the program, as a section that strip must keep.
            subprocess.run([tool, "--strip-unneeded", str(path)], check=False, capture_output=True)
            path.chmod(mode)


def binaries(folder: Path) -> Iterator[Path]:
    """The libraries (ELF) in a folder, sorted; the started program is not one of them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.parent != folder:
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def settle(folder: Path) -> None:
    """Give everything in a folder the source's date and plain modes, so that archives repeat."""
    date = source_date()
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.parent == folder or ".so" in path.name
            path.chmod(0o755 if executable else 0o644)
            os.utime(path, (date, date))
