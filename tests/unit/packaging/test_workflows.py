"""The continuous integration's files: what they may do, and that they only call what is here.

Their syntax is checked by tests/installer/test_workflow_tools.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def jobs(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["permissions"] == {}, "a job gets only what it asks for"
    assert "cancel-in-progress" in document["concurrency"]
    return dict(document["jobs"])


def scripts(path: Path) -> Iterator[str]:
    for job in jobs(path).values():
        for step in job["steps"]:
            if "run" in step:
                yield step["run"]


def test_there_are_tests_and_releases() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


@each
def test_every_action_is_one_commit_with_its_version_beside_it(path: Path) -> None:
    uses = re.findall(r"^\s*-? ?uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert uses
    for line in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@each
def test_every_job_says_what_it_may_do_and_how_long(path: Path) -> None:
    for name, job in jobs(path).items():
        assert isinstance(job["permissions"], dict), name
        assert job["timeout-minutes"] <= 150, name
        writes = {key for key, right in job["permissions"].items() if right == "write"}
        assert not writes or (path.name, name) == ("release.yml", "publish")
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


@each
def test_nothing_that_others_write_becomes_part_of_a_script(path: Path) -> None:
    for script in scripts(path):
        assert "${{" not in script, script


@each
def test_scripts_call_what_is_in_the_repository(path: Path) -> None:
    for script in scripts(path):
        for name in re.findall(r"packaging/[\w./-]+", script):
            assert (ROOT / name).is_file(), name


def test_only_the_build_steps_get_secrets_and_only_on_tags() -> None:
    release = next(path for path in WORKFLOWS if path.name == "release.yml")
    text = release.read_text(encoding="utf-8")
    # YAML reads a bare "on" as true.
    assert yaml.safe_load(text)[True] == {"push": {"tags": ["v*"]}}
    for job in jobs(release).values():
        for step in job["steps"]:
            if "secrets." in str(step):
                assert step["run"].endswith("python packaging/build.py")
                assert job["environment"] == "release"
    (ci,) = (path for path in WORKFLOWS if path.name == "ci.yml")
    assert "secrets." not in ci.read_text(encoding="utf-8")
