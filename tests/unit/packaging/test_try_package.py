"""Continuous integration builds a package only where something that decides about it changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import try_package


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The packages that were tried; building them takes no time here."""
    found: list[Path] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(try_package, "build", lambda: tmp_path / "chatdesk.deb")
    monkeypatch.setattr(try_package, "try_unpacked", found.append)
    monkeypatch.setattr(try_package, "key", lambda: "the files of today")
    monkeypatch.setattr(sys, "argv", ["try_package.py"])
    return found


def test_without_a_note_of_an_earlier_run_it_is_built(tried: list[Path]) -> None:
    assert try_package.main() == 0
    assert len(tried) == 1


def test_it_is_built_once_for_the_same_files(tried: list[Path]) -> None:
    try_package.main()
    assert try_package.main() == 0
    assert len(tried) == 1


def test_it_is_built_again_for_other_files(
    tried: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    try_package.main()
    monkeypatch.setattr(try_package, "key", lambda: "the files of tomorrow")
    try_package.main()
    assert len(tried) == 2


def test_it_is_built_when_it_is_asked_for(
    tried: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    try_package.main()
    monkeypatch.setattr(sys, "argv", ["try_package.py", "--always"])
    try_package.main()
    assert len(tried) == 2


def test_one_that_failed_is_tried_again_the_next_time(
    tried: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(package: Path) -> None:
        raise subprocess.CalledProcessError(1, ["smoke"])

    with monkeypatch.context() as patch:
        patch.setattr(try_package, "try_unpacked", fail)
        assert try_package.main() == 1
    assert try_package.main() == 0
    assert len(tried) == 1
