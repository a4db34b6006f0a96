"""The continuous integration's files as the tools made for them see them.

`make installer-test` installs the tools (requirements.lock beside this file) into
build/workflow-tools. actionlint is none of them: it is no Python package and not in Debian.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build" / "workflow-tools" / ("Scripts" if os.name == "nt" else "bin")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize(
    "command",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
        ["zizmor", "--offline", "--persona", "auditor", "--no-progress"],
    ],
    ids=lambda command: command[0],
)
def test_a_tool_finds_nothing(command: list[str]) -> None:
    assert WORKFLOWS
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:], *map(str, WORKFLOWS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
