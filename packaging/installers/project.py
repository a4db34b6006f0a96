"""What the installers say about Chatdesk, all of it from pyproject.toml."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
RESOURCES = ROOT / "resources"


class BuildError(Exception):
    """An installer cannot be built. The text says what happened and what to do."""


@dataclass(frozen=True)
class Project:
    """The project's own words. version is a released one ("0.1.0") or carries a suffix."""

    name: str
    version: str
    summary: str
    description: str
    licence: str
    author: str
    email: str
    homepage: str
    releases: str
    issues: str

    @property
    def title(self) -> str:
        """The name as people read it."""
        return self.name.capitalize()

    @property
    def application_id(self) -> str:
        """The id in AppStream and on macOS: the homepage's host in reverse, then the title."""
        host = urlsplit(self.homepage).hostname or ""
        return ".".join([*reversed(host.split(".")), self.title])


def read_project(pyproject: Path = ROOT / "pyproject.toml") -> Project:
    """The project as pyproject.toml tells it. Raises BuildError where something is not told."""
    with pyproject.open("rb") as file:
        document = tomllib.load(file)
    try:
        project = document["project"]
        urls = project["urls"]
        author = project["authors"][0]
        return Project(
            name=project["name"],
            version=project["version"],
            summary=project["description"],
            description=" ".join(document["tool"]["chatdesk"]["description"].split()),
            licence=project["license"],
            author=author["name"],
            email=author["email"],
            homepage=urls["Homepage"],
            releases=urls["Releases"],
            issues=urls["Issues"],
        )
    except (KeyError, IndexError) as error:
        raise BuildError(f"pyproject.toml does not tell {error}, which installers need.") from None


def architecture() -> str:
    """This machine's architecture by Python's name for it: "x86_64", "aarch64"."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def system() -> str:
    """ "linux", "windows" or "macos"; BuildError for another one."""
    names = {"linux": "linux", "win32": "windows", "darwin": "macos"}
    if sys.platform not in names:
        raise BuildError(f"There is no installer for this system ({sys.platform}).")
    return names[sys.platform]


def source_date() -> int:
    """The time that everything built is dated with, in seconds since 1970.

    SOURCE_DATE_EPOCH (reproducible-builds.org's convention) or the time of the last commit, so that
    the same commit gives the same bytes; a source folder without git is dated 1980, the first year
    that every archive format can say.
    """
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    answer = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return int(answer.stdout) if answer.returncode == 0 and answer.stdout.strip() else 315532800
