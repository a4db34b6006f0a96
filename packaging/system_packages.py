"""Which packages of the system Chatdesk needs, and how they get there.

A library counts as present when it can be loaded, a program when it is on the path: so the answer
is right on every distribution, and only the package names are Debian's. Packages are installed only
where that needs no password; otherwise the one command to run is told.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class SetupError(Exception):
    """Setup cannot go on. The text says what happened and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def captured(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command without input; standard error is in its stdout. Never raises for a failure."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Need:
    """Something of the system: whether it is there, and the Debian package that brings it."""

    package: str
    what: str
    present: Callable[[], bool]


def _library(package: str, soname: str) -> Need:
    def present() -> bool:
        try:
            ctypes.CDLL(soname)
        except OSError:
            return False
        return True

    return Need(package, soname, present)


def _program(package: str, *names: str) -> Need:
    return Need(package, names[0], lambda: any(shutil.which(name) for name in names))


def _file(package: str, what: str, *patterns: str) -> Need:
    return Need(package, what, lambda: any(any(Path("/").glob(p.lstrip("/"))) for p in patterns))


def _headers() -> Need:
    header = Path(sysconfig.get_path("include")) / "Python.h"
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
    return Need(package, "Python's headers and its library", header.is_file)


def _compiler() -> Need:
    names = tuple(filter(None, (os.environ.get("CXX", "").split(" ")[0], "c++", "g++", "clang++")))
    return Need("g++", "a C++ compiler", lambda: any(shutil.which(name) for name in names))


def _venv_module() -> Need:
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    return Need(
        package,
        "Python's venv and ensurepip modules",
        lambda: all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    )


# What setup itself cannot do without.
BUILD_NEEDS = (_compiler(), _venv_module())

# What Qt's own libraries and its X11 plugin are linked with.
WINDOW_NEEDS = (
    _library("libegl1", "libEGL.so.1"),
    _library("libgl1", "libGL.so.1"),
    _library("libopengl0", "libOpenGL.so.0"),
    _library("libglib2.0-0", "libgthread-2.0.so.0"),
    _library("libdbus-1-3", "libdbus-1.so.3"),
    _library("libfontconfig1", "libfontconfig.so.1"),
    _library("libfreetype6", "libfreetype.so.6"),
    _library("libgssapi-krb5-2", "libgssapi_krb5.so.2"),
    _library("libzstd1", "libzstd.so.1"),
    _library("libgomp1", "libgomp.so.1"),
    _library("libx11-6", "libX11.so.6"),
    _library("libx11-xcb1", "libX11-xcb.so.1"),
    _library("libxkbcommon0", "libxkbcommon.so.0"),
    _library("libxkbcommon-x11-0", "libxkbcommon-x11.so.0"),
    _library("libxcb-cursor0", "libxcb-cursor.so.0"),
    _library("libxcb-glx0", "libxcb-glx.so.0"),
    _library("libxcb-icccm4", "libxcb-icccm.so.4"),
    _library("libxcb-image0", "libxcb-image.so.0"),
    _library("libxcb-keysyms1", "libxcb-keysyms.so.1"),
    _library("libxcb-randr0", "libxcb-randr.so.0"),
    _library("libxcb-render0", "libxcb-render.so.0"),
    _library("libxcb-render-util0", "libxcb-render-util.so.0"),
    _library("libxcb-shape0", "libxcb-shape.so.0"),
    _library("libxcb-shm0", "libxcb-shm.so.0"),
    _library("libxcb-sync1", "libxcb-sync.so.1"),
    _library("libxcb-xfixes0", "libxcb-xfixes.so.0"),
    _library("libxcb-xkb1", "libxcb-xkb.so.1"),
    _file(
        "fonts-dejavu-core",
        "a font",
        "/usr/share/fonts/**/*.ttf",
        "/usr/share/fonts/**/*.otf",
        "/usr/local/share/fonts/**/*.[ot]tf",
    ),
)

# What the tests in a real window use: a display, a window manager, hands, eyes and a screen reader;
# a real keyring, with a tool of its own to look into it; and a real NATS server.
TEST_NEEDS = (
    _program("xvfb", "Xvfb"),
    _program("xauth", "xauth"),
    _program("openbox", "openbox"),
    _program("xdotool", "xdotool"),
    _program("xclip", "xclip"),
    _program("x11-utils", "xprop"),
    _program("imagemagick", "import"),
    _program("dbus", "dbus-run-session"),
    _program("gnome-keyring", "gnome-keyring-daemon"),
    _program("libsecret-tools", "secret-tool"),
    _program("nats-server", "nats-server"),
    _file("at-spi2-core", "the accessibility bus", "/usr/libexec/at-spi-bus-launcher"),
    _file(
        "gir1.2-atspi-2.0", "Atspi's introspection", "/usr/lib/*/girepository-1.0/Atspi-2.0.typelib"
    ),
    _file("python3-gi", "PyGObject", "/usr/lib/python3/dist-packages/gi/__init__.py"),
    _file("fonts-dejavu-core", "a Latin font", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    _file("fonts-noto-cjk", "a CJK font", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
)

# What `make installer-test` uses beyond that: what the installers are made with, clean systems to
# install them in, the checkers of those who pack for a system, and a Windows.
INSTALLER_NEEDS = (
    _headers(),
    _program("binutils", "readelf"),
    _program("rpm", "rpmbuild"),
    _program("squashfs-tools", "mksquashfs"),
    _program("xz-utils", "xz"),
    _file("libzstd-dev", "zstd's static library", "/usr/lib/*/libzstd.a", "/usr/lib*/libzstd.a"),
    _program("gcc", "gcc"),
    _program("debootstrap", "debootstrap"),
    _file(
        "debian-archive-keyring",
        "the keys of Debian's archive",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    ),
    _program("desktop-file-utils", "desktop-file-validate"),
    _program("appstream", "appstreamcli"),
    _program("shared-mime-info", "update-mime-database"),
    _program("lintian", "lintian"),
    _program("rpmlint", "rpmlint"),
    _program("man-db", "man"),
    _program("shellcheck", "shellcheck"),
    _program("nsis", "makensis"),
    _program("wine", "wine"),
    _file("wine64", "wine for 64 bits", "/usr/lib/wine/wine64", "/usr/lib*/wine/x86_64-unix/wine"),
    _program("gcc-mingw-w64-x86-64-win32", "x86_64-w64-mingw32-gcc"),
)


def has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def system_packages(tests: bool, installers: bool = False) -> None:
    """Install the system packages that are missing, or say which.

    tests: with those of the tests. installers: also with those for building and trying installers.
    Raises SetupError where something needed is missing and cannot be installed. Without a display
    the window's libraries are not needed: Chatdesk runs in the terminal then.
    """
    if not sys.platform.startswith("linux"):
        return
    needed = [need for need in BUILD_NEEDS if not need.present()]
    wanted = [need for need in WINDOW_NEEDS if not need.present()]
    if tests:
        more = (*TEST_NEEDS, *(INSTALLER_NEEDS if installers else ()))
        needed += wanted + [need for need in more if not need.present()]
    elif has_display():
        needed += wanted
    missing = list(dict.fromkeys(need.package for need in [*needed, *([] if tests else wanted)]))
    if not missing:
        return
    if shutil.which("apt-get") is None:
        if needed:
            things = ", ".join(sorted({need.what for need in needed}))
            raise SetupError(
                f"Missing on this system: {things}.\n"
                "Install the packages of your distribution that have them, then run this again."
            )
        return
    manual = f"sudo apt-get install -y --no-install-recommends {' '.join(missing)}"
    prefix = _root_prefix()
    if prefix is None:
        if needed:
            raise SetupError(
                "Some system packages are missing and installing them needs a password.\n"
                f"Run this one command, then run this again:\n\n    {manual}\n"
            )
        say(f"For the window (not needed in the terminal) run: {manual}")
        return
    _apt_install(prefix, missing, manual)
    # importlib remembers the folders it looked into; a module just installed is found after this.
    importlib.invalidate_caches()


def _root_prefix() -> list[str] | None:
    """What to put before apt-get: nothing for root, sudo where it asks for no password."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def _apt_install(prefix: list[str], packages: list[str], manual: str) -> None:
    say(f"Installing system packages: {' '.join(packages)}")
    environment = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-q",
        "-o",
        "DPkg::Lock::Timeout=120",
    ]
    install = [*prefix, *environment, "install", "-y", "--no-install-recommends", *packages]
    has_lists = any(Path("/var/lib/apt/lists").glob("*_Packages*"))
    if has_lists and captured(install).returncode == 0:
        return
    # No package lists yet, or lists so old that a package is gone from the server.
    update = captured([*prefix, *environment, "update"])
    second = captured(install)
    if second.returncode != 0:
        output = "\n".join((update.stdout + second.stdout).strip().splitlines()[-15:])
        raise SetupError(
            f"{output}\n\nThe system packages could not be installed (the last lines are above).\n"
            f"Check the network, or run this yourself, then run this again:\n\n    {manual}\n"
        )
