"""The steps of a release that are no building: what .github/workflows/release.yml calls.

python packaging/release.py check v0.1.0      is this tag the version that would be built?
python packaging/release.py bill              put the bill of materials beside the installers
python packaging/release.py notes FILE        write what changed, from CHANGELOG.md
python packaging/release.py sums FOLDER       write SHA256SUMS of what is in a folder
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from installers.checksums import write_checksums
from installers.freeze import MADE
from installers.project import ROOT, BuildError, Project, architecture, read_project, system
from installers.releases import read_releases

DIST = ROOT / "dist"


def check(tag: str, project: Project) -> None:
    """Raise BuildError unless a tag names the project's version and the changelog knows it."""
    if tag != f"v{project.version}":
        raise BuildError(f"The tag is {tag} and pyproject.toml's version is {project.version}.")
    if f"## [{project.version}]" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise BuildError(f"CHANGELOG.md has no section for {project.version}.")


def notes(project: Project) -> str:
    """What changed in this version, as Markdown, and how to tell that a file is genuine."""
    (release, *_) = read_releases(project.version)
    changes = "".join(f"- {change}\n" for change in release.changes)
    return (
        f"{changes}\n"
        "SHA256SUMS has the checksums. That a file was built from this repository's sources shows\n"
        "`gh attestation verify FILE --repo OWNER/REPOSITORY`.\n"
    )


def keep_bill(dist: Path, project: Project, made: Path = MADE) -> Path:
    """Copy what the frozen application's bill of materials says, named as its installers are."""
    bill = made / "licences" / "chatdesk.cdx.json"
    if not bill.is_file():
        raise BuildError("There is no bill of materials: build first.")
    dist.mkdir(exist_ok=True)
    name = f"{project.name}-{project.version}-{system()}-{architecture()}.cdx.json"
    return Path(shutil.copyfile(bill, dist / name))


def main() -> int:
    parser = argparse.ArgumentParser(description="The steps of a release.")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("check").add_argument("tag")
    steps.add_parser("bill")
    steps.add_parser("notes").add_argument("file", type=Path)
    steps.add_parser("sums").add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        project = read_project()
        if options.step == "check":
            check(options.tag, project)
        elif options.step == "bill":
            print(keep_bill(DIST, project).name)
        elif options.step == "notes":
            options.file.write_text(notes(project), encoding="utf-8")
        else:
            print(write_checksums(options.folder).read_text(encoding="utf-8"), end="")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
