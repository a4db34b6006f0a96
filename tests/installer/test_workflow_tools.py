"""The continuous integration's files as the tools made for them see them.

The tools are in requirements.txt beside this file; actionlint, which is no Python package, is used
where it is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"


@pytest.mark.parametrize(
    "command",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
        ["zizmor", "--offline", "--persona", "auditor", "--no-progress"],
        ["actionlint"],
    ],
    ids=lambda command: command[0],
)
def test_a_tool_finds_nothing(command: list[str]) -> None:
    beside = Path(sys.executable).parent / command[0]
    program = str(beside) if beside.is_file() else shutil.which(command[0])
    if program is None:
        pytest.skip(f"{command[0]} is not installed (tests/installer/requirements.txt)")
    done = subprocess.run(
        [program, *command[1:], *map(str, sorted(WORKFLOWS.glob("*.yml")))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
