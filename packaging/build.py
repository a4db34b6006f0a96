"""Builds Chatdesk's installers for the system it runs on.

    python packaging/build.py                 every installer of this system
    python packaging/build.py deb tar         only these
    python packaging/build.py --frozen        only the frozen application, in build/installer/frozen
    python packaging/build.py --missing       only what is missing or older than its sources
    python packaging/build.py --development   with this computer's llama.cpp: quick, only for tests

What it makes is in dist/, with checksums. What --development makes is in build/development/dist, so
that nobody takes it for one that runs elsewhere. Run it with the Python that is to be inside.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from installers import kinds
from installers.checksums import write_checksums
from installers.freeze import FROZEN, MADE, make_frozen
from installers.project import ROOT, BuildError, read_project, system
from installers.record import SOURCES, Record, sources_key
from installers.wheels import ACCELERATORS, development_wheels, portable_wheels

DIST = ROOT / "dist"
WHEELS = ROOT / "build" / "wheels"
DEVELOPMENT = ROOT / "build" / "development"


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    here = kinds.for_system(system())
    parser = argparse.ArgumentParser(
        description="Build Chatdesk's installers for this system into dist/."
    )
    parser.add_argument("kinds", nargs="*", choices=[*here, []], help="which; default: all of them")
    parser.add_argument("--frozen", action="store_true", help="only the frozen application")
    parser.add_argument(
        "--packed", action="store_true", help="pack what is frozen already, freeze nothing"
    )
    parser.add_argument(
        "--missing", action="store_true", help="only what is missing or older than its sources"
    )
    parser.add_argument(
        "--development",
        action="store_true",
        help="with the llama.cpp of .venv, built for this computer: for tests, not for people",
    )
    parser.add_argument(
        "--accelerator", choices=list(ACCELERATORS), default="cpu", help="graphics cards to support"
    )
    options = parser.parse_args()
    try:
        build(here, options)
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def build(here: Mapping[str, kinds.Maker], options: argparse.Namespace) -> None:
    """What the command line asks for. Raises BuildError."""
    made, dist = (DEVELOPMENT, DEVELOPMENT / "dist") if options.development else (MADE, DIST)
    frozen = made / FROZEN.relative_to(MADE)
    key = f"{sources_key(SOURCES)} {options.accelerator} {sys.version}"
    record = Record(made / "built.json", key)
    wanted = [
        kind for kind in options.kinds or here if not (options.missing and record.is_current(kind))
    ]
    if not wanted:
        say("Everything is built already.")
        return
    if options.packed:
        if not frozen.is_dir():
            raise BuildError("Nothing is frozen yet: run it once without --packed.")
    elif not (options.missing and record.is_current("frozen")):
        for name in ("frozen", *here):
            record.forget(name)
        wheels = (
            development_wheels(made / "wheels")
            if options.development
            else portable_wheels(WHEELS, options.accelerator, say)
        )
        make_frozen(wheels, say, made)
        record.note("frozen", [path for path in sorted(frozen.iterdir()) if path.is_file()])
    if options.frozen:
        say(f"The frozen application is in {frozen.relative_to(ROOT)}.")
        return
    dist.mkdir(parents=True, exist_ok=True)
    project = read_project()
    packed = []
    for kind in wanted:
        say(f"Making the {kind}")
        record.forget(kind)
        files = list(here[kind](frozen, made, dist, project))
        # What is packed from an application that may be older says nothing of the sources.
        if record.is_current("frozen"):
            record.note(kind, files)
        packed += files
    write_checksums(dist)
    for path in packed:
        say(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
