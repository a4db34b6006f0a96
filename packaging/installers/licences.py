"""The licences of everything in the installers: their texts, and a list that people can read.

Qt and PySide6 are used under the LGPL 3: their libraries are files of their own in the installed
folder and may be replaced by changed ones, which the list says. Shown by Help, About.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from installers.packages import Package, shipped
from installers.project import PACKAGING, read_project

_TEXTS = PACKAGING / "licences"
_NOTICE = """\
{title} {version} is published under the {licence} licence (MIT.txt).

It contains the works listed below, each under the licence named with it; the texts are in the
folder of that name.

Qt and PySide6 are used under the GNU Lesser General Public License, version 3
(LGPL-3.0.txt, and GPL-3.0.txt which it builds on). Their libraries are the separate files named
libQt6*, libpyside6* and libshiboken6* (Qt6*.dll, pyside6*.dll on Windows; frameworks in the
application on macOS) in the installed folder. You may replace them with versions that you changed,
and you may take the application apart as far as that needs. Their source code is published by The
Qt Company at https://download.qt.io/official_releases/QtForPython/ and
https://download.qt.io/official_releases/qt/.

The started program is PyInstaller's (GPL with an exception that allows it in any application).

"""
_LLAMA = "llama.cpp and ggml (inside llama-cpp-python): MIT, https://github.com/ggml-org/llama.cpp"


def collect(python: Path, folder: Path) -> None:
    """Write the licences of what python's environment ships into folder, anew. BuildError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = shipped(python)
    for package in packages:
        if package.name.lower() != "chatdesk":
            _texts_of(package, folder)
    for text in sorted(_TEXTS.glob("*.txt")):
        shutil.copyfile(text, folder / text.name)
    _python_licence(folder / "Python")
    (folder / "THIRD-PARTY.txt").write_text(notice(packages), encoding="utf-8")


def notice(packages: tuple[Package, ...]) -> str:
    """The list as one text: the notice, then a line for each work."""
    project = read_project()
    lines = [
        f"{package.name} {package.version}: {package.licence or 'see its folder'}"
        + (f", {package.page}" if package.page else "")
        for package in packages
        if package.name.lower() != "chatdesk"
    ]
    lines.append(_LLAMA)
    lines.append(f"Python {sys.version.split()[0]}: PSF-2.0, https://www.python.org")
    head = _NOTICE.format(title=project.title, version=project.version, licence=project.licence)
    return head + "\n".join(sorted(lines, key=str.casefold)) + "\n"


def _texts_of(package: Package, folder: Path) -> None:
    for text in package.texts:
        place = folder / package.name
        place.mkdir(exist_ok=True)
        # Two files of one name in sub-folders keep both, each with its folder's name before it.
        name = text.name if not (place / text.name).exists() else f"{text.parent.name}-{text.name}"
        shutil.copyfile(text, place / name)


def _python_licence(folder: Path) -> None:
    """Python's own licence, which tells also of what the interpreter contains (OpenSSL, libffi)."""
    library = Path(sysconfig.get_path("stdlib"))
    places = (
        library / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
        Path(f"/usr/share/doc/libpython{sys.version_info[0]}.{sys.version_info[1]}/copyright"),
        Path(f"/usr/share/doc/python{sys.version_info[0]}.{sys.version_info[1]}/copyright"),
    )
    for place in places:
        if place.is_file():
            folder.mkdir()
            shutil.copyfile(place, folder / "LICENSE.txt")
            return
