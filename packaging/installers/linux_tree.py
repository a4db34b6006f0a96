"""The files of an installed Chatdesk on Linux, laid out once for every kind of package.

    /usr/lib/chatdesk                     the frozen application
    /usr/bin/chatdesk                     a link to its program
    /usr/share/{applications,icons,man,metainfo,mime,doc}

What is written here comes from pyproject.toml, CHANGELOG.md, the bill of materials inside the
application and the templates in packaging/linux.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import string
from pathlib import Path
from xml.sax.saxutils import escape

from installers import icons, notices
from installers.environment import venv_python
from installers.project import PACKAGING, ROOT, Project, source_date
from installers.releases import Release, read_releases

LIBRARY = "usr/lib/chatdesk"
_TEMPLATES = PACKAGING / "linux"
# What the metainfo shows, in this order: a file of docs/images and what is said of it.
_SCREENSHOTS = (
    ("window-light.png", "A conversation, with coloured code"),
    ("window-dark.png", "The same in the dark"),
    ("welcome.png", "The first start: the model is there already"),
    ("settings.png", "The settings"),
)


def lay_out(frozen: Path, made: Path, tree: Path, project: Project) -> None:
    """Fill tree, anew, with everything that is installed. Raises BuildError.

    frozen: the application; made: the build's folder, whose environment draws the icons.
    """
    shutil.rmtree(tree, ignore_errors=True)
    place_application(frozen, tree / LIBRARY)
    program = tree / "usr/bin/chatdesk"
    program.parent.mkdir(parents=True)
    program.symlink_to("../lib/chatdesk/chatdesk")
    share = tree / "usr/share"
    write_integration(share, venv_python(made / "venv"), project)
    releases = read_releases(project.version)
    _write(share / f"metainfo/{project.application_id}.metainfo.xml", metainfo(project, releases))
    manual = share / "man/man1/chatdesk.1.gz"
    manual.parent.mkdir(parents=True)
    manual.write_bytes(compressed(man_page(project, releases[0])))
    _write(share / "doc/chatdesk/copyright", notices.copyright_file(frozen, project))
    settle(tree)


def place_application(frozen: Path, place: Path) -> None:
    """Copy the frozen application to its place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(frozen, place, symlinks=True)


def write_integration(share: Path, python: Path, project: Project) -> None:
    """Write what makes desktops know the application: menu entry, icons, file type.

    share: the folder that /usr/share or ~/.local/share is. python: one that has PySide6.
    """
    _write(share / "applications/chatdesk.desktop", desktop_entry(project))
    _write(share / "mime/packages/chatdesk.xml", _template("mime.xml").template)
    theme = share / "icons/hicolor"
    for size, data in icons.make_pngs(python).items():
        file = theme / f"{size}x{size}/apps/chatdesk.png"
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
    _write(theme / "scalable/apps/chatdesk.svg", icons.SVG.read_text(encoding="utf-8"))


def settle(tree: Path) -> None:
    """Give everything the source's date and plain modes: programs and folders 755, others 644."""
    date = source_date()
    for path in [tree, *tree.rglob("*")]:
        if path.is_symlink():
            os.utime(path, (date, date), follow_symlinks=False)
            continue
        if path.is_dir() or path in (tree / LIBRARY / "chatdesk", tree / "chatdesk"):
            path.chmod(0o755)
        else:
            # Debian's and Fedora's libraries are not executable: only programs are.
            path.chmod(0o755 if path.suffix == ".sh" else 0o644)
        os.utime(path, (date, date))


def desktop_entry(project: Project) -> str:
    """The menu's entry; "Open with" hands its files to the window there is (single instance)."""
    return _template("chatdesk.desktop").substitute(title=project.title, summary=project.summary)


def metainfo(project: Project, releases: tuple[Release, ...]) -> str:
    """AppStream's description of the application, for software centres."""
    words = {
        "application_id": project.application_id,
        "developer_id": project.application_id.rpartition(".")[0],
        "title": project.title,
        "summary": project.summary,
        "description": project.description,
        "licence": project.licence,
        "author": project.author,
        "homepage": project.homepage,
        "issues": project.issues,
    }
    return _template("metainfo.xml").substitute(
        {name: escape(text) for name, text in words.items()},
        screenshots="\n".join(_screenshots(project)),
        releases="\n".join(_release(release) for release in releases),
    )


def man_page(project: Project, release: Release) -> str:
    """chatdesk(1); the commands are those of the command line, by their names there."""
    return _template("chatdesk.1").substitute(
        date=release.day.isoformat(),
        title=project.title,
        version=project.version,
        # A page's name line begins small unless with a name.
        whatis=_roff(project.summary[0].lower() + project.summary[1:]),
        description=_roff(project.description),
        commands="\n".join(
            f".TP\n.B {name}\n{_roff(said)}" for name, said in command_line().items()
        ),
        issues=_roff(project.issues),
        homepage=_roff(project.homepage),
    )


def command_line(folder: Path = ROOT / "chatdesk" / "cli") -> dict[str, str]:
    """The commands and the first sentence that each says of itself, read from their sources.

    Read and not asked for: the program may be for another system than the one that builds.
    """
    table = (folder / "root.py").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for name, module, function in re.findall(
        r'^ +"(\w+)": \("chatdesk\.cli\.(\w+)", "(\w+)"\)', table, re.MULTILINE
    ):
        source = (folder / f"{module}.py").read_text(encoding="utf-8")
        match = re.search(
            rf'^def {function}\(.*?"""(.+?)(?:\n\n|""")', source, re.MULTILINE | re.DOTALL
        )
        found[name] = " ".join(match[1].split()) if match else ""
    return found


def compressed(text: str) -> bytes:
    """Text as gzip has it with -9n: no name and no time in it."""
    return gzip.compress(text.encode(), 9, mtime=0)


def _screenshots(project: Project) -> list[str]:
    lines = []
    for at, (name, said) in enumerate(_SCREENSHOTS):
        width, height = _png_size(ROOT / "docs" / "images" / name)
        kind = ' type="default"' if at == 0 else ""
        lines += [
            f"    <screenshot{kind}>",
            f"      <caption>{escape(said)}</caption>",
            f'      <image type="source" width="{width}" height="{height}">'
            f"{escape(project.homepage)}/images/{name}</image>",
            "    </screenshot>",
        ]
    return lines


def _release(release: Release) -> str:
    items = "\n".join(f"          <li>{escape(change)}</li>" for change in release.changes)
    described = (
        f"      <description>\n        <ul>\n{items}\n        </ul>\n      </description>\n"
        if items
        else ""
    )
    head = f'    <release version="{release.version}" date="{release.day.isoformat()}">\n'
    return f"{head}{described}    </release>"


def _png_size(file: Path) -> tuple[int, int]:
    head = file.read_bytes()[:24]
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _roff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _template(name: str) -> string.Template:
    return string.Template((_TEMPLATES / name).read_text(encoding="utf-8"))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
