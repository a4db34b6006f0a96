"""The archive on a clean system: unpacked and installed by a person who is no administrator."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clean_root import HOME, PERSON_ID, CleanRoot
from clean_root_maker import why_not
from sitting import Sitting, menu_command

PROGRAM = f"{HOME}/.local/bin/chatdesk"
ENTRY = f"{HOME}/.local/share/applications/chatdesk.desktop"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def ann(
    desktop: CleanRoot, tar: Path, display: dict[str, str], pictures: Path
) -> Iterator[Sitting]:
    """Ann, with the archive unpacked among her downloads."""
    downloads = desktop.path(f"{HOME}/downloads")
    downloads.mkdir()
    subprocess.run(["tar", "-C", str(downloads), "--no-same-owner", "-xf", str(tar)], check=True)
    desktop.run("chown", "-R", f"{PERSON_ID}:{PERSON_ID}", f"{HOME}/downloads", person=False)
    output = pictures / "tar.txt"
    output.unlink(missing_ok=True)
    sitting = Sitting(desktop, display, output, PROGRAM)
    yield sitting
    sitting.leave()


def unpacked(root: CleanRoot) -> str:
    """The unpacked folder, by its path in the root."""
    (folder,) = root.path(f"{HOME}/downloads").iterdir()
    return f"{HOME}/downloads/{folder.name}"


def test_it_runs_where_it_was_unpacked(ann: Sitting) -> None:
    assert ann.root.run(f"{unpacked(ann.root)}/chatdesk", "--version").strip()


def test_it_is_installed_by_ann_without_a_network(ann: Sitting) -> None:
    told = ann.root.run("sh", f"{unpacked(ann.root)}/install.sh")
    assert PROGRAM in told and "not have yet" not in told
    assert ann.root.run(PROGRAM, "--version").strip()
    shutil.rmtree(ann.root.path(f"{HOME}/downloads"))  # it is no longer needed


def test_a_question_from_the_menu_is_answered_and_kept(ann: Sitting, pictures: Path) -> None:
    command = menu_command(ann.root.path(ENTRY).read_text(encoding="utf-8"))
    assert command == [PROGRAM]
    ann.ask_and_come_back(command, pictures / "tar-answer.png")


def test_nothing_is_wrong_for_the_doctor(ann: Sitting) -> None:
    report = ann.told("doctor")
    assert report["ok"], report


def test_removing_it_leaves_the_data_and_says_where(ann: Sitting) -> None:
    size = (ann.data / "chats.db").stat().st_size
    told = ann.root.run("sh", f"{HOME}/.local/lib/chatdesk/uninstall.sh")
    assert f"{HOME}/.local/share/Chatdesk" in told
    home = ann.root.path(HOME)
    left = [path for path in home.rglob("*chatdesk*") if "Chatdesk/" not in str(path)]
    assert left == []
    assert (ann.data / "chats.db").stat().st_size == size
