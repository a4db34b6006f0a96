"""The steps of a release beside building: its tag, notes, bill of materials, and the trials."""

from __future__ import annotations

import dataclasses
import sys
import tarfile
from pathlib import Path

import pytest
import release
import try_installers
from installers.project import BuildError, Project, read_project


@pytest.fixture
def project() -> Project:
    return read_project()


def test_a_tag_must_name_the_version(project: Project) -> None:
    with pytest.raises(BuildError, match=r"v9\.9"):
        release.check("v9.9", project)
    unknown = dataclasses.replace(project, version="9.9")
    with pytest.raises(BuildError, match="no section"):
        release.check("v9.9", unknown)


def test_the_notes_tell_the_changes_and_how_to_verify(project: Project) -> None:
    notes = release.notes(project)
    assert notes.startswith("- ")
    assert "gh attestation verify" in notes


def test_the_bill_of_materials_is_named_as_the_installers(tmp_path: Path, project: Project) -> None:
    with pytest.raises(BuildError, match="build first"):
        release.keep_bill(tmp_path / "dist", project, tmp_path)
    bill = tmp_path / "licences" / "chatdesk.cdx.json"
    bill.parent.mkdir()
    bill.write_text("{}")
    kept = release.keep_bill(tmp_path / "dist", project, tmp_path)
    assert kept.read_text() == "{}"
    assert kept.name.startswith(f"chatdesk-{project.version}-")
    assert kept.name.endswith(".cdx.json")


def test_the_program_at_the_top_of_an_archive_is_tried(tmp_path: Path) -> None:
    tree = tmp_path / "chatdesk-1"
    for name in ("chatdesk", "_internal/chatdesk/chatdesk", "share/chatdesk"):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    file = tmp_path / "chatdesk-1.tar.xz"
    with tarfile.open(file, "w:xz") as archive:
        archive.add(tree, tree.name)
    with try_installers.unpacked(file) as program:
        assert program.parts[-2:] == ("chatdesk-1", "chatdesk")
        assert program.is_file()
    assert not program.exists()


def test_an_archive_without_the_program_fails(tmp_path: Path) -> None:
    file = tmp_path / "empty.tar.xz"
    tarfile.open(file, "w:xz").close()
    with pytest.raises(try_installers.TrialError), try_installers.unpacked(file):
        pass


def test_nothing_to_try_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["try_installers.py", str(tmp_path / "readme.txt")])
    assert try_installers.main() == 1
    assert "nothing here" in capsys.readouterr().err
