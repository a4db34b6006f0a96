"""The RPM package, installed by rpm into a system with an RPM database.

No RPM distribution can be had here, so the system is Debian with rpm in it: this proves the
package's files, scripts, update and removal, and that they work without Python and network. rpm
knows none of Debian's packages and so must not look at dependencies; what the package requires is
compared with what rpm's own tools say in test_dependencies.py. Not proven: that a certain
distribution's packages provide it, and how it looks on that distribution's desktop.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from clean_root import CleanRoot
from clean_root_maker import why_not
from installers import rpm as rpm_maker
from installers.freeze import FROZEN, MADE
from installers.project import read_project
from sitting import QUESTION, Sitting, menu_command

ENTRY = "/usr/share/applications/chatdesk.desktop"
LEFT_OVER = "/usr/lib/chatdesk/only-in-the-version-before"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package of the version before: this one with another number and a file that is gone now."""
    folder = tmp_path_factory.mktemp("before")
    frozen = folder / "chatdesk"
    shutil.copytree(FROZEN, frozen, symlinks=True)
    (frozen / Path(LEFT_OVER).name).write_text("gone with the next version\n")
    (folder / "venv").symlink_to(MADE / "venv")
    older = dataclasses.replace(read_project(), version="0.0.9")
    with pytest.MonkeyPatch.context() as patch:
        # As it is: packing takes minutes.
        patch.setitem(rpm_maker._SETTINGS, "_binary_payload", "w.ufdio")
        (file,) = rpm_maker.make(frozen, folder, folder, older)
    yield file
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ann(
    desktop: CleanRoot, rpm: Path, before: Path, display: dict[str, str], pictures: Path
) -> Iterator[Sitting]:
    """Ann at a computer with rpm on it, and the packages in /tmp."""
    desktop.install("rpm")
    desktop.run("rpm", "--initdb", person=False)
    shutil.copyfile(rpm, desktop.path("/tmp/chatdesk.rpm"))
    shutil.copyfile(before, desktop.path("/tmp/before.rpm"))
    output = pictures / "rpm.txt"
    output.unlink(missing_ok=True)
    sitting = Sitting(desktop, display, output, "chatdesk")
    yield sitting
    sitting.leave()


def test_the_version_before_is_installed_without_python(ann: Sitting) -> None:
    ann.root.run("rpm", "-i", "--nodeps", "/tmp/before.rpm", person=False)
    assert ann.root.attempt("sh", "-c", "command -v python3").returncode != 0
    assert ann.root.run("rpm", "-q", "chatdesk", person=False).startswith("chatdesk-0.0.9-1")
    assert ann.root.path(LEFT_OVER).exists()


def test_a_question_from_the_menu_is_answered_and_kept(ann: Sitting, pictures: Path) -> None:
    command = menu_command(ann.root.path(ENTRY).read_text(encoding="utf-8"))
    ann.ask_and_come_back(command, pictures / "rpm-answer.png")


def test_the_update_keeps_the_data_and_says_no_goodbye(ann: Sitting) -> None:
    before = ann.messages()
    told = ann.root.run("rpm", "-U", "--nodeps", "/tmp/chatdesk.rpm", person=False)
    assert "Conversations" not in told
    assert ann.messages() == before


def test_the_update_is_whole_and_leaves_nothing_of_the_old_program(ann: Sitting) -> None:
    version = read_project().version
    assert ann.root.run("rpm", "-q", "chatdesk", person=False).startswith(f"chatdesk-{version}-1")
    assert ann.root.run("rpm", "-V", "--nodeps", "chatdesk", person=False) == ""
    assert not ann.root.path(LEFT_OVER).exists()


def test_the_new_version_goes_on_with_the_old_chat(ann: Sitting, pictures: Path) -> None:
    ann.open(*menu_command(ann.root.path(ENTRY).read_text(encoding="utf-8")))
    assert ann.messages()[0]["content"] == QUESTION
    ann.screenshot(pictures / "rpm-updated.png")
    assert ann.close() == 0


def test_nothing_is_wrong_for_the_doctor(ann: Sitting) -> None:
    report = ann.told("doctor")
    assert report["ok"], report


def test_removing_it_leaves_the_data_and_says_where(ann: Sitting) -> None:
    size = (ann.data / "chats.db").stat().st_size
    told = ann.root.run("rpm", "-e", "--nodeps", "chatdesk", person=False)
    assert "~/.local/share/Chatdesk" in told
    assert not ann.root.path("/usr/lib/chatdesk").exists()
    assert not ann.root.path(ENTRY).exists()
    assert (ann.data / "chats.db").stat().st_size == size
