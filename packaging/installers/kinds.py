"""Which installers each system has, and who makes them.

A maker gets the frozen application, a folder for what it makes on the way, the folder for the
result and the project; it returns the files it made, and raises BuildError.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from installers.project import Project

Maker = Callable[[Path, Path, Path, Project], Sequence[Path]]

# Kind to the module here that makes it, in the order in which they are made.
_MAKERS: Mapping[str, tuple[str, ...]] = {
    "linux": ("deb", "rpm", "tar", "appimage"),
    "windows": ("nsis", "portable"),
    "macos": ("dmg",),
}


def for_system(system: str) -> Mapping[str, Maker]:
    """The makers of a system ("linux", "windows", "macos") by kind."""
    made: dict[str, Maker] = {}
    for kind in _MAKERS[system]:
        made[kind] = importlib.import_module(f"installers.{kind}").make
    return made
