"""What the packages ask of the system: the libraries that the application is linked with.

Read from the application's own files, so that nothing is forgotten and nothing is asked for that
is not used: every library named by one of them (DT_NEEDED) that is not in the folder itself, and
the newest version of each library's symbols. A library that the tables here do not know stops the
build. Whether it is right is shown by a clean system in tests/installer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from installers.environment import run
from installers.project import BuildError

# The library's name and where Debian and Ubuntu have it. Two names where the change to 64-bit time
# renamed the package (Debian 13, Ubuntu 24.04), the new one first. No versions beside those below:
# every distribution whose glibc is new enough has all the others as new as they need to be. Only
# libraries whose name is the same everywhere are here: the RPM asks for them by it.
_DEBIAN = {
    "ld-linux-aarch64.so.1": "libc6",
    "ld-linux-x86-64.so.2": "libc6",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libbrotlicommon.so.1": "libbrotli1",
    "libbrotlidec.so.1": "libbrotli1",
    "libc.so.6": "libc6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdl.so.2": "libc6",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0t64 | libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libgthread-2.0.so.0": "libglib2.0-0t64 | libglib2.0-0",
    "libm.so.6": "libc6",
    "libpthread.so.0": "libc6",
    "libresolv.so.2": "libc6",
    "librt.so.1": "libc6",
    "libstdc++.so.6": "libstdc++6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb.so.1": "libxcb1",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}

# The GCC that brought a version of libstdc++'s symbols, by which Debian counts its package:
# https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html
_GCC_OF_GLIBCXX = {
    (3, 4, 28): "9.3",
    (3, 4, 29): "11",
    (3, 4, 30): "12",
    (3, 4, 31): "13.1",
    (3, 4, 32): "13.2",
    (3, 4, 33): "14",
    (3, 4, 34): "15",
}

# Beside the libraries: what Chatdesk reads or calls while it runs. Debian's name, RPM's.
# The keyboard does not work without it: the bundled libxkbcommon reads its files.
_KEYBOARD = ("xkb-data", "xkeyboard-config")
_RECOMMENDED = (
    # Talking to servers over TLS needs to know whom to trust; chatting offline does not.
    ("ca-certificates", "ca-certificates"),
    # Links are opened by xdg-open. Dark and light, and the desktop's own file dialog, come from
    # the portal.
    ("xdg-utils", "xdg-utils"),
    ("xdg-desktop-portal", "xdg-desktop-portal"),
    # Keys of providers are kept by a service that speaks org.freedesktop.secrets; without one
    # only a key for the running session can be given.
    ("gnome-keyring | kwalletmanager | keepassxc", ""),
    # Models write emoji; the fonts that every system has cannot show them.
    ("fonts-noto-color-emoji", "google-noto-color-emoji-fonts"),
)
_SUGGESTED = (("fonts-noto-cjk", "google-noto-sans-cjk-fonts"),)


@dataclass(frozen=True)
class Needs:
    """The libraries that the system must have: each one's newest needed symbols by family.

    {"libc.so.6": {"GLIBC": (2, 34)}, "libX11.so.6": {}}
    """

    libraries: dict[str, dict[str, tuple[int, ...]]]

    @property
    def glibc(self) -> tuple[int, ...]:
        """The oldest glibc that it runs on."""
        return self._newest("GLIBC")

    @property
    def glibcxx(self) -> tuple[int, ...]:
        """The oldest of libstdc++'s symbol versions that it runs on."""
        return self._newest("GLIBCXX")

    def _newest(self, family: str) -> tuple[int, ...]:
        return max((versions.get(family, ()) for versions in self.libraries.values()), default=())


def read_needs(folder: Path) -> Needs:
    """What the programs and libraries in a folder need that is not in it. Raises BuildError."""
    files = list(elf_files(folder))
    if not files:
        raise BuildError(f"There is no program in {folder.name}.")
    command = ["readelf", "--wide", "--dynamic", "--version-info", *map(str, files)]
    try:
        told = run(command, "read what the libraries need", {"LC_ALL": "C", "PATH": "/usr/bin"})
    except FileNotFoundError:
        raise BuildError("The program readelf is missing: install binutils.") from None
    there = {path.name for path in folder.rglob("*")}
    return Needs({name: v for name, v in sorted(parse(told).items()) if name not in there})


def parse(told: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """The libraries and symbol versions that readelf's output names."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    library = ""
    for line in told.splitlines():
        if match := re.search(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", line):
            found.setdefault(match[1], {})
        elif match := re.search(r"Version: 1\s+File: (\S+)\s+Cnt:", line):
            library = match[1]
        elif match := re.search(r"Name: ([A-Z]+)_([\d.]+)\s+Flags:", line):
            versions = found.setdefault(library, {})
            version = tuple(map(int, match[2].split(".")))
            versions[match[1]] = max(versions.get(match[1], ()), version)
    return found


def elf_files(folder: Path) -> Iterable[Path]:
    """The programs and libraries (ELF) in a folder, sorted."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def debian_depends(needs: Needs) -> list[str]:
    """The entries of a Debian package's Depends. Raises BuildError for an unknown library."""
    minimum = {"libc6": _text(needs.glibc), "libstdc++6": _gcc(needs.glibcxx)}
    packages = {_debian_package(library) for library in needs.libraries} | {_KEYBOARD[0]}
    return sorted(
        f"{package} (>= {minimum[package]})" if minimum.get(package) else package
        for package in packages
    )


def debian_recommends() -> list[str]:
    """The entries of Recommends."""
    return [debian for debian, _ in _RECOMMENDED]


def debian_suggests() -> list[str]:
    """The entries of Suggests."""
    return [debian for debian, _ in _SUGGESTED]


def rpm_requires(needs: Needs) -> list[str]:
    """The capabilities that an RPM package requires, as rpm itself would name them.

    These names are made from the libraries, so that they mean the same in every distribution.
    """
    found = {_KEYBOARD[1]}
    for library, families in needs.libraries.items():
        _debian_package(library)  # a library that is not known is looked at first
        if library.startswith("ld-linux"):
            continue  # every program has it
        found.add(f"{library}()(64bit)")
        for family, version in families.items():
            found.add(f"{library}({family}_{_text(version)})(64bit)")
    return sorted(found)


def rpm_recommends() -> list[str]:
    """What an RPM package recommends."""
    return [rpm for _, rpm in _RECOMMENDED if rpm]


def rpm_suggests() -> list[str]:
    """What an RPM package suggests."""
    return [rpm for _, rpm in _SUGGESTED]


def _debian_package(library: str) -> str:
    if library not in _DEBIAN:
        raise BuildError(
            f"The application needs {library}, which no package is known for: add it to "
            "packaging/installers/needs.py, or leave out what needs it (contents.py)."
        )
    return _DEBIAN[library]


def _gcc(glibcxx: tuple[int, ...]) -> str:
    known = [gcc for version, gcc in sorted(_GCC_OF_GLIBCXX.items()) if version >= glibcxx]
    if not known:
        raise BuildError(f"No GCC is known for GLIBCXX_{_text(glibcxx)}: add it to needs.py.")
    return known[0] if glibcxx else ""


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
