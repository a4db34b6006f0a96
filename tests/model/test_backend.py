"""llama.cpp as it is loaded into a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOAD = (
    "import os\n"
    "from chatdesk.providers.llama.backend import backend\n"
    "backend()\n"
    "print(os.environ.get('OMP_WAIT_POLICY'))\n"
)


def _load(**environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    return subprocess.run(
        [sys.executable, "-c", LOAD],
        env=inherited | {"OMP_DISPLAY_ENV": "true"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )


def _policy(run: subprocess.CompletedProcess[str]) -> str:
    shown = [line for line in run.stderr.splitlines() if "OMP_WAIT_POLICY" in line]
    if not shown:
        pytest.skip("llama.cpp was built without OpenMP")
    return shown[0].partition("=")[2].strip(" '").lower()


def test_the_models_threads_sleep_while_they_wait_for_each_other() -> None:
    run = _load()
    assert _policy(run) == "passive"
    assert run.stdout.strip() == "None", "programs started by Chatdesk must not inherit it"


def test_a_wait_policy_of_the_persons_own_stays() -> None:
    run = _load(OMP_WAIT_POLICY="active")
    assert _policy(run) == "active"
    assert run.stdout.strip() == "active"
