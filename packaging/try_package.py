"""Builds the .deb with this computer's llama.cpp and tries it, when something that decides about it
changed: the files of packaging/, resources/ or the dependencies. For the continuous integration.

    .venv/bin/python packaging/try_package.py            when something changed
    .venv/bin/python packaging/try_package.py --always

What was tried last is noted outside the working copy, in the person's cache folder: a fresh and
shallow clone decides as any other, and where there is no such note it is built. Nothing is
installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from installers.project import PACKAGING, ROOT
from installers.record import HOW, sources_key

MADE = ROOT / "build" / "development" / "dist"
PROGRAM = Path("usr/bin/chatdesk")


def noted() -> Path:
    """The file that holds the key of what was tried last."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "chatdesk-development" / "package-tried"


def key() -> str:
    return f"{sources_key(HOW)} {sys.version}"


def build() -> Path:
    """The package, built now. Raises CalledProcessError, after the reason was printed."""
    command = [sys.executable, str(PACKAGING / "build.py"), "--development", "--missing", "deb"]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    return max(MADE.glob("*.deb"), key=lambda path: path.stat().st_mtime)


def try_unpacked(package: Path) -> None:
    """Run the smoke test on a package's program. Raises CalledProcessError."""
    display = ["xvfb-run", "-a"] if shutil.which("xvfb-run") else []
    with tempfile.TemporaryDirectory(prefix="chatdesk-package-") as folder:
        subprocess.run(["dpkg-deb", "--extract", str(package), folder], check=True)
        smoke = [sys.executable, str(PACKAGING / "smoke.py"), str(Path(folder) / PROGRAM)]
        subprocess.run([*display, *smoke], stdin=subprocess.DEVNULL, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the .deb for tests and try it.")
    parser.add_argument("--always", action="store_true", help="also when nothing changed")
    options = parser.parse_args()
    note = noted()
    now = key()
    if not options.always and note.is_file() and note.read_text(encoding="utf-8") == now:
        print("The package was tried with these packaging files and dependencies before.")
        return 0
    try:
        try_unpacked(build())
    except subprocess.CalledProcessError as error:
        print(f"The package does not work: {Path(error.cmd[0]).name} failed.", file=sys.stderr)
        return 1
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
