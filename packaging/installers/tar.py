"""The archive for any Linux: unpack it and start it, or install it for one person.

chatdesk-VERSION/
    chatdesk, _internal/        the application
    install.sh, uninstall.sh    into this person's home and out of it, without root
    share/                      what install.sh gives to the desktop
    README.txt
"""

from __future__ import annotations

import lzma
import os
import shlex
import shutil
import string
import tarfile
from pathlib import Path

from installers import linux_tree, needs
from installers.environment import venv_python
from installers.project import PACKAGING, Project, architecture, source_date

_TEMPLATES = PACKAGING / "linux" / "portable"


def make(frozen: Path, made: Path, dist: Path, project: Project) -> list[Path]:
    """Write the .tar.xz into dist. Raises BuildError."""
    tree = made / f"{project.name}-{project.version}"
    shutil.rmtree(tree, ignore_errors=True)
    linux_tree.place_application(frozen, tree)
    linux_tree.write_integration(tree / "share", venv_python(made / "venv"), project)
    known = {
        "title": project.title,
        "version": project.version,
        "architecture": architecture(),
        "glibc": ".".join(map(str, needs.read_needs(frozen).glibc)),
        "releases": project.releases,
        "homepage": project.homepage,
        "description": project.description,
    }
    _write_scripts(tree, known)
    linux_tree.settle(tree)
    name = f"{project.name}-{project.version}-linux-{architecture()}.tar.xz"
    pack(tree, made / name)
    shutil.rmtree(tree)
    # In its place only when it is whole.
    return [Path(shutil.move(made / name, dist / name))]


def pack(tree: Path, file: Path) -> None:
    """Pack a folder under its name: sorted, dated, owned by root. The same tree, the same bytes."""
    with (
        lzma.open(file, "w", filters=_filters()) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in [tree, *sorted(tree.rglob("*"))]:
            name = str(path.relative_to(tree.parent))
            archive.add(path, name, recursive=False, filter=_plain)
    os.utime(file, (source_date(), source_date()))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = source_date()
    return member


def _filters() -> list[dict[str, int]]:
    """Programs' jumps made alike before packing (BCJ); every xz unpacks it."""
    before = [{"id": lzma.FILTER_X86}] if architecture() == "x86_64" else []
    return [*before, {"id": lzma.FILTER_LZMA2, "preset": 6}]


def _write_scripts(tree: Path, known: dict[str, str]) -> None:
    readme = string.Template((_TEMPLATES / "README.txt").read_text(encoding="utf-8"))
    (tree / "README.txt").write_text(readme.substitute(known), encoding="utf-8")
    for name in ("install.sh", "uninstall.sh", "share/refresh.sh"):
        shutil.copyfile(_TEMPLATES / Path(name).name, tree / name)
    # For the scripts, which read it as shell.
    words = ("title", "version", "architecture", "glibc", "releases")
    about = "".join(f"{name}={shlex.quote(known[name])}\n" for name in words)
    (tree / "share/about.sh").write_text(about, encoding="utf-8")
