"""The AppImage on a clean system: one file, made executable and started, where there is no FUSE."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from clean_root import HOME, PERSON_ID, CleanRoot
from clean_root_maker import why_not
from sitting import Sitting

PROGRAM = f"{HOME}/Chatdesk.AppImage"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def ann(
    desktop: CleanRoot, appimage: Path, display: dict[str, str], pictures: Path
) -> Iterator[Sitting]:
    """Ann, with the file in her home."""
    file = desktop.path(PROGRAM)
    shutil.copyfile(appimage, file)
    shutil.chown(file, PERSON_ID, PERSON_ID)
    file.chmod(0o755)
    output = pictures / "appimage.txt"
    output.unlink(missing_ok=True)
    sitting = Sitting(desktop, display, output, PROGRAM)
    yield sitting
    sitting.leave()


def test_there_is_no_fuse(ann: Sitting) -> None:
    assert not ann.root.path("/dev/fuse").exists()
    assert ann.root.attempt("sh", "-c", "command -v fusermount fusermount3").returncode != 0


def test_a_question_is_answered_and_kept(ann: Sitting, pictures: Path) -> None:
    ann.ask_and_come_back([PROGRAM], pictures / "appimage-answer.png")


def test_nothing_is_wrong_for_the_doctor(ann: Sitting) -> None:
    report = ann.told("doctor")
    assert report["ok"], report


def test_deleting_the_file_leaves_the_data(ann: Sitting) -> None:
    size = (ann.data / "chats.db").stat().st_size
    ann.root.run(PROGRAM, "--appimage-clean")
    ann.root.path(PROGRAM).unlink()
    assert (ann.data / "chats.db").stat().st_size == size
