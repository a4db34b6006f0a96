"""The checks and tests where there is no make: on Windows, and on macOS without its tools.

    python packaging/check.py               sets up and runs what this system can
    python packaging/check.py unit ui       only these groups

On Linux `make test` is the same and more: real windows with a keyring, an X display and a screen
reader's view (tests/e2e) need what only Linux has in these tests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bootstrap import venv_program

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("unit", "model", "ui")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the checks that need no make.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    groups = parser.parse_args().groups or GROUPS
    if unknown := set(groups) - set(GROUPS):
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    setup = [sys.executable, str(ROOT / "packaging" / "bootstrap.py")]
    if subprocess.run(setup, cwd=ROOT, check=False).returncode != 0:
        return 1
    commands = [
        [str(venv_program("ruff")), "check", "."],
        [str(venv_program("ruff")), "format", "--check", "."],
        *([str(venv_program("pytest")), "-q", f"tests/{group}"] for group in groups),
    ]
    failed = []
    for command in commands:
        words = " ".join([Path(command[0]).stem, *command[1:]])
        print(f"== {words}", flush=True)
        # Every one runs, so that one run tells all that is wrong.
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(words)
    for words in failed:
        print(f"Failed: {words}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
