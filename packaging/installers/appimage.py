"""The AppImage: the whole application as one file that runs where it is, without installing.

A folder as AppImage's convention has it (AppRun, menu entry, icon), packed as squashfs behind a
runtime (see appimage_runtime). zstd: its largest level costs a minute here and nothing there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from installers import appimage_runtime, linux_tree
from installers.environment import run
from installers.project import BuildError, Project, architecture, source_date

_BLOCK = 1 << 20
_LEVEL = 22


def make(frozen: Path, made: Path, dist: Path, project: Project) -> list[Path]:
    """Write the AppImage into dist. Raises BuildError."""
    tree = made / "AppDir"
    linux_tree.lay_out(frozen, made, tree, project)
    finish(tree, project)
    linux_tree.settle(tree)
    payload = pack(tree, made / "appimage.squashfs")
    runtime = appimage_runtime.given_runtime(os.environ)
    if runtime is not None:
        data = runtime + payload.read_bytes()
    else:
        program = appimage_runtime.compile_runtime(made / "appimage-runtime")
        data = appimage_runtime.assemble(
            program.read_bytes(), payload.read_bytes(), unpacked_size(tree), project
        )
    file = dist / f"{project.title}-{project.version}-{architecture()}.AppImage"
    file.write_bytes(data)
    file.chmod(0o755)
    payload.unlink()
    shutil.rmtree(tree)
    return [file]


def finish(tree: Path, project: Project) -> None:
    """Add to an installed tree what makes it an AppDir.

    AppRun is a link to the program: PyInstaller's finds its folder by itself, and no shell has to
    be there. The menu entry and the icons at the top are links into the tree too.
    """
    name = project.name
    icon = f"usr/share/icons/hicolor/256x256/apps/{name}.png"
    (tree / "AppRun").symlink_to(f"{linux_tree.LIBRARY}/{name}")
    (tree / f"{name}.desktop").symlink_to(f"usr/share/applications/{name}.desktop")
    (tree / f"{name}.png").symlink_to(icon)
    (tree / ".DirIcon").symlink_to(icon)
    # The runtime carries parts of glibc and zstd, whose licences go where it goes.
    notice = tree / f"usr/share/doc/{name}/appimage-runtime"
    notice.mkdir(parents=True)
    for text in sorted(appimage_runtime.SOURCES.glob("*.txt")):
        shutil.copyfile(text, notice / text.name)


def pack(tree: Path, file: Path, *further: str) -> Path:
    """Pack a folder as squashfs, the same bytes for the same folder. Raises BuildError."""
    tool = shutil.which("mksquashfs")
    if tool is None:
        raise BuildError("The program mksquashfs is missing: install squashfs-tools.")
    date = str(source_date())
    # mksquashfs refuses to be told the date twice.
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    run(
        [tool, str(tree), str(file), "-comp", "zstd", "-Xcompression-level", str(_LEVEL),
         "-b", str(_BLOCK), "-noappend", "-no-xattrs", "-no-hardlinks", "-root-owned",
         "-mkfs-time", date, "-all-time", date, "-quiet", "-no-progress", *further],
        "pack the AppImage", environment,
    )  # fmt: skip
    return file


def unpacked_size(tree: Path) -> int:
    """The bytes of all files in a folder: what unpacking it will take, rounding aside."""
    return sum(
        path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink()
    )
