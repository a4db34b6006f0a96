"""The releases as CHANGELOG.md tells them (Keep a Changelog), for the packages' own records."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from installers.project import ROOT, BuildError, source_date

_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?:\s*-\s*(?P<date>\d{4}-\d\d-\d\d))?\s*$")


@dataclass(frozen=True)
class Release:
    """A version, its day, and what changed, each change as one line of plain text."""

    version: str
    day: datetime.date
    changes: tuple[str, ...]

    @property
    def moment(self) -> datetime.datetime:
        """The day's noon, for records that ask for a time."""
        return datetime.datetime.combine(self.day, datetime.time(12), datetime.UTC)


def read_releases(version: str, changelog: Path = ROOT / "CHANGELOG.md") -> tuple[Release, ...]:
    """The releases up to this version, newest first.

    While the version has no section of its own it is the one being made: [Unreleased] with the
    source's date. Raises BuildError where the file tells nothing of it.
    """
    found = _sections(changelog.read_text(encoding="utf-8"))
    unreleased = found.pop("Unreleased", None)
    if version not in found:
        if unreleased is None:
            raise BuildError(f"{changelog.name} says nothing about version {version}.")
        found = {version: unreleased, **found}
    return tuple(Release(name, day, changes) for name, (day, changes) in found.items())


def _sections(text: str) -> dict[str, tuple[datetime.date, tuple[str, ...]]]:
    today = datetime.datetime.fromtimestamp(source_date(), datetime.UTC).date()
    found: dict[str, tuple[datetime.date, tuple[str, ...]]] = {}
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        match = _HEADING.match(heading)
        if match is None:
            raise BuildError(f"This heading of the changelog is not understood: {heading}")
        day = datetime.date.fromisoformat(match["date"]) if match["date"] else today
        found[match["version"]] = (day, _changes(body))
    return found


def _changes(body: str) -> tuple[str, ...]:
    items = re.split(r"^- ", body, flags=re.MULTILINE)[1:]
    # An item ends at an empty line: a heading of the next group may follow.
    return tuple(_plain(item.partition("\n\n")[0]) for item in items)


def _plain(markdown: str) -> str:
    """Markdown's marks of code, stress and links taken out, on one line."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(markdown.split()))
    return re.sub(r"[`*]", "", text)
