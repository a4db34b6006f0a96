"""What is in the frozen application and what is not, and why.

Rules on names, applied by chatdesk.spec to what PyInstaller found. Everything that is left out here
was looked at: either Chatdesk never loads it, or every desktop has its own, which must be the one
that is loaded (a second libstdc++ or fontconfig breaks the graphics driver or the fonts).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import PurePosixPath

# (name in the bundle, source, kind), as PyInstaller's tables of contents hold them.
Entry = tuple[str, str, str]

# Modules that something imports under a condition that never holds in Chatdesk.
EXCLUDED_MODULES = (
    *("tkinter", "test", "unittest", "pydoc", "doctest", "lib2to3", "ensurepip", "idlelib"),
    *("setuptools", "pkg_resources", "pip", "wheel", "_distutils_hack"),
    # Packers that Python does without; the name of Debian's bz2 is one that no other system knows.
    *("bz2", "_bz2", "lzma", "_lzma", "_uuid"),
    *("hf_xet", "fsspec"),  # downloads from a hub, which Chatdesk makes none of
    *("numpy.f2py", "numpy.distutils", "numpy.testing", "numpy.random", "numpy.fft"),
    *("numpy.polynomial", "numpy.ma", "numpy.conftest"),
    *("llama_cpp.server", "llama_cpp.llava_cpp", "llama_cpp.mtmd_cpp"),
    "gguf.scripts",
    *("openai.cli", "openai.helpers", "openai.voice_helpers"),
    *("huggingface_hub.cli", "huggingface_hub.commands"),
    *("IPython", "jupyter", "matplotlib", "pandas", "PIL", "torch", "tensorflow", "trio", "curio"),
    *("PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtOpenGL", "PySide6.QtTest", "PySide6.QtXml"),
    *("PySide6.QtPrintSupport", "PySide6.QtSql", "PySide6.QtConcurrent", "PySide6.scripts"),
)

# What is found by name while it runs, so that no analysis of imports sees it.
HIDDEN_PACKAGES = ("chatdesk", "keyring.backends", "pygments.lexers", "pygments.styles")
METADATA = (
    *("chatdesk", "keyring", "PySide6-Essentials", "llama-cpp-python", "openai"),
    *("huggingface_hub", "apsw-sqlite3mc", "pydantic", "httpx2", "httpcore2"),
)

# The distributions' names in the bundle that are data we do not read.
_DATA = (
    "*/include/*",
    "*/lib/cmake/*",
    "*/lib/pkgconfig/*",
    "PySide6/Qt/translations/*",  # Chatdesk speaks English; Qt's own words are few
    "PySide6/Qt/qml/*",
    "PySide6/Qt/resources/*",
    *("PySide6/translations/*", "PySide6/qml/*", "PySide6/resources/*"),  # the same on Windows
    "*.pyi",
    "*/py.typed",
    "certifi/*",  # the system's certificates are asked (truststore)
)

# Qt's plug-ins: those that a desktop window with PNG, JPEG and SVG pictures needs. gtk3's theme
# brings GTK; the portal's asks for the same dialogs without it.
_PLUGINS = (
    "generic/*",
    "egldeviceintegrations/*",
    "imageformats/*qgif*",
    "imageformats/*qicns*",
    "imageformats/*qtga*",
    "imageformats/*qtiff*",
    "imageformats/*qwbmp*",
    "imageformats/*qwebp*",
    "imageformats/*qpdf*",
    "networkinformation/*",
    "platforms/*qeglfs*",
    "platforms/*qlinuxfb*",
    "platforms/*qminimal*",
    "platforms/*qvkkhrdisplay*",
    "platforms/*qvnc*",
    "platforms/*qdirect2d*",
    "platformthemes/*qgtk3*",
    "printsupport/*",
    "qmltooling/*",
    "sqldrivers/*",
    "tls/*",  # QtNetwork is only the local socket of the single instance
    "wayland-graphics-integration-client/*",  # Chatdesk draws without OpenGL
    "wayland-shell-integration/*fullscreen*",
    "wayland-shell-integration/*ivi*",
    "wayland-shell-integration/*libqt-shell*",
)

# Libraries of the system that PyInstaller would carry along: every desktop has them, and the ones
# there belong together with its graphics driver, fonts and services. File names without version.
SYSTEM_LIBRARIES = (
    *("libc", "libm", "libdl", "libpthread", "librt", "ld-linux-x86-64", "ld-linux-aarch64"),
    *("libstdc++", "libgcc_s"),
    *("libGL", "libEGL", "libGLX", "libGLdispatch", "libOpenGL", "libdrm", "libgbm", "libvulkan"),
    *("libX11", "libX11-xcb", "libxcb", "libXau", "libXdmcp", "libbsd", "libmd"),
    *("libfontconfig", "libfreetype", "libexpat", "libuuid", "libpng16", "libbrotlicommon"),
    *("libbrotlidec", "libbz2", "libz"),
    *("libglib-2.0", "libgthread-2.0", "libgio-2.0", "libgobject-2.0", "libgmodule-2.0"),
    *("libpcre2-8", "libmount", "libblkid", "libselinux"),
    *("libdbus-1", "libsystemd", "libcap", "liblz4", "liblzma", "libzstd", "libgcrypt"),
    *("libgpg-error", "libgssapi_krb5", "libkrb5", "libk5crypto", "libkrb5support"),
    *("libkeyutils", "libcom_err", "libresolv", "libwayland-client", "libwayland-cursor"),
    "libwayland-egl",
)

# Libraries that nothing in the bundle uses once the plug-ins above are gone.
_UNUSED_LIBRARIES = (
    *("libQt6EglFS*", "libQt6EglFs*", "libQt6OpenGL*", "libQt6Qml*", "libQt6Quick*"),
    *("libQt6VirtualKeyboard*", "libQt6Pdf*", "libQt6Sql*", "libQt6Test*", "libQt6Xml*"),
    *("Qt6OpenGL*.dll", "Qt6Qml*.dll", "Qt6Quick*.dll", "Qt6VirtualKeyboard*.dll"),
    *("Qt6Pdf*.dll", "Qt6Sql.dll", "Qt6Test.dll", "Qt6Xml.dll"),
    # On Windows: OpenGL in software (20 MB) and Direct3D's compiler. Chatdesk's windows are drawn
    # without either.
    *("opengl32sw.dll", "d3dcompiler_*.dll"),
    *("libllama-common*", "libmtmd*"),
    *("libgtk-3*", "libgdk*", "libatk*", "libatspi*", "libcairo*", "libpango*", "libepoxy*"),
    *("libharfbuzz*", "libgraphite2*", "libfribidi*", "libthai*", "libdatrie*", "libpixman*"),
    *("libXcomposite*", "libXcursor*", "libXdamage*", "libXext*", "libXfixes*", "libXi.*"),
    *("libXinerama*", "libXrandr*", "libXrender*", "libjpeg*"),
)


def keep(entry: Entry) -> bool:
    """Whether a table's entry goes into the bundle."""
    name = PurePosixPath(entry[0].replace("\\", "/"))
    text = str(name)
    if any(fnmatch.fnmatch(text, pattern) for pattern in _DATA):
        return False
    if "plugins" in name.parts:
        below = "/".join(name.parts[name.parts.index("plugins") + 1 :])
        return not any(fnmatch.fnmatch(below, pattern) for pattern in _PLUGINS)
    if entry[2] in ("BINARY", "SYMLINK", "EXTENSION"):
        return not (is_system_library(name.name) or is_unused(name.name))
    return True


def is_unused(file: str) -> bool:
    """Whether a library's file is one that only what we leave out would load."""
    return any(fnmatch.fnmatch(file, pattern) for pattern in _UNUSED_LIBRARIES)


def is_system_library(file: str) -> bool:
    """Whether a library's file is one that the computer must have itself."""
    stem, so, _ = file.partition(".so")
    return bool(so) and stem in SYSTEM_LIBRARIES


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that go into the bundle, in the order of their names: the same every time."""
    return sorted({entry[0]: entry for entry in entries if keep(entry)}.values())
