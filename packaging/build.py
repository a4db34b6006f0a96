"""Builds Chatdesk's installers for the system it runs on.

    python packaging/build.py                 every installer of this system
    python packaging/build.py deb tar         only these
    python packaging/build.py --frozen        only the frozen application, in build/installer/frozen
    python packaging/build.py --development   with this computer's llama.cpp: quick, only for tests

What it makes is in dist/, with checksums. Run it with the Python that is to be inside.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from installers import kinds
from installers.checksums import write_checksums
from installers.freeze import FROZEN, MADE, make_frozen
from installers.project import ROOT, BuildError, read_project, system
from installers.wheels import ACCELERATORS, portable_wheels

DIST = ROOT / "dist"


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
        "--development",
        action="store_true",
        help="take the lock's llama.cpp, built for this computer: for tests, not for people",
    )
    parser.add_argument(
        "--accelerator", choices=list(ACCELERATORS), default="cpu", help="graphics cards to support"
    )
    options = parser.parse_args()
    try:
        if not options.packed:
            wheels = (
                ()
                if options.development
                else portable_wheels(ROOT / "build" / "wheels", options.accelerator, say)
            )
            make_frozen(wheels, say)
        elif not FROZEN.is_dir():
            raise BuildError("Nothing is frozen yet: run it once without --packed.")
        if options.frozen:
            say(f"The frozen application is in {FROZEN.relative_to(ROOT)}.")
            return 0
        DIST.mkdir(exist_ok=True)
        project = read_project()
        made = []
        for kind in options.kinds or here:
            say(f"Making the {kind}")
            made += here[kind](FROZEN, MADE, DIST, project)
        write_checksums(DIST)
        for path in made:
            say(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.1f} MB")
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
