"""The RPM package, for every distribution of RPM packages whose glibc is new enough.

Made by rpmbuild from the laid-out tree. rpmbuild's own ideas about the files (stripping, build ids,
finding out dependencies) are off: the files are final, and what they need is told by needs.py. The
same commit gives the same bytes.
"""

from __future__ import annotations

import datetime
import os
import shutil
import textwrap
from pathlib import Path

from installers import linux_tree, needs
from installers.deb import debian_version
from installers.environment import run
from installers.project import BuildError, Project, architecture, source_date
from installers.releases import Release, read_releases

_RELEASE = "1"
_SETTINGS = {
    "debug_package": "%{nil}",
    "__os_install_post": "%{nil}",
    "_build_id_links": "none",
    "_buildhost": "localhost",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    # Always by two threads: by one, the same bytes would be packed in another way.
    "_binary_payload": "w6T2.xzdio",
}
# Said when the last one goes, not when a newer one takes its place.
_GOODBYE = """\
if [ "$1" = 0 ]; then
    echo "Conversations, settings and models stay in each person's ~/.local/share/Chatdesk;"
    echo "delete that folder to remove them."
fi
"""


def make(frozen: Path, made: Path, dist: Path, project: Project) -> list[Path]:
    """Write the .rpm into dist. Raises BuildError."""
    if shutil.which("rpmbuild") is None:
        raise BuildError("The program rpmbuild is missing: install the package rpm or rpm-build.")
    work = made / "rpm"
    shutil.rmtree(work, ignore_errors=True)
    tree = work / "tree"
    linux_tree.lay_out(frozen, made, tree, project)
    needed = needs.read_needs(tree / linux_tree.LIBRARY)
    recipe = work / f"{project.name}.spec"
    recipe.write_text(
        spec(project, needed, file_list(tree), read_releases(project.version), tree),
        encoding="utf-8",
    )
    settings = _SETTINGS | {"_topdir": str(work), "_rpmdir": str(work / "made")}
    run(
        ["rpmbuild", "-bb", "--quiet", "--target", architecture(),
         *(f"--define={name} {value}" for name, value in settings.items()), str(recipe)],
        "pack the .rpm", dict(os.environ, SOURCE_DATE_EPOCH=str(source_date())),
    )  # fmt: skip
    built = sorted((work / "made").rglob("*.rpm"))
    if len(built) != 1:
        raise BuildError("rpmbuild made no package.")
    file = dist / built[0].name
    shutil.move(built[0], file)
    shutil.rmtree(work)
    return [file]


def spec(
    project: Project,
    needed: needs.Needs,
    files: list[str],
    releases: tuple[Release, ...],
    tree: Path,
) -> str:
    """The recipe: it moves the finished tree to where rpmbuild packs."""
    tags = [
        ("Name", project.name),
        # A tilde sorts what comes before a release before it, as in Debian.
        ("Version", debian_version(project.version)),
        ("Release", _RELEASE),
        ("Summary", project.summary),
        # What is inside under other licences is told in its files.
        ("License", f"{project.licence} AND LGPL-3.0-only AND Apache-2.0 AND PSF-2.0"),
        ("URL", project.homepage),
        ("Vendor", project.author),
        ("Packager", f"{project.author} <{project.email}>"),
        ("Group", "Applications/Productivity"),
        ("AutoReqProv", "no"),
        *(("Requires", name) for name in needs.rpm_requires(needed)),
        *(("Recommends", name) for name in needs.rpm_recommends()),
        *(("Suggests", name) for name in needs.rpm_suggests()),
    ]
    parts = [
        "\n".join(f"{name}: {_escaped(value)}" for name, value in tags),
        "%description\n" + _escaped("\n".join(textwrap.wrap(project.description, 78))),
        f"%install\nmkdir -p %{{buildroot}}\nmv {tree}/usr %{{buildroot}}/usr",
        "%postun\n" + _escaped(_GOODBYE.rstrip()),
        "%files\n%defattr(-,root,root,-)\n" + "\n".join(files),
        "%changelog\n" + "\n\n".join(_entry(project, release) for release in releases),
    ]
    return "\n\n".join(parts) + "\n"


def file_list(tree: Path) -> list[str]:
    """The lines of %files: the application's folders as a whole, the rest file by file.

    Folders that other packages have too (of icons, of menu entries) are not this package's.
    """
    own = (linux_tree.LIBRARY, "usr/share/doc/chatdesk")
    lines = [f"/{folder}" for folder in own]
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree))
        if (path.is_file() or path.is_symlink()) and not name.startswith(
            tuple(f"{folder}/" for folder in own)
        ):
            mark = "%doc " if name.startswith("usr/share/man/") else ""
            lines.append(f"{mark}/{name}")
    return lines


def _entry(project: Project, release: Release) -> str:
    day = datetime.date.strftime(release.day, "%a %b %d %Y")
    version = f"{debian_version(release.version)}-{_RELEASE}"
    changes = "\n".join(
        textwrap.fill(change, 78, initial_indent="- ", subsequent_indent="  ")
        for change in release.changes or ("See the homepage.",)
    )
    return f"* {day} {project.author} <{project.email}> - {version}\n{_escaped(changes)}"


def _escaped(text: str) -> str:
    """Text without anything that rpmbuild would take for a macro."""
    return text.replace("%", "%%")
