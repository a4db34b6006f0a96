"""Qt's plug-ins that Chatdesk needs: which, and whether they can be loaded here.

They are found by name while the program runs, so that one which a package lacks, or whose system
libraries this computer lacks, is missed only where it is needed: as a window that does not open, or
as pictures that are not there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QLibraryInfo, QPluginLoader
from PySide6.QtGui import QImageReader
from PySide6.QtSvg import QSvgRenderer

FORMATS = ("png", "jpeg", "svg", "ico")
_EVERYWHERE = ("imageformats/qjpeg", "imageformats/qsvg", "imageformats/qico")
_OF_SYSTEM = {
    "win32": ("platforms/qwindows",),
    "darwin": ("platforms/qcocoa",),
    "linux": (
        *("platforms/qxcb", "platforms/qwayland", "platforms/qoffscreen"),
        *("platformthemes/qxdgdesktopportal", "wayland-shell-integration/xdg-shell"),
        *("iconengines/qsvgicon", "platforminputcontexts/ibusplatforminputcontextplugin"),
    ),
}


def load_all() -> str:
    """Load every plug-in once; what was loaded, in words. Raises RuntimeError for the first bad."""
    folder = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath))
    names = (*_EVERYWHERE, *_OF_SYSTEM.get(sys.platform, ()))
    for name in names:
        found = sorted(folder.glob(f"{Path(name).parent}/*{Path(name).name}.*"))
        # A debug build's name ends in "d", and none is shipped.
        if not found:
            raise RuntimeError(f"{name} is missing")
        loader = QPluginLoader(str(found[0]))
        if not loader.load():
            raise RuntimeError(f"{name}: {loader.errorString()}")
    known = {bytes(each.data()).decode() for each in QImageReader.supportedImageFormats()}
    if missing := [each for each in FORMATS if each not in known]:
        raise RuntimeError(f"no pictures of these kinds: {', '.join(missing)}")
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
    if not QSvgRenderer(QByteArray(drawing)).isValid():
        raise RuntimeError("SVG pictures cannot be drawn")
    return f"{len(names)} plug-ins"
