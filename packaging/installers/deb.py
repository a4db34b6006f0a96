"""The Debian package: for Debian 12, Ubuntu 22.04 and what is made from them, or newer.

Made by dpkg-deb alone; nothing in it is made on the computer that installs it. The same commit
gives the same bytes.
"""

from __future__ import annotations

import email.utils
import hashlib
import os
import re
import shutil
import textwrap
from pathlib import Path

from installers import linux_tree, needs
from installers.environment import run
from installers.project import PACKAGING, BuildError, Project, architecture, source_date
from installers.releases import Release, read_releases

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CONTROL = PACKAGING / "linux" / "debian"


def make(frozen: Path, made: Path, dist: Path, project: Project) -> list[Path]:
    """Write the .deb into dist. Raises BuildError."""
    if shutil.which("dpkg-deb") is None:
        raise BuildError("The program dpkg-deb is missing: install the package dpkg.")
    tree = made / "deb"
    linux_tree.lay_out(frozen, made, tree, project)
    documents = tree / "usr/share/doc/chatdesk"
    log = changelog(project, read_releases(project.version))
    (documents / "changelog.gz").write_bytes(linux_tree.compressed(log))
    overrides = tree / "usr/share/lintian/overrides/chatdesk"
    overrides.parent.mkdir(parents=True)
    shutil.copyfile(_CONTROL / "lintian-overrides", overrides)
    linux_tree.settle(tree)
    _write_control(tree, project)
    name = f"{project.name}_{debian_version(project.version)}_{_architecture()}.deb"
    # xz is packed at its usual level unless DPKG_DEB_COMPRESSOR_LEVEL says another: a test's build
    # may be quick and large.
    run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(made / name)],
        "pack the .deb", dict(os.environ, SOURCE_DATE_EPOCH=str(source_date())),
    )  # fmt: skip
    shutil.rmtree(tree)
    # In its place only when it is whole.
    return [Path(shutil.move(made / name, dist / name))]


def debian_version(version: str) -> str:
    """A version of Python's counting in Debian's: what comes before a release sorts before it."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)


def control(project: Project, needed: needs.Needs, size: int) -> str:
    """The control file; size: what it takes installed, in KiB."""
    fields = {
        "Package": project.name,
        "Version": debian_version(project.version),
        "Architecture": _architecture(),
        "Maintainer": f"{project.author} <{project.email}>",
        "Installed-Size": str(size),
        "Depends": ", ".join(needs.debian_depends(needed)),
        "Recommends": ", ".join(needs.debian_recommends()),
        "Suggests": ", ".join(needs.debian_suggests()),
        "Section": "misc",
        "Priority": "optional",
        "Homepage": project.homepage,
        "Description": f"{project.summary}\n"
        + "\n".join(f" {line}" for line in textwrap.wrap(project.description, 76)),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def changelog(project: Project, releases: tuple[Release, ...]) -> str:
    """The releases as Debian's tools read them."""
    entries = []
    for release in releases:
        changes = [
            textwrap.fill(change, 78, initial_indent="  * ", subsequent_indent="    ")
            for change in release.changes or ("See the homepage.",)
        ]
        date = email.utils.format_datetime(release.moment)
        head = f"{project.name} ({debian_version(release.version)}) stable; urgency=medium"
        foot = f" -- {project.author} <{project.email}>  {date}"
        entries.append("\n\n".join([head, "\n".join(changes), foot]) + "\n")
    return "\n".join(entries)


def _write_control(tree: Path, project: Project) -> None:
    files = [path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink()]
    sums = "".join(f"{_md5(path)}  {path.relative_to(tree)}\n" for path in files)
    # As Policy counts: files by whole KiB, everything else as one each.
    others = sum(1 for path in tree.rglob("*") if path.is_symlink() or path.is_dir())
    size = sum((path.stat().st_size + 1023) // 1024 for path in files) + others
    folder = tree / "DEBIAN"
    folder.mkdir()
    needed = needs.read_needs(tree / linux_tree.LIBRARY)
    (folder / "control").write_text(control(project, needed, size), encoding="utf-8")
    (folder / "md5sums").write_text(sums, encoding="utf-8")
    shutil.copyfile(_CONTROL / "postrm", folder / "postrm")
    for path in (*folder.iterdir(), folder, tree):
        path.chmod(0o755 if path.is_dir() or path.name == "postrm" else 0o644)
        os.utime(path, (source_date(), source_date()))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _architecture() -> str:
    if architecture() not in _ARCHITECTURES:
        raise BuildError(f"There is no Debian package for {architecture()}.")
    return _ARCHITECTURES[architecture()]
